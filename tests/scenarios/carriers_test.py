"""A bulk change at each carrier, through the real programs and over real sockets, driven the way
its carrier really behaves. The judge is the carrier's ledger."""

import unittest

from carrier_stage import CarrierScene
from stage import Stage

stage = None


def setUpModule():
    global stage
    stage = Stage()


def tearDownModule():
    stage.close()


class Carrier(unittest.TestCase):
    def enter(self, carrier, lines, **options):
        stage.scenes += 1
        self.scene = CarrierScene(stage.platform, f"Scene {stage.scenes}", carrier, lines,
                                  **options)
        self.addCleanup(self.scene.end_workers)
        return self.scene

    def assert_processed(self, number):
        detail = self.scene.finish(number)
        counts = {state: count for state, count in detail["counts"].items() if count}
        self.assertEqual(counts, {"processed": self.scene.lines}, detail)

    def assert_done_once(self, action):
        stats = self.scene.actions()[action]
        self.assertEqual((stats["performed"], stats["maxPerformedPerKey"]), (self.scene.lines, 1))

    def assert_record(self, field, value):
        values = {device[field] for device in self.scene.devices().values()}
        self.assertEqual(values, {value})

    def descriptions(self, number):
        return {entry["logEntryDescription"]
                for entry in self.scene.ask_all(f"bulk-changes/{number}/log")}


class Jasper(Carrier):
    def test_one_edit_a_line_one_at_a_time(self):
        scene = self.enter("jasper", 12, provider=["ratePerSecond:=50"])
        scene.platform.simulator("jasper/knobs", {"requestsPerSecond": 0})
        scene.start_worker()
        number = scene.submit("--type", "carrier-plan", "--plan", "FLEET 10MB")
        self.assert_processed(number)
        self.assert_done_once("edit_device")
        self.assert_record("carrierRatePlan", "FLEET 10MB")
        self.assertIn("Change Carrier Rate Plan: Jasper Update Rate Plan",
                      self.descriptions(number))

    def test_suspending_a_line_is_deactivating_it(self):
        scene = self.enter("jasper", 3, provider=["ratePerSecond:=50"])
        scene.start_worker()
        self.assert_processed(scene.submit("--type", "status", "--status", "Suspended"))
        self.assert_record("status", "Suspended")
        truth = scene.platform.simulator(f"jasper/device/{scene.iccid(1)}")
        self.assertEqual(truth["device"]["status"], "DEACTIVATED")


