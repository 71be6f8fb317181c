"""Customer charges against the real programs and a simulated Rev.io, judged by what it holds."""

import random
import signal
import unittest
from decimal import Decimal

from charge_stage import ChargeScene
from stage import Stage

def what_can_go_wrong(hang):
    """A tenth of the answers lost after the charge was made, a fifth 5xx, half of them after it was
    made, and a fifth 429."""
    rules = [("execute_then_hang", 0.05, {"milliseconds": hang}), ("execute_then_reset", 0.053, {}),
             ("execute_then_500", 0.11, {}), ("503", 0.125, {}),
             ("429", 0.28, {"retryAfterSeconds": 0})]
    return [{"match": {"action": "create_charge"}, "fault": fault, "probability": share, **more}
            for fault, share, more in rules]


class ChargesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def scene(self, devices, **more):
        self.stage.scenes += 1
        scene = ChargeScene(self.stage.platform, f"Charges {self.stage.scenes}", devices, **more)
        self.addCleanup(scene.end_workers)
        return scene

    def assert_equal_to_the_cent(self, scene, run):
        """Each charged intent is one charge in Rev.io with its amount, and there is no other."""
        charges = [one for one in scene.charges(run) if one["state"] == "charged"]
        held = scene.ledger_of_revio()
        self.assertEqual({one["revChargeId"] for one in charges}, set(held))
        self.assertEqual(len(charges), len(held))
        for one in charges:
            self.assertEqual(Decimal(one["amount"]), held[one["revChargeId"]]["amount"])
        self.assertEqual(sum(Decimal(one["amount"]) for one in charges),
                         sum(one["amount"] for one in held.values()))
        self.assertLessEqual(scene.times_charged(), 1)

    def test_a_run_charges_each_device_once_and_the_same_order_again_changes_nothing(self):
        scene = self.scene(120)
        instance = scene.optimize([("6.504", "1.003", "0.5" if n % 3 == 0 else "0")
                                   for n in range(120)])
        scene.start_worker()
        run = scene.charge(instance)
        ended = scene.settle(run)
        self.assertEqual(ended["counts"]["charged"], 280)
        self.assertEqual(Decimal(ended["chargedAmount"]), 120 * Decimal("7.51") + 20)
        self.assert_equal_to_the_cent(scene, run)
        self.assertEqual(scene.charge(instance), run)
        self.assertEqual(scene.settle(run)["counts"]["charged"], 280)
        self.assertEqual(len(scene.ledger_of_revio()), 280)

    def test_killed_workers_and_lost_answers_bill_nobody_twice(self):
        scene = self.scene(400)
        instance = scene.optimize([(f"{n % 37}.25", f"{n % 5}.5", "0") for n in range(400)])
        scene.faults(*what_can_go_wrong(hang=300))
        workers = [scene.start_worker(CARRYALL_WORKER_CHARGE_RUNNERS="3") for _ in range(2)]
        run = scene.charge(instance)
        dice = random.Random(7)
        kills = 0
        scene.wait_until_charged(run, 1)
        while scene.status(run)["counts"]["new"] > 0 and kills < 20:
            victim = dice.randrange(len(workers))
            workers[victim].send_signal(signal.SIGKILL)
            workers[victim].wait(30)
            kills += 1
            workers[victim] = scene.start_worker(CARRYALL_WORKER_CHARGE_RUNNERS="3")
        ended = scene.settle(run)
        self.assertEqual((ended["counts"]["failed"], ended["counts"]["parked"]), (0, 0))
        self.assert_equal_to_the_cent(scene, run)
        print(f"{ended['counts']['charged']} charges, {kills} kills", flush=True)


if __name__ == "__main__":
    unittest.main()
