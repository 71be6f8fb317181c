"""A tenant with customers of Rev.io whose lines are charged for real, and the ways to spoil what
Rev.io holds behind the platform's back. What Rev.io holds is always asked of its simulator."""

import json
import random
import subprocess
import urllib.request
from decimal import Decimal
from pathlib import Path

from stage import FIRST_ICCID, TenantScene

FIRST_CUSTOMER = 9001
FIRST_INSTANCE = 1001
PERIOD = ("2026-02-01", "2026-02-28")
# What Rev.io wants of every charge.
FORM = {"is_tax_included": False, "is_commission_exempted": False, "is_prorated": False,
        "quantity": 1, "cost": 0}

# Each line costs a rate and an overage, of its own amounts.
LOAD = """
INSERT INTO customer (tenant_id, name, rev_customer_id)
    SELECT {tenant}, 'Customer ' || n, ({first_customer} + n)::text
    FROM generate_series(0, {customers} - 1) n;
INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status, customer_id)
    SELECT {tenant}, {pond}, 'm2m', ({first_iccid} + n)::text, 'Active', c.customer_id
    FROM generate_series(0, {customers} * {lines} - 1) n
    JOIN customer c ON c.tenant_id = {tenant}
        AND c.rev_customer_id = ({first_customer} + n / {lines})::text;
INSERT INTO optimization_instance (tenant_id, optimization_instance_id, portal_type, customer_id,
    integration_authentication_id, billing_period_start, billing_period_end, run_end_time,
    imported_by)
    SELECT {tenant}, {first_instance} + row_number() OVER (ORDER BY customer_id) - 1, 'm2m',
        customer_id, {account}, '{start}', '{end}', now(), 'scenario'
    FROM customer WHERE tenant_id = {tenant};
INSERT INTO optimization_comm_group
    SELECT {tenant}, optimization_instance_id, optimization_instance_id
    FROM optimization_instance WHERE tenant_id = {tenant};
INSERT INTO optimization_queue
    SELECT {tenant}, optimization_instance_id, optimization_instance_id, 1, now()
    FROM optimization_instance WHERE tenant_id = {tenant};
INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal, device_id,
    rate_plan_name, usage_mb, rate_charge_amount, overage_charge_amount, rev_product_type_id)
    SELECT {tenant}, i.optimization_instance_id, 'm2m', d.device_id, 'IoT 1GB', d.device_id % 900,
        1 + d.device_id % 40 + 0.25, 0.01 + d.device_id % 7, 311
    FROM optimization_instance i
    JOIN device d ON d.tenant_id = {tenant} AND d.customer_id = i.customer_id
    WHERE i.tenant_id = {tenant};
"""


