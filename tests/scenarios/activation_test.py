"""Activations through the real programs and over real sockets: workers killed in each step, bad
SIMs, pools that end, deadlines. The judge is the simulator's ledger: no SIM twice, no address
twice."""

import csv
import io
import json
import unittest
from datetime import datetime

from carrier_stage import CarrierScene
from stage import Stage

FIRST_SIM = 8_901_030_000_000_001_000
BILLING_ACCOUNT = "287000000001"
QUICK = {"activationPollSeconds": 1, "activationDeadlineSeconds": 10, "ipFirstCheckSeconds": 1,
         "ipCheckSeconds": 1}
# The deadline lies within what is read back by itself.
PATIENT = {"CARRYALL_WORKER_READ_BACK_SECONDS": "0,1,2,3,4,5,5,5"}

LINES = 250  # a batch and a part of one, and more than one look at the subscriber list reads

stage = None


def setUpModule():
    global stage
    stage = Stage()


def tearDownModule():
    stage.close()


def sim(number):
    return str(FIRST_SIM + number)


class Activation(unittest.TestCase):
    def enter(self, **settings):
        stage.scenes += 1
        self.scene = CarrierScene(stage.platform, f"Scene {stage.scenes}", "telegence", 1,
                                  settings={**QUICK, **settings})
        self.addCleanup(self.scene.end_workers)
        self.scene.knobs(requestsPerSecond=0, reservedAfterSeconds=1, activeAfterSeconds=1,
                         ipCheckedAfterSeconds=1, ipReservedAfterSeconds=1,
                         ipCompleteAfterSeconds=1)
        return self.scene

    def submit(self, sims, check=True, own=None, more=None, **parameters):
        request = {
            "serviceProviderId": self.scene.provider_id, "changeType": "newserviceactivation",
            "newServiceActivation": {"carrierRatePlan": "PLAN1GB", "zipCode": "75001",
                                     "billingAccount": BILLING_ACCOUNT, **parameters},
            "devices": [{"iccid": sim(n), "imei": f"{35000000000000 + n}", **(own or {}).get(n, {})}
                        for n in sims], **(more or {})}
        return self.scene.platform.carryall(
            "change", "submit", "--json-file",
            self.scene.write("activation.json", json.dumps(request)), check=check)

    def counts(self, number):
        detail = self.scene.finish(number)
        return {state: count for state, count in detail["counts"].items() if count}

    def reasons(self, number):
        detail = self.scene.platform.carryall("change", "status", number)
        return {entry["reason"] for entry in detail["reasons"]}

    def done(self, action, counter="performed"):
        return self.scene.actions().get(action, {}).get(counter, 0)

    def kill_once(self, action, counter="performed"):
        """A worker, killed once the action was carried out; its answers are slow."""
        self.scene.faults({"match": {"action": action}, "fault": "latency", "milliseconds": 400})
        before = self.done(action, counter)
        worker = self.scene.start_worker(**PATIENT)
        while self.done(action, counter) == before:
            self.assertIsNone(worker.poll())
        worker.kill()
        worker.wait()
        self.scene.faults()

    def report(self, number, form="csv"):
        return self.scene.platform.carryall("change", "report", number, "--format", form,
                                            to_json=False)

    def for_a_customer(self):
        made = self.scene.platform.carryall("customers", "create", "name=Field Trust")
        made = made[0] if isinstance(made, list) else made
        return {"customerAssignment": {"customerId": made["customerId"]}}

    def end(self, number):
        """A page that lost three workers parks the device at hand: then a person tries again."""
        counts = self.counts(number)
        if "parked" in counts:
            for reason in self.reasons(number):
                self.assertRegex(reason, "3 workers ended|Telegence rejected")
            self.scene.platform.carryall("change", "retry", number)
            counts = self.counts(number)
        return counts

    def test_workers_killed_in_each_step_activate_and_assign_nothing_twice(self):
        scene = self.enter()
        scene.knobs(rejectSimSuffixes=["1077"])
        answer = self.submit(range(LINES), staticIp=True, ipPool="PDP01", offeringCodes=["FEATA"],
                             customerIpRange="10.20.0.0/16", removeOfferingCodes=["FEATA"],
                             more=self.for_a_customer())
        number, following = answer["bulkChangeId"], answer["additionalBulkChangeId"]
        for action in ("activation", "line_change", "ip_provisioning"):
            self.kill_once(action)
        self.kill_once("ip_status", "received")
        scene.start_worker(**PATIENT)
        self.assertEqual(self.end(number), {"processed": LINES - 1, "error": 1},
                         self.scene.platform.carryall("change", "status", number)["reasons"])
        for action, times in (("activate_service", LINES - 1), ("assign_ip", LINES - 1)):
            stats = scene.actions()[action]
            self.assertEqual((stats["performed"], stats["maxPerformedPerKey"]), (times, 1))
        self.assertEqual(self.reasons(number), {
            "Telegence rejected the activation: SIM is not eligible for activation"})
        record = scene.devices()
        lines = [record[sim(n)] for n in range(LINES) if n != 77]
        self.assertEqual({line["status"] for line in lines}, {"Active"})
        self.assertEqual(len({line["msisdn"] for line in lines}), LINES - 1)
        self.assertEqual(len({line["ipAddress"] for line in lines}), LINES - 1)
        self.assertEqual(record[sim(77)]["status"], "Inventory")

        self.assertEqual(self.end(following), {"processed": LINES - 1, "error": 1},
                         self.reasons(following))
        self.assertEqual(self.reasons(following), {
            "activation failed: Telegence rejected the activation: SIM is not eligible for "
            "activation"})
        self.assertEqual({scene.devices()[line["iccid"]]["customer"] for line in lines},
                         {"Field Trust"})

        rows = list(csv.DictReader(io.StringIO(self.report(number))))
        self.assertEqual(len(rows), LINES)
        self.assertEqual({row["SubscriberNumber"] for row in rows if row["Outcome"] == "processed"},
                         {line["msisdn"] for line in lines})
        self.assertTrue(all(row["IPAddress"].startswith("10.20.") for row in rows
                            if row["Outcome"] == "processed"))
        # Once for each end: another one, if a person had to try again.
        told = [(one["data"]["totalDevicesActivated"], one["data"]["totalDevicesFailed"])
                for one in scene.ask_all("events") if one["type"] == "activation.completed"]
        self.assertEqual(told.count((LINES - 1, 1)), 1, told)
        self.assertIn(f"<td>{LINES - 1}</td>", self.report(number, "html"))
        descriptions = {entry["logEntryDescription"]
                        for entry in scene.ask_all(f"bulk-changes/{number}/log")}
        self.assertLessEqual({
            "Telegence New Service Activation: Telegence API",
            "Telegence Static IP Provisioning: Request IP Assignment",
            "Telegence Service Activation: Complete with Static IP"}, descriptions)

    def test_workers_killed_while_addresses_are_checked_ask_again_and_assign_none_twice(self):
        scene = self.enter()
        scene.knobs(ipCompleteAfterSeconds=3)
        number = self.submit(range(30), staticIp=True, ipPool="PDP01")["bulkChangeId"]
        for _ in range(2):  # a page that loses a third worker parks the device at hand
            self.kill_once("ip_status", "received")
        scene.start_worker(**PATIENT)
        # They wait, as the carrier has taken them: nothing of them is in doubt, and none is parked.
        self.assertEqual(self.counts(number), {"processed": 30})
        for action in ("activate_service", "assign_ip"):
            stats = scene.actions()[action]
            self.assertEqual((stats["performed"], stats["maxPerformedPerKey"]), (30, 1))
        self.assertEqual(len({scene.devices()[sim(n)]["ipAddress"] for n in range(30)}), 30)

    def test_a_plan_does_what_it_showed_and_a_retry_takes_the_customer_along(self):
        scene = self.enter()
        scene.knobs(rejectSimSuffixes=["1001"])
        scene.start_worker()
        plan = self.submit(range(3), more={**self.for_a_customer(), "dryRun": True})
        number, following = plan["bulkChangeId"], plan["additionalBulkChangeId"]
        self.assertEqual((plan["acceptedCount"], self.done("activation")), (3, 0))
        self.assertNotIn(sim(0), scene.devices())
        shown = scene.platform.carryall("change", "plan", number)
        self.assertEqual(shown["carrierCalls"]["calls"], 2)
        scene.platform.carryall("change", "apply", number, plan["planHash"])
        for change in (number, following):
            self.assertEqual(self.counts(change), {"processed": 2, "error": 1})
        ends = [datetime.fromisoformat(scene.platform.carryall("change", "status", change)
                                       ["finishedAt"]) for change in (number, following)]
        self.assertLess((ends[1] - ends[0]).total_seconds(), 15)

        scene.knobs(rejectSimSuffixes=[])
        answer = scene.platform.carryall("change", "retry", number)
        self.assertEqual((answer["retriedCount"], answer["additionalRetriedCount"]), (1, 1))
        for change in (number, following):
            self.assertEqual(self.counts(change), {"processed": 3})
        self.assertEqual({scene.devices()[sim(n)]["customer"] for n in range(3)}, {"Field Trust"})
        self.assertEqual(scene.actions()["activate_service"]["maxPerformedPerKey"], 1)

    def test_pools_that_end_ranges_and_esims_are_told_device_by_device(self):
        scene = self.enter()
        scene.knobs(esimOnlyPrefix=sim(9))
        scene.start_worker()
        number = self.submit(range(10), staticIp=True, ipPool="PDP02", own={
            8: {"customerIpRange": "10.99.0.0/16", "ipPool": "PDP01"}})["bulkChangeId"]
        self.assertEqual(self.counts(number), {"processed": 6, "error": 4})
        told = {row["ICCID"]: row for row in csv.DictReader(io.StringIO(self.report(number)))}
        self.assertIn("requires an eSIM profile", told[sim(9)]["Reason"])
        self.assertIn("outside the customer's range 10.99.0.0/16", told[sim(8)]["Reason"])
        empty = [row for row in told.values()
                 if "No available IP address in the pool PDP02" in row["Reason"]]
        self.assertEqual(len(empty), 2)
        record = scene.devices()
        for row in [*empty, told[sim(8)]]:
            line = record[row["ICCID"]]
            self.assertEqual((line["status"], line["msisdn"], line["ipAddress"]),
                             ("Active", row["SubscriberNumber"], None))
        steps = scene.platform.carryall("change", "status", number)["steps"]
        self.assertEqual(steps["requestIpProvision"], {"open": 0, "failed": 3})
        self.assertEqual(steps["activateDevice"], {"open": 0, "failed": 1})

        # The step that failed is tried again, and only that.
        activated = self.done("activate_service")
        answer = scene.platform.carryall("change", "retry", number)
        self.assertEqual(answer["retriedCount"], 4, answer)
        self.assertEqual(self.counts(number), {"processed": 6, "error": 4})
        self.assertEqual(self.done("activate_service"), activated)

    def test_after_the_deadline_a_person_decides_and_a_retry_looks_first(self):
        scene = self.enter()
        scene.knobs(activeAfterSeconds=100_000)
        scene.start_worker()
        number = self.submit(range(2))["bulkChangeId"]
        self.assertEqual(self.counts(number), {"parked": 2})
        self.assertEqual({device["reason"].split("(")[0]
                          for device in scene.ask_all(f"bulk-changes/{number}/devices")},
                         {"Telegence has not finished the activation "})
        refused = self.submit(range(2), more={"dryRun": True})
        self.assertEqual(refused["reasons"][0]["reason"],
                         f"Another activation of this SIM is open (bulk change {number})")
        scene.platform.simulator("clock", {"advanceMs": 100_000_000})
        scene.platform.carryall("change", "retry", number)
        self.assertEqual(self.counts(number), {"processed": 2})
        self.assertEqual(self.done("activation"), 1)

    def test_all_or_none_stops_all_when_one_is_rejected(self):
        scene = self.enter()
        scene.knobs(rejectSimSuffixes=["1003"])
        scene.start_worker()
        number = self.submit(range(5), staticIp=True, ipPool="PDP01", strict=True)["bulkChangeId"]
        self.assertEqual(self.counts(number), {"error": 5})
        self.assertEqual((self.done("activate_service"), self.done("ip_provisioning")), (4, 0))
        self.assertEqual({scene.devices()[sim(n)]["status"] for n in (0, 1, 2, 4)}, {"Active"})

    def test_without_write_permission_or_credentials_nothing_is_sent(self):
        scene = self.enter()
        number = self.submit(range(3), more={"processChanges": False})["bulkChangeId"]
        scene.platform.carryall("change", "process", number)
        scene.platform.carryall("providers", "set", scene.provider_id, "writeIsEnabled:=false")
        scene.start_worker()
        self.assertEqual(self.counts(number), {"error": 3})
        self.assertEqual(self.reasons(number),
                         {f"Write is disabled for Service Provider: {scene.provider_id}"})
        self.assertEqual(self.done("activation"), 0)


if __name__ == "__main__":
    unittest.main()
