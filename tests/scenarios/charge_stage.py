"""A tenant with a Rev.io account, lines of one carrier and an optimisation of them, as the
scenarios of customer charges use it. What Rev.io holds is always asked of its simulator."""

import base64
import json
import urllib.request
from decimal import Decimal

from stage import FIRST_ICCID, TenantScene

CUSTOMER = 4102


class ChargeScene(TenantScene):
    """`devices` lines of one customer, each with a service at Rev.io. `account`: words for the
    Rev.io account; none: it has no limits."""

    def __init__(self, platform, name, devices, account=("isUnpaced:=true",), resets=True):
        if resets:
            platform.simulator("reset", {})
        super().__init__(platform, name, devices)
        self.next_instance = 71
        self.customer_id = platform.carryall("customers", "create", "name=Acme",
                                             f"revCustomerId={CUSTOMER}")["customerId"]
        keys = platform.notes["keys"]
        self.secrets = {"username": "billing@nordcell", "password": keys["revioPassword"],
                        "subscriptionKey": keys["revioKey"]}
        self.account_id = self.make_account("Rev.io", "revio", "/revio/v1", self.secrets, account)
        self.make_account("POND", "pond", "/pond/ds/u/distributorPPUService/v1", {},
                          ("isUnpaced:=true",))
        self.load_lines()

    def make_account(self, name, integration, path, secrets, words):
        settings = {"baseUrl": self.platform.notes["simulator"] + path}
        if integration == "pond":
            settings["distributorId"] = 9001
        more = ["--credentials", self.write("credentials.json", json.dumps(secrets))] \
            if secrets else []
        made = self.platform.carryall(
            "providers", "create", f"name={name}", f"integration={integration}",
            "writeIsEnabled:=true", f"settings:={json.dumps(settings)}", *words, *more)
        return made["serviceProviderId"]

    def iccid(self, number):
        return str(FIRST_ICCID + number)

    def load_lines(self):
        rows = "".join(f"{self.iccid(n)},POND,m2m,Active,Acme\n" for n in range(self.lines))
        report = self.platform.carryall("import", "devices", self.write(
            "devices.csv", "ICCID,Service Provider,Portal,Status,Customer\n" + rows))
        assert report["createdCount"] == self.lines, report

    # --- optimisation results

    def optimize(self, amounts, start="2026-02-01", end="2026-02-28", portal="m2m", emails=()):
        """An instance with one comm group and one queue; `amounts`: (rate, overage, sms) of the
        devices, in their order. Answers the instance's id."""
        instance = self.next_instance
        self.next_instance += 1
        queue = instance * 100 + 1
        self.send("PUT", f"optimization-instances/{instance}", {
            "portalType": portal, "customerId": self.customer_id,
            "integrationAuthenticationId": self.account_id, "billingPeriodStart": start,
            "billingPeriodEnd": end, "runEndTime": "2026-03-01T00:00:00Z",
            "customerEmails": list(emails),
            "commGroups": [{"commGroupId": instance * 10, "queues": [
                {"queueId": queue, "totalCost": "1.00", "runEndTime": "2026-03-01T00:00:00Z"}]}]})
        rows = "".join(f"{queue},{self.iccid(n)},IoT 1GB,100.5,{rate},{overage},{sms},311,312\n"
                       for n, (rate, overage, sms) in enumerate(amounts))
        self.send_file(f"optimization-instances/{instance}/device-results",
                       "queueId,iccid,ratePlan,usageMb,rateCharge,overageCharge,smsCharge,"
                       "revProductTypeId,smsRevProductTypeId\n" + rows)
        return instance

    def send(self, method, path, body, content_type="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.platform.notes['url']}/v1/{path}", data=data, method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": content_type})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def send_file(self, path, text):
        return self.send("POST", path, text.encode(), "text/csv")

    def change_password(self, password):
        self.platform.carryall("providers", "set", self.account_id, "--credentials", self.write(
            "credentials.json", json.dumps({**self.secrets, "password": password})))

    # --- runs

    def charge(self, *instances):
        return self.platform.carryall("charges", "enqueue", "--instances",
                                      ",".join(map(str, instances)))["chargeRunId"]

    def watch(self, run):
        """Until the run has finished: its charges have ended, its lists are stored, its mails are
        handed over."""
        self.platform.carryall("charges", "watch", run, check=False, to_json=False)
        return self.status(run)

    def wait_until_charged(self, run, charges):
        while self.status(run)["counts"]["charged"] < charges:
            pass

    def status(self, run):
        return self.platform.carryall("charges", "status", run)

    def charges(self, run):
        return self.platform.carryall("charges", "show", run, "--limit", "1000000")

    # --- Rev.io

    def faults(self, *rules):
        self.platform.simulator("faults", {"system": "revio", "seed": 11, "rules": list(rules)})

    def knobs(self, **knobs):
        self.platform.simulator("revio/knobs", knobs)

    def ledger_of_revio(self):
        """What Rev.io holds: amounts by charge id."""
        request = urllib.request.Request(self.platform.notes["simulator"] +
                                         "/_sim/revio/charges/all")
        with urllib.request.urlopen(request, timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return {one["charge_id"]: one for one in
                (json.loads(line, parse_float=Decimal) for line in lines)}

    def times_charged(self):
        """How often the most charged intent was charged."""
        systems = self.platform.simulator("ledger/summary")["systems"]
        return systems.get("revio", {}).get("create_charge", {}).get("maxPerformedPerKey", 0)

    def charge_behind_our_back(self, charge, **other):
        """Posts to Rev.io what a charge of ours says, or something else, with our credentials."""
        body = {"customer_id": charge["revCustomerId"], "product_type_id": charge["productTypeId"],
                "description": f"{charge['description']} [{charge['marker']}]",
                "amount": float(charge["amount"]), "rate": float(charge["amount"]),
                "start_date": charge["startDate"], "end_date": charge["endDate"], "quantity": 1,
                "cost": 0, "is_tax_included": False, "is_commission_exempted": False,
                "is_prorated": False, **other}
        login = base64.b64encode(f"{self.secrets['username']}:{self.secrets['password']}".encode())
        request = urllib.request.Request(
            self.platform.notes["simulator"] + "/revio/v1/Charges", data=json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login.decode()}", "Content-Type": "text/json",
                     "Ocp-Apim-Subscription-Key": self.secrets["subscriptionKey"]})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["id"]

    def audit(self):
        return self.platform.carryall("audit", "--finished", "--tenant", self.name, "--ledger",
                                      self.platform.notes["simulator"], check=False)
