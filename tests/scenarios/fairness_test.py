"""Many who share the workers: a small change beside a large one, a carrier that is down beside one
that works. What is judged are states and the simulator's ledger, never seconds of ours."""

import json
import socket
import unittest

from call_times import SECOND, answered_us, calls_of
from carrier_stage import CarrierScene
from stage import Stage

MANY, FEW = 10_000, 10
STATUS = ("--type", "status", "--status", "Suspended")
FAILURES_TO_OPEN = 8
BREAKER_US = 15 * SECOND
stage = None


def setUpModule():
    global stage
    stage = Stage()


def tearDownModule():
    stage.close()


def counts(scene, number):
    shown = scene.api(f"bulk-changes/{number}")["counts"]
    return {state: count for state, count in shown.items() if count}


class Sharing(unittest.TestCase):
    def enter(self, carrier, lines, **options):
        stage.scenes += 1
        scene = CarrierScene(stage.platform, f"Scene {stage.scenes}", carrier, lines, **options)
        self.addCleanup(scene.end_workers)
        return scene

    def assert_processed(self, scene, number, lines):
        scene.speak()
        detail = scene.finish(number)
        self.assertEqual(counts(scene, number), {"processed": lines}, detail)


class Fairness(Sharing):
    def let_go(self, scene, number):
        """The rest of a large change, as fast as it can."""
        scene.speak()
        scene.platform.carryall("providers", "set", scene.provider_id, "isUnpaced:=true")
        self.assert_processed(scene, number, MANY)
        stats = scene.actions()["sim_status"]
        self.assertEqual(stats["maxPerformedPerKey"], 1)

    def test_a_small_change_passes_a_large_one_of_the_same_account(self):
        scene = self.enter("pond", MANY + FEW, provider=["ratePerSecond:=300"])
        scene.start_worker()
        large = scene.submit(*STATUS, numbers=range(MANY))
        scene.wait_until_processed(large, 100)
        small = scene.submit(*STATUS, numbers=range(MANY, MANY + FEW))
        self.assert_processed(scene, small, FEW)
        self.assertGreater(counts(scene, large)["new"], MANY // 2)
        self.let_go(scene, large)

    def test_a_small_tenants_change_passes_a_large_tenants(self):
        """Both have the same login at the carrier."""
        pace = ["ratePerSecond:=300"]
        great = self.enter("pond", MANY, provider=pace)
        little = self.enter("pond", FEW, provider=pace, beside=great)
        great.start_worker()
        great.speak()
        large = great.submit(*STATUS)
        great.wait_until_processed(large, 100)
        little.speak()
        small = little.submit(*STATUS)
        self.assert_processed(little, small, FEW)
        self.assertGreater(counts(great, large)["new"], MANY // 2)
        self.let_go(great, large)


class CarrierDown(Sharing):
    def test_a_carrier_that_is_down_slows_only_its_own_work(self):
        """Jasper answers 503, nobody listens where Telegence should be; POND works."""
        jasper = self.enter("jasper", 60, provider=["ratePerSecond:=50"])
        jasper.knobs(requestsPerSecond=0)
        jasper.faults({"fault": "503"})
        telegence = self.enter("telegence", 60, beside=jasper)
        telegence.knobs(requestsPerSecond=0)
        self.move(telegence, f"http://127.0.0.1:{self.closed_port()}/telegence")
        pond = self.enter("pond", 2_000, beside=jasper)
        _, since = calls_of(pond.platform.notes["simulator"], "jasper")
        pond.start_worker()
        changes = []
        for scene in (jasper, telegence, pond):
            scene.speak()
            changes.append(scene.submit("--type", "carrier-plan", "--plan", scene.plans[1]))
        self.assert_processed(pond, changes[2], pond.lines)
        for scene, number in zip((jasper, telegence), changes):
            self.assertNotIn("processed", counts(scene, number))
            account, = scene.api("accounts")["items"]
            self.assertEqual((account["heldUpBy"], account["backlog"]), ("breaker", scene.lines))
        jasper.faults({"fault": "latency", "milliseconds": 200})
        self.move(telegence, telegence.platform.notes["simulator"] + "/telegence")
        for scene, number in zip((jasper, telegence), changes):
            self.assert_processed(scene, number, scene.lines)
        self.assert_one_probe(calls_of(pond.platform.notes["simulator"], "jasper", since)[0])

    def assert_one_probe(self, calls):
        failed = [call for call in calls if call["status"] == 503]
        self.assertEqual(len(failed), FAILURES_TO_OPEN)
        probe, after = calls[len(failed)], calls[len(failed) + 1]
        self.assertGreaterEqual(probe["us"] - answered_us(failed[-1]), BREAKER_US)
        self.assertGreaterEqual(after["us"], answered_us(probe), "nobody calls beside the probe")

    @staticmethod
    def move(scene, base_url):
        scene.speak()
        settings = {**scene.facts["settings"], "baseUrl": base_url}
        scene.platform.carryall("providers", "set", scene.provider_id,
                                f"settings:={json.dumps(settings)}")

    @staticmethod
    def closed_port():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return one.getsockname()[1]


if __name__ == "__main__":
    unittest.main()