class ReconcileScene(TenantScene):
    """`customers` with as many `lines` each."""

    def __init__(self, platform, name, customers, lines):
        platform.simulator("reset", {})
        super().__init__(platform, name, customers * lines)
        self.customers = customers
        keys = platform.notes["keys"]
        self.account = self.make_account("Rev.io", "revio", {
            "username": "billing@nordcell", "password": keys["revioPassword"],
            "subscriptionKey": keys["revioKey"]}, "/revio/v1")
        pond = self.make_account("POND", "pond", None, "/pond/ds/u/distributorPPUService/v1")
        self.sql(LOAD.format(tenant=self.tenant_id, account=self.account, pond=pond,
                             customers=customers, lines=lines, first_customer=FIRST_CUSTOMER,
                             first_iccid=FIRST_ICCID, first_instance=FIRST_INSTANCE,
                             start=PERIOD[0], end=PERIOD[1]))
        platform.simulator("revio/customers", [{"customer_id": FIRST_CUSTOMER + n}
                                               for n in range(customers)])

    def make_account(self, name, integration, secrets, path):
        settings = {"baseUrl": self.platform.notes["simulator"] + path}
        if integration == "pond":
            settings["distributorId"] = 9001
        more = ["--credentials", self.write("credentials.json", json.dumps(secrets))] \
            if secrets else []
        return self.platform.carryall(
            "providers", "create", f"name={name}", f"integration={integration}",
            "writeIsEnabled:=true", "isUnpaced:=true", f"settings:={json.dumps(settings)}",
            *more)["serviceProviderId"]

    def sql(self, text):
        """As the cluster's administrator, in the platform's own database."""
        psql = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1]
        subprocess.run([psql, "-h", self.platform.folder / "socket", "-U", "carryall_admin", "-q",
                        "-v", "ON_ERROR_STOP=1", "carryall"], input=text, text=True, check=True,
                       stdout=subprocess.DEVNULL)

    # --- charging

    def charge(self):
        """Orders the run of all customers and waits until every charge has ended."""
        instances = ",".join(str(FIRST_INSTANCE + n) for n in range(self.customers))
        run = self.platform.carryall("charges", "enqueue", "--instances", instances)["chargeRunId"]
        while True:
            status = self.platform.carryall("charges", "status", run)
            counts = status["counts"]
            if status["state"] != "enqueueing" and not counts["new"] and not counts["unknown"]:
                assert counts["charged"] == counts["total"] == 2 * self.lines, counts
                return run

    # --- what Rev.io holds

    def ask_revio(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.platform.notes['simulator']}/_sim/revio/{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def held_by_revio(self):
        return [json.loads(line, parse_float=Decimal)
                for line in self.ask_revio("GET", "charges/all").splitlines()]

    def add_to_revio(self, charges):
        """Behind everybody's back; answers their ids."""
        lines = "\n".join(json.dumps(one, default=float) for one in charges).encode()
        first = json.loads(self.ask_revio("POST", "charges?form=lines", lines))["firstId"]
        return list(range(first, first + len(charges)))

    def add_charges_of_others(self, count):
        """Charges that are not ours: no markers, other markers, the same customers and products."""
        self.add_to_revio([{
            **FORM, "rate": 1, "product_type_id": 311,
            "customer_id": FIRST_CUSTOMER + n % self.customers,
            "description": "Monthly fee" if n % 2 else f"Router [shop:Q{n}-D{n}-RATE]",
            "amount": 1 + n % 9, "start_date": PERIOD[0], "end_date": PERIOD[1]}
            for n in range(count)])

    def plant(self, each, seed):
        """`each` missing, extra and wrong ones; half of the extra ones are doubles, half carry a
        marker that the ledger has never heard of. Answers the ids at Rev.io by kind."""
        ours = [one for one in self.held_by_revio() if "[amop:" in one["description"]]
        chosen = random.Random(seed).sample(ours, 2 * each + each // 2)
        missing, wrong, doubles = (chosen[:each], chosen[each:2 * each], chosen[2 * each:])
        for one in missing:
            self.ask_revio("DELETE", f"charges/{one['charge_id']}")
        for n, one in enumerate(wrong):
            amount = one["amount"] + (Decimal("0.01") if n % 2 else Decimal(-3))
            self.ask_revio("POST", f"charges/{one['charge_id']}",
                           json.dumps({"amount": float(amount)}).encode())
        keep = ("customer_id", "product_type_id", "description", "amount", "start_date",
                "end_date", "rate")
        copies = [{**FORM, **{name: one[name] for name in keep}} for one in doubles]
        strangers = [{**copies[n % len(copies)],
                      "description": f"IoT 1GB [amop:Q77{n}-D{n}-OVERAGE]"}
                     for n in range(each - len(copies))]
        return {"missing": {one["charge_id"] for one in missing},
                "wrong_amount": {one["charge_id"] for one in wrong},
                "extra": set(self.add_to_revio(copies + strangers))}

    # --- reconciling

    def reconcile(self, *words):
        return self.platform.carryall("charges", "reconcile", *words, "--watch", check=False)

    def differences(self, reconciliation):
        """The ids at Rev.io by kind; of a missing one, the id that our ledger has."""
        found = {}
        for one in self.platform.carryall("charges", "differences", reconciliation, "--limit",
                                          "1000000"):
            number = int(one["ours"]) if one["kind"] == "missing" else one["revChargeId"]
            ids = found.setdefault(one["kind"], set())
            assert number not in ids, one
            ids.add(number)
        return found