class ThingSpace(Carrier):
    def test_one_request_for_all_lines_and_a_callback_for_each(self):
        scene = self.enter("thingspace", 60)
        scene.knobs(duplicateEveryNth=5, kindCase="vary", deviceIdsForm="vary")
        scene.start_worker()
        number = scene.submit("--type", "carrier-plan", "--plan", "M2M-10MB")
        self.assert_processed(number)
        self.assert_done_once("device_plan")
        self.assertEqual(scene.actions()["plan"]["performed"], 1, "one request")
        self.assert_record("carrierRatePlan", "M2M-10MB")

    def test_callbacks_that_come_before_the_answer_are_not_lost(self):
        scene = self.enter("thingspace", 20)
        scene.knobs(callbackFirstMs=600)
        scene.start_worker()
        self.assert_processed(scene.submit("--type", "status", "--status", "Suspended"))
        self.assert_done_once("device_suspend")
        self.assert_record("status", "Suspended")

    def test_an_activation_brings_the_number(self):
        scene = self.enter("thingspace", 5, fleet={"state": "preactive"}, status="Inventory",
                           settings={"defaultZipCode": "98801", "skuNumber": "SKU-1"})
        scene.start_worker()
        self.assert_processed(scene.submit("--type", "status", "--status", "Active", "--plan",
                                           "M2M-5MB"))
        numbers = {device["msisdn"] for device in scene.devices().values()}
        self.assertEqual(len(numbers), scene.lines)
        self.assertNotIn(None, numbers)

    def test_a_session_that_ends_in_mid_run_is_bought_again_once(self):
        scene = self.enter("thingspace", 30, settings={"devicesPerRequest": 5})
        scene.knobs(sessionUses=3)
        scene.start_worker()
        self.assert_processed(scene.submit("--type", "status", "--status", "Suspended"))
        self.assert_done_once("device_suspend")

    def test_wrong_credentials_are_tried_once_and_every_line_says_so(self):
        scene = self.enter("thingspace", 7)
        scene.platform.carryall("providers", "set", scene.provider_id, "--credentials",
                                scene.write("wrong.json", '{"password": "wrong"}'))
        scene.start_worker()
        scene.start_worker()
        detail = scene.finish(scene.submit("--type", "status", "--status", "Suspended"))
        self.assertEqual(detail["counts"]["error"], scene.lines, detail)
        self.assertIn("correct the service provider's credentials", str(detail["reasons"]))
        self.assertEqual(scene.actions()["login"]["received"], 1, "the carrier locks a user")
        self.assertNotIn("suspend", scene.actions())

    def test_a_killed_worker_repeats_no_request(self):
        scene = self.enter("thingspace", 400, settings={"devicesPerRequest": 20})
        scene.faults({"fault": "latency", "milliseconds": 60})
        worker = scene.start_worker()
        number = scene.submit("--type", "status", "--status", "Suspended")
        while scene.actions().get("suspend", {}).get("performed", 0) < 5:
            pass
        worker.kill()
        worker.wait()
        scene.start_worker()
        self.assert_processed(number)
        self.assert_done_once("device_suspend")

class Telegence(Carrier):
    def test_a_line_is_suspended_restored_and_cancelled(self):
        scene = self.enter("telegence", 6)
        scene.start_worker()
        for status, letter in (("Suspended", "S"), ("Active", "A"), ("Deactivated", "C")):
            self.assert_processed(scene.submit("--type", "status", "--status", status))
            self.assert_record("status", status)
            truth = scene.platform.simulator(f"telegence/line/{scene.iccid(0)}")
            self.assertEqual(truth["status"], letter, truth)

    def test_plan_changes_outlive_a_killed_worker(self):
        scene = self.enter("telegence", 300)
        scene.faults({"fault": "latency", "milliseconds": 20})
        scene.platform.simulator("telegence/knobs", {"requestsPerSecond": 0})
        worker = scene.start_worker()
        number = scene.submit("--type", "carrier-plan", "--plan", "PLAN5GB")
        while scene.actions().get("line_change", {}).get("performed", 0) < 60:
            pass
        worker.kill()
        worker.wait()
        scene.start_worker()
        self.assert_processed(number)
        self.assert_done_once("line_change")
        self.assert_record("carrierRatePlan", "PLAN5GB")

    def test_a_sync_finds_what_was_changed_at_the_carrier(self):
        scene = self.enter("telegence", 230)
        scene.knobs(requestsPerSecond=0)
        for number, change in ((7, {"status": "S"}), (100, {"status": "C"}),
                               (211, {"plan": "PLAN5GB"})):
            scene.platform.simulator(f"telegence/line/{scene.iccid(number)}", change)
        scene.start_worker()
        done = scene.platform.carryall("sync", "telegence", "--wait", "--timeout", "60")
        self.assertEqual((done["state"], done["lineCount"]), ("done", 229), done)
        found = scene.platform.carryall("drift", "--limit", "1000")
        self.assertEqual(
            sorted((int(one["iccid"]) - scene.facts["first"], one["field"], one["ours"],
                    one["theirs"]) for one in found if one["field"] != "imei"),  # we have none
            [(7, "status", "Active", "Suspended"), (100, "presence", "present", "absent"),
             (211, "ratePlan", "PLAN1GB", "PLAN5GB")])


if __name__ == "__main__":
    unittest.main()
