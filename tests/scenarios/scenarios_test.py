"""What happens to bulk changes when processes die. The judge is the carrier's own ledger: nothing
may be lost, and nothing that is not repeat-safe may be done twice."""

import json
import signal
import unittest

from stage import LATENCY, Stage

LINES = 2_000
STATUS = ("--type", "status", "--status", "Suspended")
PLAN = ("--type", "carrier-plan", "--plan", "B")
stage = None


def setUpModule():
    global stage
    stage = Stage()


def tearDownModule():
    stage.close()


class Scenario(unittest.TestCase):
    def enter(self, lines=LINES, calls_per_second=900, **settings):
        self.scene = stage.scene(lines, calls_per_second, **settings)
        self.addCleanup(self.scene.end_workers)
        return self.scene

    def wait_for_the_middle(self, number):
        progress = self.scene.wait_until_processed(number, self.scene.lines // 5)
        self.assertFalse(progress["finished"], "it was over before anything could go wrong")

    def assert_all_processed(self, number):
        detail = self.scene.finish(number)
        counts = {state: count for state, count in detail["counts"].items() if count}
        self.assertEqual(counts, {"processed": self.scene.lines}, detail)
        self.assertEqual(detail["status"], "PROCESSED")

    def assert_done_once(self, action):
        stats = self.scene.actions()[action]
        self.assertEqual((stats["performed"], stats["maxPerformedPerKey"]), (self.scene.lines, 1))

    def assert_clean(self):
        self.assertEqual(self.scene.audit()[:5], [])


class KilledWorker(Scenario):
    def kill_and_restart(self, change):
        worker = self.scene.start_worker()
        number = self.scene.submit(*change)
        self.wait_for_the_middle(number)
        worker.kill()
        worker.wait()
        self.scene.start_worker()
        self.assert_all_processed(number)

    def test_a_status_change_loses_and_repeats_nothing(self):
        self.enter()
        self.kill_and_restart(STATUS)
        self.assert_done_once("sim_status")
        self.assert_clean()

    def test_a_plan_change_loses_and_repeats_nothing(self):
        self.enter(calls_per_second=3_000)
        self.kill_and_restart(PLAN)
        self.assert_done_once("add_package")
        self.assert_clean()

    def test_another_worker_takes_over_without_a_restart(self):
        scene = self.enter()
        first, _ = scene.start_worker(), scene.start_worker()
        number = scene.submit(*STATUS)
        self.wait_for_the_middle(number)
        first.kill()
        first.wait()
        self.assert_all_processed(number)
        self.assert_done_once("sim_status")
        self.assert_clean()


class StoppedWorker(Scenario):
    def test_the_polite_signal_leaves_nothing_unknown(self):
        scene = self.enter()
        worker = scene.start_worker()
        number = scene.submit(*STATUS)
        self.wait_for_the_middle(number)
        worker.send_signal(signal.SIGTERM)
        self.assertEqual(worker.wait(30), 0)
        counts = scene.platform.carryall("change", "status", number)["counts"]
        self.assertEqual((counts["unknown"], counts["sending"]), (0, 0), counts)
        self.assertGreater(counts["new"], 0, "it was over before the signal")
        scene.start_worker()
        self.assert_all_processed(number)
        self.assert_done_once("sim_status")
        self.assert_clean()


class ClosedNetwork(Scenario):
    def test_a_tenant_cannot_send_the_worker_into_the_operators_network(self):
        scene = self.enter(lines=3)
        scene.start_worker(CARRYALL_WORKER_PRIVATE_NETWORKS="", CARRYALL_WORKER_MAX_RETRIES="1")
        detail = scene.finish(scene.submit(*STATUS))
        self.assertEqual(detail["status"], "ERROR")
        self.assertIn("the outbound guard refuses 127.0.0.1", json.dumps(detail["reasons"]))
        self.assertNotIn("sim_status", scene.actions(), "a call left the worker")


class RestartedDatabase(Scenario):
    def restart(self, change):
        scene = self.scene
        scene.start_worker()
        number = scene.submit(*change)
        self.wait_for_the_middle(number)
        platform = scene.platform
        platform.carryall("local", "down", "--immediate", "--state", platform.folder,
                          to_json=False)
        platform.carryall("local", "up", "--state", platform.folder)
        self.assert_all_processed(number)
        self.assertIsNone(scene.workers[0].poll(), "the worker did not live through it")

    def test_a_crash_in_a_status_change_loses_and_repeats_nothing(self):
        self.enter()
        self.restart(STATUS)
        self.assert_done_once("sim_status")
        self.assert_clean()

    def test_a_crash_in_a_plan_change_loses_and_repeats_nothing(self):
        self.enter(calls_per_second=3_000)
        self.restart(PLAN)
        self.assert_done_once("add_package")
        self.assert_clean()


class TwoWorkers(Scenario):
    def test_two_workers_share_one_change(self):
        scene = self.enter(calls_per_second=None)
        scene.faults({"fault": "latency", "milliseconds": 200})
        workers = [scene.start_worker(), scene.start_worker()]
        number = scene.submit(*STATUS)
        self.wait_for_the_middle(number)
        for worker in workers:
            self.assertGreater(scene.calls_in_flight_of(worker), 0, "one did nothing")
        self.assert_all_processed(number)
        self.assert_done_once("sim_status")
        self.assert_clean()


class AnswersThatNeverCome(Scenario):
    """The carrier does the work and says nothing, for every tenth call."""

    def hang(self, action):
        self.scene.faults({"match": {"action": action}, "probability": 0.1, "limitPerKey": 1,
                           "fault": "execute_then_hang", "milliseconds": 20_000}, LATENCY)
        self.scene.start_worker()

    def test_a_status_without_an_answer_is_read_back_and_not_sent_again(self):
        scene = self.enter(lines=400, calls_per_second=5_000, timeoutSeconds=1)
        self.hang("sim_status")
        self.assert_all_processed(scene.submit(*STATUS))
        self.assertGreater(scene.actions()["sim_status"]["byFault"]["execute_then_hang"], 10)
        self.assert_done_once("sim_status")
        self.assert_clean()

    def test_a_package_without_an_answer_is_found_and_not_added_again(self):
        scene = self.enter(lines=400, calls_per_second=5_000, timeoutSeconds=1)
        self.hang("add_package")
        self.assert_all_processed(scene.submit(*PLAN))
        self.assertGreater(scene.actions()["add_package"]["byFault"]["execute_then_hang"], 10)
        self.assert_done_once("add_package")
        self.assert_clean()


if __name__ == "__main__":
    unittest.main()
