"""The pace of an account with real workers. The judge is the simulator's ledger, by its own times:
nothing here measures on a clock of ours."""

import unittest

from call_times import SECOND, answered_us, calls_of, longest_pause, most_in, most_in_flight, \
    per_second
from carrier_stage import CarrierScene
from stage import Stage

WINDOWS_US = (SECOND, 5 * SECOND, 60 * SECOND)
ENDS = 0.1          # of a run, cut off at either end before its pace is judged
LEAST_USED = 0.95   # of what is allowed
stage = None


def setUpModule():
    global stage
    stage = Stage()


def tearDownModule():
    stage.close()


class Pacing(unittest.TestCase):
    def enter(self, carrier, lines, milliseconds, **limits):
        stage.scenes += 1
        self.limits = limits
        self.scene = scene = CarrierScene(
            stage.platform, f"Scene {stage.scenes}", carrier, lines,
            provider=[f"{name}:={value}" for name, value in limits.items()])
        self.addCleanup(scene.end_workers)
        # The account's own limits are judged, not the simulator's.
        scene.knobs(requestsPerSecond=0, **({"callsInFlight": 0} if carrier == "jasper" else {}))
        self.latency = {"fault": "latency", "milliseconds": milliseconds}
        scene.faults(self.latency)
        _, self.since = self.ledger(0)
        return scene

    def ledger(self, since=None):
        return calls_of(self.scene.platform.notes["simulator"], self.scene.carrier,
                        self.since if since is None else since)

    def calls(self):
        return self.ledger()[0]

    def wait_for_calls(self, count):
        while sum(stats["received"] for stats in self.scene.actions().values()) < count:
            pass
        return self.calls()

    def assert_processed(self, number):
        detail = self.scene.finish(number)
        counts = {state: count for state, count in detail["counts"].items() if count}
        self.assertEqual(counts, {"processed": self.scene.lines}, detail)

    def assert_limits_kept(self, calls):
        starts = [call["us"] for call in calls]
        for window in WINDOWS_US:
            allowed = self.limits["ratePerSecond"] * window / SECOND + 1
            self.assertLessEqual(most_in(starts, window), allowed, f"in {window} us")
        self.assertLessEqual(most_in_flight(calls), self.limits["maxConcurrency"])

    def assert_rate_used(self, starts):
        cut = round(len(starts) * ENDS)
        used = per_second(starts[cut:-cut]) / self.limits["ratePerSecond"]
        self.assertGreaterEqual(used, LEAST_USED)

    def run_and_kill_one(self, *change):
        """Two workers; one is killed in mid-run and started again. What the killed one had in
        flight comes back when its lease has run out: that pause is cut out."""
        scene = self.scene
        for _ in range(2):
            scene.start_worker()
        number = scene.submit(*change)
        before = self.wait_for_calls(scene.lines // 2)
        victim = scene.workers[0]
        victim.kill()
        victim.wait()
        scene.start_worker()
        self.assert_processed(number)
        calls = self.calls()
        self.assert_limits_kept(calls)
        starts = [call["us"] for call in calls]
        self.assert_rate_used(starts[:len(before)])
        rest = starts[len(before):]
        self.assert_rate_used(rest[longest_pause(rest):])

    def test_one_call_at_a_time_at_jaspers_pace(self):
        scene = self.enter("jasper", 400, 10, ratePerSecond=40, maxConcurrency=1)
        self.run_and_kill_one("--type", "carrier-plan", "--plan", scene.plans[1])
        stats = scene.actions()["edit_device"]
        self.assertEqual((stats["performed"], stats["maxPerformedPerKey"]), (scene.lines, 1))

    def test_several_calls_in_flight_at_ponds_pace(self):
        scene = self.enter("pond", 700, 60, ratePerSecond=60, maxConcurrency=8)
        self.run_and_kill_one("--type", "status", "--status", "Suspended")
        stats = scene.actions()["sim_status"]
        self.assertEqual((stats["performed"], stats["maxPerformedPerKey"]), (scene.lines, 1))
        self.assertGreater(most_in_flight(self.calls()), 1)

    def test_a_carrier_that_asks_for_a_pause_gets_it_and_then_a_slower_pace(self):
        scene = self.enter("telegence", 400, 20, ratePerSecond=80, maxConcurrency=8)
        for _ in range(2):
            scene.start_worker()
        number = scene.submit("--type", "carrier-plan", "--plan", scene.plans[1])
        self.wait_for_calls(150)  # in the middle of a page, so that one runner alone calls
        scene.faults({"fault": "429", "retryAfterSeconds": 2, "limit": 1}, self.latency)
        self.assert_processed(number)
        calls = self.calls()
        self.assert_limits_kept(calls)
        throttled, = [call for call in calls if call["status"] == 429]
        told = answered_us(throttled)
        late = [call for call in calls if told < call["us"] < told + 2 * SECOND]
        # What was on its way when the answer was given arrives behind it: no more than may be in
        # flight, the throttled call aside.
        self.assertLess(len(late), self.limits["maxConcurrency"],
                        "called while it had asked to be left alone")
        after = [call["us"] for call in calls if call["us"] >= told + 2 * SECOND]
        cut = round(len(after) * ENDS)
        learned = per_second(after[cut:-cut]) / self.limits["ratePerSecond"]
        self.assertTrue(0.6 < learned < 0.8, learned)
        account, = scene.platform.carryall("accounts")
        self.assertLess(account["learnedRatePerSecond"], self.limits["ratePerSecond"])


if __name__ == "__main__":
    unittest.main()
