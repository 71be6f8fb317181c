"""A tenant with one account at one of the carriers, as the scenarios of all carriers use it. Each
carrier is described once, in CARRIERS: where its simulator is, with which credentials, which lines
and plans."""

import json

from stage import TenantScene

CALLBACK_PASSWORD = "callback-secret-of-the-scenario"

CARRIERS = {
    "pond": {
        "settings": {"baseUrl": "/pond/ds/u/distributorPPUService/v1", "distributorId": 9001},
        "first": 8_944_777_000_000_000_000, "portal": "m2m",
        "fleet": {"packageTypeId": 40117}, "plans": {"A": "40117", "B": "40118"}},
    "jasper": {
        "settings": {"baseUrl": "/jasper/rws/api/v1"},
        "credentials": {"username": "carryall", "apiKey": "jasper-sim-key"},
        "first": 8_901_000_000_000_000_000, "portal": "m2m",
        "fleet": {"ratePlan": "FLEET 5MB"}, "plans": {"FLEET 5MB": "", "FLEET 10MB": ""}},
    "thingspace": {
        "settings": {"baseUrl": "/thingspace/api", "accountName": "0000123456-00001",
                     "callbackSources": ["127.0.0.0/8"]},
        "credentials": {"appKey": "thingspace-sim-key", "appSecret": "thingspace-sim-secret",
                        "username": "carryall", "password": "thingspace-sim-password",
                        "callbackUsername": "carryall", "callbackPassword": CALLBACK_PASSWORD},
        "first": 8_914_800_000_000_000_000, "portal": "m2m",
        "fleet": {"servicePlan": "M2M-5MB", "state": "active"},
        "plans": {"M2M-5MB": "", "M2M-10MB": ""}},
    "telegence": {
        "settings": {"baseUrl": "/telegence"},
        "credentials": {"clientId": "telegence-sim-app", "clientSecret": "telegence-sim-secret"},
        "first": 8_901_030_000_000_000_000, "portal": "mobility",
        "fleet": {"firstSubscriberNumber": "2145550100", "plan": "PLAN1GB"},
        "plans": {"PLAN1GB": "", "PLAN5GB": ""}},
}


class CarrierScene(TenantScene):
    """`lines` active lines at the carrier and in the inventory, on the first of its two plans.
    `beside`: another scene that goes on; its carriers are left as they are, and its lines are
    others than these."""

    def __init__(self, platform, name, carrier, lines, provider=(), settings=None, fleet=None,
                 status="Active", beside=None, has_credentials=True):
        if beside is None:
            platform.simulator("reset", {})
        super().__init__(platform, name, lines)
        self.carrier, self.facts = carrier, CARRIERS[carrier]
        self.first = self.facts["first"] + (beside.lines if beside else 0)
        self.first_number = int(self.facts["fleet"].get("firstSubscriberNumber", 0))
        platform.simulator(f"{carrier}/fleet", {
            **self.facts["fleet"], "firstIccid": str(self.first), "count": lines, **(fleet or {})})
        self.provider_id = self.set_up_account(provider, settings or {}, has_credentials)
        self.load(status)

    @property
    def plans(self):
        return list(self.facts["plans"])

    def iccid(self, number):
        return str(self.first + number)

    def set_up_account(self, provider, more, has_credentials):
        keys = self.platform.notes["keys"]
        self.credentials = self.facts.get("credentials") or {
            "apiKey": keys["pondKey"], "username": "carryall", "password": keys["pondPassword"]}
        settings = {**self.facts["settings"], **more}
        settings["baseUrl"] = self.platform.notes["simulator"] + settings["baseUrl"]
        words = provider or ["isUnpaced:=true"]
        made = self.platform.carryall(
            "providers", "create", f"name={self.carrier}", f"integration={self.carrier}",
            "writeIsEnabled:=true", f"settings:={json.dumps(settings)}", *words)
        number = made["serviceProviderId"]
        if has_credentials:
            self.change_credentials(number, self.credentials)
        if self.carrier == "thingspace":
            settings["callbackUrl"] = (f"{self.platform.notes['url']}/callbacks/thingspace/"
                                       f"{self.tenant_id}/{number}")
            self.platform.carryall("providers", "set", number,
                                   f"settings:={json.dumps(settings)}")
        return number

    def load(self, status):
        rows = "".join(f"{self.carrier},{code},{number}\n"
                       for code, number in self.facts["plans"].items())
        self.platform.carryall("import", "carrier-rate-plans", self.write(
            "plans.csv", "Service Provider,Code,Carrier Plan Id\n" + rows))
        rows = "".join(
            f"{self.iccid(n)},{self.carrier},{self.facts['portal']},{status},{self.plans[0]},"
            f"{self.first_number + n if self.first_number else ''}\n" for n in range(self.lines))
        report = self.platform.carryall("import", "devices", self.write(
            "devices.csv",
            "ICCID,Service Provider,Portal,Status,Carrier Rate Plan,MSISDN\n" + rows))
        assert report["createdCount"] == self.lines, report

    def change_credentials(self, provider_id, members):
        self.platform.carryall("providers", "set", provider_id, "--credentials",
                               self.write("credentials.json", json.dumps(members)))

    def faults(self, *rules):
        self.platform.simulator("faults", {"system": self.carrier, "seed": 11,
                                           "rules": list(rules)})

    def knobs(self, **knobs):
        self.platform.simulator(f"{self.carrier}/knobs", knobs)

    def submit(self, *words, numbers=None):
        return self.submit_file(self.carrier,
                                [self.iccid(n) for n in numbers or range(self.lines)], words)

    def endings(self, number):
        """How each device of a change ended: its state, and the class of its error."""
        self.finish(number)
        return [(device["state"], device["errorClass"])
                for device in self.ask_all(f"bulk-changes/{number}/devices")]

    def actions(self):
        return self.platform.simulator("ledger/summary")["systems"].get(self.carrier, {})

    def devices(self):
        """Our record, by ICCID."""
        return {device["iccid"]: device for device in self.ask_all("devices")}

    def ask_all(self, path):
        """Every item of a list of the API."""
        token = ""
        while True:
            page = self.api(f"{path}?limit=200" + (f"&pageToken={token}" if token else ""))
            yield from page["items"]
            token = page.get("nextPageToken")
            if not token:
                return
