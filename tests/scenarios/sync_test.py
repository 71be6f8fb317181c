"""A carrier's inventory read by real workers from a simulated carrier. The judge is what was
changed at the carrier behind the platform's back: exactly that must come out as drift, whatever
happens to the workers meanwhile."""

import json
import unittest
import urllib.request

from carrier_stage import CarrierScene
from stage import FIRST_ICCID, Stage, TenantScene

LINES = 1_000
LINES_A_PAGE = 50
PLAN, COMMUNICATION_PLAN = "FLEET 5MB", "DATA SMS"
stage = None


def setUpModule():
    global stage
    stage = Stage()


def tearDownModule():
    stage.close()


def wait_until_read(scene, number, lines):
    while True:
        sync = scene.api(f"syncs/{number}")
        if sync["lineCount"] >= lines or sync["state"] in ("done", "failed"):
            return sync


class JasperScene(TenantScene):
    """A tenant with one Jasper account whose lines and ours agree."""

    def __init__(self, platform, name, lines):
        platform.simulator("reset", {})
        super().__init__(platform, name, lines)
        platform.simulator("jasper/knobs", {"requestsPerSecond": 0, "callsInFlight": 0})
        platform.simulator("jasper/fleet", {"firstIccid": str(FIRST_ICCID), "count": lines,
                                            "ratePlan": PLAN,
                                            "communicationPlan": COMMUNICATION_PLAN})
        secrets = self.write("credentials.json", json.dumps(
            {"username": "carryall", "apiKey": "jasper-sim-key"}))
        settings = {"baseUrl": platform.notes["simulator"] + "/jasper/rws/api/v1"}
        platform.carryall("providers", "create", "name=Jasper", "integration=jasper",
                          "isUnpaced:=true", f"settings:={json.dumps(settings)}",
                          "--credentials", secrets)
        for kind, column, value in (("carrier-rate-plans", "Code", PLAN),
                                    ("communication-plans", "Name", COMMUNICATION_PLAN)):
            platform.carryall("import", kind, self.write(
                "plans.csv", f"Service Provider,{column}\nJasper,{value}\n"))
        rows = "".join(f"{FIRST_ICCID + n},Jasper,m2m,Active,{PLAN},{COMMUNICATION_PLAN}\n"
                       for n in range(lines))
        report = platform.carryall("import", "devices", self.write(
            "devices.csv",
            "ICCID,Service Provider,Portal,Status,Carrier Rate Plan,Communication Plan\n" + rows))
        assert report["createdCount"] == lines, report

    def behind_our_back(self, number, **attributes):
        self.platform.simulator(f"jasper/device/{FIRST_ICCID + number}", attributes)

    def add_line(self, number):
        self.platform.simulator("jasper/fleet", {"firstIccid": str(FIRST_ICCID + number),
                                                 "count": 1})

    def lose_line(self, number):
        request = urllib.request.Request(
            f"{self.platform.notes['simulator']}/_sim/jasper/device/{FIRST_ICCID + number}",
            method="DELETE")
        urllib.request.urlopen(request, timeout=60).close()

    def sync(self, *words):
        return self.platform.carryall("sync", "Jasper", "--wait", "--timeout", "120", *words)

    def ask_for_sync(self):
        return self.platform.carryall("sync", "Jasper")["syncId"]

    def drift(self, *words):
        found = self.platform.carryall("drift", "--limit", "1000", *words)
        return sorted((int(one["iccid"]) - FIRST_ICCID, one["field"], one["ours"], one["theirs"])
                      for one in found)


