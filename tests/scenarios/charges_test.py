"""Customer charges against the real programs and a simulated Rev.io, judged by what it holds."""

import csv
import json
import random
import shutil
import signal
import subprocess
import tempfile
import unittest
import zipfile
from decimal import Decimal
from pathlib import Path

from charge_stage import ChargeScene
from mail_server import MailServer
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
        ended = scene.watch(run)
        self.assertEqual(ended["counts"]["charged"], 280)
        self.assertEqual(Decimal(ended["chargedAmount"]), 120 * Decimal("7.51") + 20)
        self.assert_equal_to_the_cent(scene, run)
        self.assertEqual(scene.charge(instance), run)
        self.assertEqual(scene.watch(run)["counts"]["charged"], 280)
        self.assertEqual(len(scene.ledger_of_revio()), 280)

    def test_a_session_ends_with_one_mail_that_holds_every_list(self):
        server = MailServer("--user", "carryall", "--password", "s3cret")
        self.addCleanup(server.close)
        scene = self.scene(30)
        first = scene.optimize([("5.00", "0", "0")] * 30, emails=["Acme@example.com"])
        second = scene.optimize([("0", "1.25", "0.5")] * 30, start="2026-03-01", end="2026-03-31",
                                emails=["acme@example.com"])
        scene.platform.carryall("charges", "settings", "--set",
                                'administratorEmails:=["desk@example.com"]')
        for _ in range(2):  # both finish parts at the same time
            scene.start_worker(**server.settings())
        run = scene.charge(first, second)
        ended = scene.watch(run)
        self.assertEqual([part["state"] for part in ended["parts"]], ["listed", "listed"])
        self.assertEqual([part["instanceId"] for part in ended["parts"]], [first, second])
        mails = {}
        for _ in range(2):
            mail = server.mail()
            self.assertNotIn(mail["To"].lower(), mails)
            mails[mail["To"].lower()] = mail
        self.assertEqual(set(mails), {"acme@example.com", "desk@example.com"})
        sent = scene.platform.carryall("deliveries", "list", "--channel", "mail")
        self.assertEqual(len(sent), 2)
        mail = mails["desk@example.com"]
        self.assertEqual(mail["Subject"],
                         f"Customer Charge Processing Summary - Instances {first}, {second}")
        archive, = mail.iter_attachments()
        file = Path(tempfile.mkdtemp()) / "lists.zip"
        self.addCleanup(shutil.rmtree, file.parent)
        file.write_bytes(archive.get_content())
        subprocess.run(["unzip", "-tq", file], check=True, stdout=subprocess.DEVNULL)
        with zipfile.ZipFile(file) as lists:
            self.assertEqual(sorted(lists.namelist()), [f"{first}01.txt", f"{second}01.txt"])
            text = lists.read(f"{second}01.txt").decode()
        self.assertEqual(text, scene.platform.carryall("charges", "list", run, "--part",
                                                       ended["parts"][1]["partNumber"],
                                                       to_json=False))
        rows = list(csv.DictReader(text.splitlines()[:31], delimiter="\t"))
        self.assertEqual(len(rows), 30)
        self.assertEqual({row["IsSuccessful"] for row in rows}, {"true"})
        self.assertEqual(sum(Decimal(row["ChargeAmount"]) for row in rows), Decimal("37.50"))
        self.assertEqual(sum(Decimal(row["SMSChargeAmount"]) for row in rows), 15)
        self.assertIn("Total Charge Amount", text)

    def test_refused_credentials_stop_the_run_and_fail_no_charge(self):
        scene = self.scene(60)
        instance = scene.optimize([("5.00", "0", "0")] * 60)
        scene.change_password("wrong")
        scene.start_worker()
        run = scene.charge(instance)
        stopped = scene.watch(run)
        self.assertEqual(stopped["hold"], "stopped")
        self.assertEqual(stopped["counts"]["new"], 60)
        self.assertEqual(scene.ledger_of_revio(), {})
        scene.change_password(scene.secrets["password"])
        scene.platform.carryall("charges", "resume", run)
        self.assertEqual(scene.watch(run)["counts"]["charged"], 60)
        self.assert_equal_to_the_cent(scene, run)

    def test_writes_that_are_switched_off_stop_the_run_and_fail_no_charge(self):
        scene = self.scene(60)
        run = scene.charge(scene.optimize([("5.00", "0", "0")] * 60))
        scene.platform.carryall("providers", "set", scene.account_id, "writeIsEnabled:=false")
        scene.start_worker()
        stopped = scene.watch(run)
        self.assertEqual((stopped["hold"], stopped["counts"]["new"]), ("stopped", 60), stopped)
        self.assertIn("Writes disabled", stopped["holdReason"])
        scene.platform.carryall("providers", "set", scene.account_id, "writeIsEnabled:=true")
        scene.platform.carryall("charges", "resume", run)
        self.assertEqual(scene.watch(run)["counts"]["charged"], 60)
        self.assert_equal_to_the_cent(scene, run)

    def test_what_rev_io_was_never_asked_waits_for_a_person_and_is_charged_once(self):
        scene = self.scene(3)
        run = scene.charge(scene.optimize([("5.00", "0", "0")] * 3))
        address = scene.platform.notes["simulator"] + "/revio/v1"

        def move(to):
            scene.platform.carryall("providers", "set", scene.account_id,
                                    f"settings:={json.dumps({'baseUrl': to})}")
        move("http://127.0.0.1:9")  # nobody listens
        scene.start_worker(CARRYALL_WORKER_MAX_RETRIES="1")
        ended = scene.watch(run)
        self.assertEqual((ended["state"], ended["counts"]["parked"]), ("finished", 3), ended)
        move(address)
        scene.platform.carryall("charges", "release", run)
        self.assertEqual(scene.watch(run)["counts"]["charged"], 3)
        self.assert_equal_to_the_cent(scene, run)

    def test_a_reversal_takes_everything_back_to_the_cent(self):
        scene = self.scene(20)
        instance = scene.optimize([("5.00", "0.75", "0")] * 20)
        scene.start_worker()
        run = scene.charge(instance)
        scene.watch(run)
        back = scene.platform.carryall("charges", "reverse", run, "--reason", "wrong prices")
        ended = scene.watch(back["chargeRunId"])
        self.assertEqual(ended["counts"]["charged"], 40)
        held = scene.ledger_of_revio()
        self.assertEqual(len(held), 80)
        self.assertEqual(sum(one["amount"] for one in held.values()), 0)
        again = scene.platform.carryall("charges", "reverse", run, "--reason", "twice",
                                        check=False)
        self.assertIn("reversed already", str(again))

    def test_the_audit_compares_every_charge_with_what_rev_io_was_really_asked_for(self):
        scene = self.scene(40)
        instance = scene.optimize([("5.00", "0.75", "0.50")] * 40)
        scene.faults(*what_can_go_wrong(hang=300))
        scene.start_worker()
        run = scene.charge(instance)
        scene.watch(run)
        ours = scene.charges(run)[0]
        back = scene.platform.carryall("charges", "reverse", run, "--charges", ours["chargeId"],
                                       "--reason", "wrong price")
        scene.watch(back["chargeRunId"])
        self.assertEqual(scene.audit(), [])
        scene.faults()
        scene.charge_behind_our_back(ours)
        scene.charge_behind_our_back(ours, description="Somebody else's idea")
        found = {one["rule"]: one["detail"] for one in scene.audit()}
        self.assertEqual(set(found), {"I2.create_charge", "I3.create_charge"}, found)
        self.assertIn("was performed 2 times for 1 charged", found["I3.create_charge"])
        self.assertIn("Somebody else's idea", found["I2.create_charge"])

    def test_what_a_person_dismisses_is_never_charged_and_blocks_no_sign_off(self):
        scene = self.scene(3)
        instance = scene.optimize([("5.00", "0", "0"), ("20000", "0", "0"), ("-3", "0", "0")])
        scene.start_worker()
        run = scene.charge(instance)
        self.assertEqual(scene.watch(run)["counts"]["parked"], 2)
        words = ("charges", "dismiss", run, "--reason", "a test of ours")
        credit = next(one for one in scene.charges(run) if one["amount"] == "-3")
        scene.platform.carryall("charges", "release", run, "--charges", credit["chargeId"])
        self.assertEqual(scene.watch(run)["counts"]["parked"], 1)
        self.assertEqual(scene.platform.carryall(*words)["dismissedCount"], 1)
        ended = scene.watch(run)
        self.assertEqual((ended["state"], ended["counts"]["skipped"]), ("finished", 1))
        self.assertEqual(Decimal(ended["chargedAmount"]), 2)
        self.assert_equal_to_the_cent(scene, run)
        self.assertIn("dismissed by", scene.platform.carryall("charges", "list", run,
                                                              to_json=False))
        self.assertEqual(scene.audit(), [])
        period = ("2026-02-01", "2026-02-28")
        scene.platform.carryall("charges", "reconcile", "--account", scene.account_id, "--period",
                                *period, "--watch")
        scene.platform.carryall("charges", "sign-off", *period, "--note", "looked at")
        self.assertEqual(scene.audit(), [])

    def test_a_reconciled_period_is_signed_off_and_takes_no_further_run(self):
        scene = self.scene(20)
        instance = scene.optimize([("5.00", "0.75", "0")] * 20)
        later = scene.optimize([("1.00", "0", "0")] * 20)
        scene.start_worker()
        scene.watch(scene.charge(instance))
        period = ("2026-02-01", "2026-02-28")
        early = scene.platform.carryall("charges", "sign-off", *period, "--note", "looked at",
                                        check=False)
        self.assertIn("reconcil", str(early))
        found = scene.platform.carryall("charges", "reconcile", "--account", scene.account_id,
                                        "--period", *period, "--watch")
        self.assertEqual((found["foundCount"], found["differenceCount"]), (40, 0), found)
        scene.platform.carryall("charges", "sign-off", *period, "--note", "looked at")
        periods = scene.platform.carryall("charges", "periods")
        self.assertEqual([one["state"] for one in periods], ["signed_off"])
        refused = scene.platform.carryall("charges", "enqueue", "--instances", later, check=False)
        self.assertIn("signed off", str(refused))
        self.assertEqual(len(scene.ledger_of_revio()), 40)

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
        ended = scene.watch(run)
        self.assertEqual((ended["counts"]["failed"], ended["counts"]["parked"]), (0, 0))
        self.assert_equal_to_the_cent(scene, run)
        print(f"{ended['counts']['charged']} charges, {kills} kills", flush=True)


if __name__ == "__main__":
    unittest.main()
