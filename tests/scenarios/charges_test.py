"""Customer charges against the real programs and a simulated Rev.io, judged by what Rev.io holds."""

import random
import signal
import unittest
from decimal import Decimal

from charge_stage import ChargeScene
from stage import Stage

# In Rev.io's simulator: a third each of what can go wrong when a charge is made.
LOST = {"action": "create_charge", "fault": "execute_then_hang", "share": 0.1}


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
        ended = scene.watch(run)
        self.assertEqual(ended["counts"]["charged"], 280)
        self.assertEqual(Decimal(ended["chargedAmount"]), 120 * Decimal("7.51") + 20)
        self.assert_equal_to_the_cent(scene, run)
        self.assertEqual(scene.charge(instance), run)
        self.assertEqual(scene.watch(run)["counts"]["charged"], 280)
        self.assertEqual(len(scene.ledger_of_revio()), 280)


if __name__ == "__main__":
    unittest.main()