class Syncs(unittest.TestCase):
    def enter(self, lines=LINES):
        stage.scenes += 1
        self.scene = JasperScene(stage.platform, f"Sync {stage.scenes}", lines)
        self.addCleanup(self.scene.end_workers)
        return self.scene

    def test_a_killed_workers_sync_goes_on_from_its_last_page(self):
        scene = self.enter()
        scene.behind_our_back(7, status="DEACTIVATED")
        scene.behind_our_back(990, ratePlan="FLEET 1GB")
        scene.lose_line(500)
        scene.add_line(LINES)
        scene.platform.simulator("faults", {"system": "jasper", "seed": 11, "rules": [
            {"fault": "latency", "milliseconds": 20}]})
        worker = scene.start_worker()
        number = scene.ask_for_sync()
        sync = wait_until_read(scene, number, LINES // 4)
        self.assertEqual(sync["state"], "running", "it was over before anything could go wrong")
        worker.kill()
        worker.wait()
        scene.start_worker()
        done = scene.sync()
        self.assertEqual((done["syncId"], done["state"]), (number, "done"), done)
        self.assertEqual(scene.drift(), [
            (7, "status", "Active", "Deactivated"), (500, "presence", "present", "absent"),
            (990, "ratePlan", PLAN, "FLEET 1GB"), (LINES, "presence", "absent", "present")])
        # Each page after the first is read with the one before it; the page at hand once more.
        calls = scene.platform.simulator("ledger/summary")["systems"]["jasper"]["search_devices"]
        self.assertLessEqual(calls["received"], 2 * (LINES // LINES_A_PAGE + 1) + 4)

    def test_ponds_inventory_is_read_to_its_end_whoever_dies(self):
        scene = self.scene = stage.scene(LINES, 5_000)
        self.addCleanup(scene.end_workers)
        stranger = FIRST_ICCID + LINES
        scene.platform.carryall("import", "devices", scene.write(
            "devices.csv", "ICCID,Service Provider,Status\n"
            f"{FIRST_ICCID + 3},POND,Terminated\n{stranger},POND,Active\n"))
        scene.faults({"fault": "latency", "milliseconds": 100})
        worker = scene.start_worker()
        number = scene.platform.carryall("sync", "POND")["syncId"]
        sync = wait_until_read(scene, number, 1)
        self.assertEqual(sync["state"], "running", "it was over before anything could go wrong")
        worker.kill()
        worker.wait()
        scene.start_worker()
        done = scene.platform.carryall("sync", "POND", "--wait", "--timeout", "120")
        self.assertEqual((done["syncId"], done["state"]), (number, "done"), done)
        found = {(one["iccid"], one["field"]): (one["ours"], one["theirs"])
                 for one in scene.platform.carryall("drift", "--limit", "10000")
                 if one["field"] in ("status", "presence")}
        self.assertEqual(found, {(str(FIRST_ICCID + 3), "status"): ("Terminated", "Active"),
                                 (str(stranger), "presence"): ("present", "absent")})

    def test_thingspaces_inventory_is_read_to_its_end_whoever_dies(self):
        stage.scenes += 1
        lines = 600
        scene = CarrierScene(stage.platform, f"Sync {stage.scenes}", "thingspace", lines)
        self.addCleanup(scene.end_workers)
        scene.knobs(pageCap=50)
        for number, change in ((7, {"state": "suspend"}), (300, {"state": "deleted"}),
                               (590, {"servicePlan": "M2M-10MB"})):
            scene.platform.simulator(f"thingspace/line/{scene.iccid(number)}", change)
        scene.platform.simulator("thingspace/fleet", {
            **scene.facts["fleet"], "firstIccid": scene.iccid(lines), "count": 1})
        scene.faults({"match": {"action": "list"}, "fault": "latency", "milliseconds": 150})
        worker = scene.start_worker()
        number = scene.platform.carryall("sync", "thingspace")["syncId"]
        sync = wait_until_read(scene, number, lines // 4)
        self.assertEqual(sync["state"], "running", "it was over before anything could go wrong")
        worker.kill()
        worker.wait()
        scene.start_worker()
        done = scene.platform.carryall("sync", "thingspace", "--wait", "--timeout", "120")
        self.assertEqual((done["syncId"], done["state"], done["lineCount"]),
                         (number, "done", lines), done)
        found = sorted((int(one["iccid"]) - scene.first, one["field"], one["ours"], one["theirs"])
                       for one in scene.platform.carryall("drift", "--limit", "10000")
                       if one["field"] not in ("imei", "msisdn"))  # we have none
        self.assertEqual(found, [
            (7, "status", "Active", "Suspended"), (300, "presence", "present", "absent"),
            (590, "ratePlan", "M2M-5MB", "M2M-10MB"), (lines, "presence", "absent", "present")])
        # Each page once, and the one at hand again.
        self.assertLessEqual(scene.actions()["list"]["received"], lines // 50 + 3)
        self.assertEqual(scene.actions()["login"]["received"], 1, "the session was there already")

    def test_what_a_person_accepts_is_no_difference_any_more(self):
        scene = self.enter(lines=120)
        scene.behind_our_back(3, status="DEACTIVATED")
        scene.start_worker()
        self.assertEqual(scene.sync()["driftCount"], 1)
        scene.behind_our_back(4, status="DEACTIVATED")
        self.assertEqual(scene.sync("--incremental")["driftCount"], 2)
        report = scene.platform.carryall("drift", "accept", "--all", "--provider", "Jasper")
        self.assertEqual((report["decidedCount"], report["refusedCount"]), (2, 0))
        device = scene.platform.carryall("devices", "show", str(FIRST_ICCID + 3))
        self.assertEqual((device["status"], device["carrier"]["carrierStatus"]),
                         ("Deactivated", "DEACTIVATED"))
        self.assertEqual(scene.sync()["driftCount"], 0)

    def test_an_account_that_refuses_us_fails_with_the_reason(self):
        scene = self.enter(lines=1)
        provider = scene.api("service-providers")["items"][0]["serviceProviderId"]
        scene.platform.carryall("providers", "set", provider, "--credentials", scene.write(
            "wrong.json", json.dumps({"apiKey": "not the key"})))
        scene.start_worker()
        failed = scene.platform.carryall("sync", "Jasper", "--wait", "--timeout", "60",
                                         check=False)
        self.assertEqual(failed["state"], "failed", failed)
        self.assertTrue(failed["reason"])


if __name__ == "__main__":
    unittest.main()
