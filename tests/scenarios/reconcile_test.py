"""Reconciliation through the real programs and over real sockets: charges are sent, what Rev.io
holds is spoilt behind the platform's back, and every spoilt charge must be named, no other."""

import signal
import unittest

from reconcile_stage import PERIOD, ReconcileScene
from stage import Stage

FAULTS = [("429", 0.1, {"retryAfterSeconds": 0}), ("503", 0.1, {}), ("reset_before", 0.05, {}),
          ("truncated", 0.05, {})]


class ReconcileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def scene(self, customers, lines):
        self.stage.scenes += 1
        scene = ReconcileScene(self.stage.platform, f"Reconcile {self.stage.scenes}", customers,
                               lines)
        self.addCleanup(scene.end_workers)
        return scene

    def test_every_planted_error_among_thousands_is_found_and_none_is_invented(self):
        scene = self.scene(12, 125)
        scene.start_worker()
        run = scene.charge()
        scene.add_charges_of_others(1_000)
        clean = scene.reconcile(run)
        self.assertEqual((clean["state"], clean["differenceCount"]), ("done", 0), clean)
        self.assertEqual((clean["sentCount"], clean["foundCount"]), (3_000, 3_000))
        self.assertEqual(clean["foundAmount"], clean["sentAmount"])
        planted = scene.plant(50, seed=11)
        held = scene.held_by_revio()
        spoilt = scene.reconcile(run)
        self.assertEqual(scene.differences(spoilt["chargeReconciliationId"]), planted)
        self.assertEqual([spoilt[f"{kind}Count"] for kind in ("missing", "extra", "wrongAmount")],
                         [50, 50, 50])
        self.assertEqual(spoilt["openDifferenceCount"], 150)
        self.assertEqual(scene.held_by_revio(), held, "a reconciliation changes nothing")

    def test_a_killed_worker_and_a_rev_io_on_a_bad_day_change_nothing_of_the_result(self):
        scene = self.scene(40, 10)
        scene.start_worker()
        scene.charge()
        planted = scene.plant(10, seed=5)
        scene.platform.simulator("faults", {"system": "revio", "seed": 3, "rules": [
            {"match": {"action": "list_charges"}, "fault": fault, "probability": share, **more}
            for fault, share, more in FAULTS]})
        asked = scene.platform.carryall("charges", "reconcile", "--account", scene.account,
                                        "--period", *PERIOD)
        path = f"charge-reconciliations/{asked['chargeReconciliationId']}"
        while scene.api(path)["customersRead"] < 5:
            pass
        scene.workers[-1].send_signal(signal.SIGKILL)
        scene.workers[-1].wait(30)
        scene.start_worker()
        # Asked for again while it is open: the same one.
        ended = scene.reconcile("--account", scene.account, "--period", *PERIOD)
        self.assertEqual(ended["chargeReconciliationId"], asked["chargeReconciliationId"])
        self.assertEqual(ended["state"], "done", ended)
        self.assertEqual(scene.differences(ended["chargeReconciliationId"]), planted)

    def test_a_period_with_open_differences_is_not_signed_off(self):
        scene = self.scene(2, 5)
        scene.start_worker()
        scene.charge()
        scene.plant(2, seed=1)
        ended = scene.reconcile("--account", scene.account, "--period", *PERIOD)
        refused = scene.platform.carryall("charges", "sign-off", *PERIOD, "--note", "looked at",
                                          check=False)
        self.assertIn("are not accepted", str(refused))
        difference = scene.platform.carryall("charges", "differences",
                                             ended["chargeReconciliationId"])[0]
        accepted = scene.platform.carryall("charges", "accept-difference",
                                           difference["chargeDifferenceId"], "--reason", "agreed")
        self.assertEqual(accepted["acceptedReason"], "agreed")
        self.assertEqual(scene.api(f"charge-reconciliations/{ended['chargeReconciliationId']}")
                         ["openDifferenceCount"], 5)
        rows = scene.platform.carryall("charges", "differences", ended["chargeReconciliationId"],
                                       "--csv", to_json=False).splitlines()
        self.assertEqual(len(rows), 1 + 6)
        self.assertTrue(rows[0].startswith("Difference,Kind,Charge,RevCharge"), rows[0])
        periods = scene.platform.carryall("charges", "periods")
        self.assertEqual([one["state"] for one in periods], ["open"])


if __name__ == "__main__":
    unittest.main()
