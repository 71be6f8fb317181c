"""The four carriers as the benchmarks use them: where each one's simulator is and with which
credentials, its lines, the change that is measured, and the same requests for a tool that does
nothing else."""
import base64
import dataclasses
import json

MIDDLE = 9  # digits of a line's number that count up; Lua counts no more of them exactly


@dataclasses.dataclass
class Carrier:
    name: str               # also the integration and the simulator's system
    title: str
    settings: dict          # baseUrl without the simulator's address
    credentials: dict
    first_iccid: int
    fleet: dict
    change: dict            # parameters of the upload
    action: str             # of the change's requests in the ledger
    method: str
    path: str               # {} is the line
    headers: dict
    body: dict
    unlimited: list         # options of a simulator without limits
    calls_a_second: float   # what is allowed when pacing is on
    pace: dict              # of the service provider; empty: the integration's defaults
    page_size: int = 25     # when pacing is on: small enough that two workers have something to do
    first_number: int = 0   # subscriber numbers, where lines are addressed by them
    devices_a_request: int = 1

    @property
    def portal(self):
        return "mobility" if self.first_number else "m2m"

    def wrk_script(self, lines):
        """One request for each line, over and over."""
        first = str(self.first_number or self.first_iccid)
        before, after = self.path.split("{}")
        headers = "".join(f'wrk.headers["{name}"] = "{value}"\n'
                          for name, value in {"Content-Type": "application/json",
                                              **self.headers}.items())
        return headers + f'''
local lines, requests, at = {lines}, {{}}, 0
function init(args)
    for i = 0, lines - 1 do
        local line = string.format("%0{MIDDLE}d", {int(first[-MIDDLE:])} + i)
        requests[i] = wrk.format("{self.method}", "{before}{first[:-MIDDLE]}" .. line .. "{after}",
                                 nil, [[{json.dumps(self.body)}]])
    end
end
function request()
    at = (at + 1) % lines
    return requests[at]
end
'''


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


POND = Carrier(
    name="pond", title="POND status",
    settings={"baseUrl": "/pond/ds/u/distributorPPUService/v1", "distributorId": 9001},
    credentials={"apiKey": "pond-sim-key", "username": "carryall",
                 "password": "pond-sim-password"},
    first_iccid=8_910_300_000_000_000_000,
    fleet={"inventoryId": 310, "groupId": 7001, "packageTypeId": 40117, "active": True},
    change={"changeType": "statusupdate", "updateStatus": "Suspended"},
    action="sim_status", method="POST",
    path="/pond/ds/u/distributorPPUService/v1/9001/sim/{}/status",
    headers={"ApiKey": "pond-sim-key", "Authorization": basic("carryall", "pond-sim-password")},
    body={"simDataServiceStatus": "DISABLED", "simVoiceServiceStatus": "DISABLED",
          "simSmsServiceStatus": "DISABLED"},
    unlimited=["--pond-rate", "0"], calls_a_second=10, pace={})

JASPER = Carrier(
    name="jasper", title="Jasper rate plan",
    settings={"baseUrl": "/jasper/rws/api/v1"},
    credentials={"username": "carryall", "apiKey": "jasper-sim-key"},
    first_iccid=8_901_000_000_000_000_000,
    fleet={"ratePlan": "FLEET 5MB"},
    change={"changeType": "carrierrateplanchange", "carrierRatePlan": "FLEET 10MB"},
    action="edit_device", method="PUT", path="/jasper/rws/api/v1/devices/{}",
    headers={"Authorization": basic("carryall", "jasper-sim-key"), "Accept": "application/json"},
    body={"ratePlan": "FLEET 10MB"},
    unlimited=["--jasper-rate", "0", "--jasper-in-flight", "0"],
    calls_a_second=5, pace={"ratePerSecond": 5, "maxConcurrency": 1})

THINGSPACE = Carrier(
    name="thingspace", title="ThingSpace plan",
    settings={"baseUrl": "/thingspace/api", "accountName": "0000123456-00001",
              "callbackSources": ["127.0.0.0/8"]},
    credentials={"appKey": "thingspace-sim-key", "appSecret": "thingspace-sim-secret",
                 "username": "carryall", "password": "thingspace-sim-password",
                 "callbackUsername": "carryall", "callbackPassword": "callback-secret"},
    first_iccid=8_914_800_000_000_000_000,
    fleet={"servicePlan": "M2M-5MB", "state": "active"},
    change={"changeType": "carrierrateplanchange", "carrierRatePlan": "M2M-10MB"},
    action="plan", method="PUT", path="/thingspace/api/m2m/v1/devices/actions/plan",
    headers={}, body={"accountName": "0000123456-00001", "servicePlan": "M2M-10MB"},
    unlimited=[], calls_a_second=1.6, pace={}, page_size=200, devices_a_request=2000)

TELEGENCE = Carrier(
    name="telegence", title="Telegence rate plan",
    settings={"baseUrl": "/telegence"},
    credentials={"clientId": "telegence-sim-app", "clientSecret": "telegence-sim-secret"},
    first_iccid=8_901_030_000_000_000_000, first_number=2_145_550_100,
    fleet={"firstSubscriberNumber": "2145550100", "plan": "PLAN1GB"},
    change={"changeType": "carrierrateplanchange", "carrierRatePlan": "PLAN5GB"},
    action="line_change", method="PATCH",
    path="/telegence/sp/mobility/lineconfig/api/v1/service/{}",
    headers={"app-id": "telegence-sim-app", "app-secret": "telegence-sim-secret"},
    body={"serviceCharacteristic": [{"name": "singleUserCode", "value": "PLAN5GB"}]},
    unlimited=["--telegence-rate", "0"], calls_a_second=10, pace={"ratePerSecond": 10})

CARRIERS = [POND, JASPER, THINGSPACE, TELEGENCE]
