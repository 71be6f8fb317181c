"""Charges by an uploaded file, with whole programs and the simulator of Rev.io: what the file says
is what Rev.io holds, to the cent and once, though a worker dies and answers are lost."""

import signal
import unittest
from decimal import Decimal

from charge_stage import ChargeScene
from stage import Stage

LINES = 300
PERIOD = ("--period", "2026-02-01", "2026-02-28")


class ChargeFileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def scene(self):
        self.stage.scenes += 1
        scene = ChargeScene(self.stage.platform, f"Files {self.stage.scenes}", LINES)
        self.addCleanup(scene.end_workers)
        return scene

    def upload(self, scene, rows):
        path = scene.write("fees.csv", "ICCID,Kind,Amount,Description,Product Type Id\n" + "".join(
            f"{iccid},{kind},{amount},{text},311\n" for iccid, kind, amount, text in rows))
        return self.stage.platform.carryall("charges", "file", path, *PERIOD, "--account",
                                            scene.account_id)

    def fees(self, scene):
        rows = [(scene.iccid(n), "usage", f"{n % 41}.{n % 90 + 10}", f"Rental {n}")
                for n in range(LINES)]
        return rows + [(scene.iccid(n), "sms", "0.05", "Texts") for n in range(0, LINES, 3)]

    def test_rev_io_holds_what_the_file_says_though_a_worker_dies_and_answers_are_lost(self):
        scene = self.scene()
        rows = self.fees(scene)
        taken = self.upload(scene, rows)
        total = sum(Decimal(amount) for _, _, amount, _ in rows)
        self.assertEqual((taken["storedCount"], Decimal(taken["totalAmount"])),
                         (len(rows), total))
        scene.faults({"match": {"action": "create_charge"}, "fault": "execute_then_reset",
                      "probability": 0.05},
                     {"match": {"action": "create_charge"}, "fault": "execute_then_500",
                      "probability": 0.05})
        worker = scene.start_worker()
        run = self.order(taken["fileId"])
        scene.wait_until_charged(run, 1)
        worker.send_signal(signal.SIGKILL)
        worker.wait(30)
        scene.start_worker()
        ended = scene.watch(run)
        self.assertEqual((ended["source"], ended["fileId"]), ("file", taken["fileId"]))
        self.assertEqual(ended["counts"]["charged"], len(rows))
        self.assertEqual(Decimal(ended["chargedAmount"]), total)
        held = scene.ledger_of_revio()
        self.assertEqual(len(held), len(rows))
        charges = scene.charges(run)
        self.assertEqual({one["revChargeId"]: Decimal(one["amount"]) for one in charges},
                         {number: one["amount"] for number, one in held.items()})
        self.assertEqual(sorted((one["iccid"], one["kind"], Decimal(one["amount"]),
                                 one["description"]) for one in charges),
                         sorted((iccid, kind, Decimal(amount), text)
                                for iccid, kind, amount, text in rows))
        self.assertLessEqual(scene.times_charged(), 1)
        self.assertEqual(self.order(taken["fileId"]), run)
        self.the_same_rows_again_wait_for_a_person(scene, rows)

    def the_same_rows_again_wait_for_a_person(self, scene, rows):
        run = self.order(self.upload(scene, rows)["fileId"])
        ended = scene.watch(run)
        self.assertEqual(ended["counts"]["parked"], len(rows))
        self.assertEqual(len(scene.ledger_of_revio()), len(rows))

    def order(self, file):
        return self.stage.platform.carryall("charges", "enqueue", "--file", file)["chargeRunId"]


if __name__ == "__main__":
    unittest.main()
