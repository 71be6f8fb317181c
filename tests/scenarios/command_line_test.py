"""The user commands against a real server: what is printed, what scripts get, the exit status."""

import csv
import datetime
import io
import json
import os
import subprocess
import time
import unittest

from stage import FIRST_ICCID, Stage
from local_platform import PROGRAM

LINES = 40
UNKNOWN = FIRST_ICCID + 500_000
stage = scene = None


def setUpModule():
    global stage, scene
    stage = Stage()
    try:
        scene = stage.scene(LINES, calls_per_second=5_000)
        scene.start_worker()
    except BaseException:
        stage.close()
        raise


def tearDownModule():
    scene.end_workers()
    stage.close()


def run(*words, **environment):
    """As a person would: without --json, token and address from the environment."""
    known = os.environ | {"CARRYALL_URL": stage.platform.notes["url"],
                          "CARRYALL_TOKEN": scene.token} | environment
    known.pop("CARRYALL_TOKEN_FILE", None)
    return subprocess.run([str(PROGRAM), *map(str, words)], env=known, text=True, timeout=60,
                          capture_output=True, check=False)


class CommandLine(unittest.TestCase):
    def ok(self, *words, status=0, **environment):
        done = run(*words, **environment)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def answer(self, *words, **more):
        return json.loads(self.ok("--json", *words, **more).stdout)

    def file(self, *iccids, name="lines.csv"):
        return scene.write(name, "ICCID\n" + "".join(f"{one}\n" for one in iccids))

    def submit(self, *iccids, status="Suspended", more=(), **expected):
        return self.answer("change", "submit", self.file(*iccids), "--provider", "pond", "--type",
                           "status", "--status", status, *more, **expected)


class Changes(CommandLine):
    def test_watch_ends_with_the_status_of_the_change(self):
        good, bad = FIRST_ICCID, UNKNOWN
        cases = (([good], "Suspended", 0), ([good, bad], "Active", 8), ([bad], "Active", 9))
        for iccids, status, expected in cases:
            done = self.ok("change", "submit", self.file(*iccids), "--provider", "POND", "--type",
                           "status", "--status", status, "--watch", status=expected)
            self.assertIn({0: "PROCESSED", 8: "PARTIAL", 9: "ERROR"}[expected], done.stdout)
            if expected:
                self.assertIn("Invalid ICCID", done.stdout)

    def test_a_change_with_a_date_says_when_it_begins_and_is_not_waited_for_beyond_the_limit(self):
        day = f"{datetime.date.today().year + 1}-02-01"
        begins = f"begins {day}T03:00:00+01:00"
        done = self.ok("change", "submit", self.file(FIRST_ICCID + 30), "--provider", "POND",
                       "--type", "status", "--status", "Suspended", "--start-at",
                       f"{day}T03:00", "--time-zone", "Europe/Berlin")
        self.assertIn(begins, done.stdout)
        number = done.stdout.split(":")[0].rsplit(" ", 1)[1]
        began = time.monotonic()
        watched = self.ok("change", "watch", number, "--timeout", "1", status=7)
        self.assertLess(time.monotonic() - began, 10)
        self.assertIn(begins, watched.stdout)
        other = self.ok("change", "submit", self.file(FIRST_ICCID + 30), "--provider", "POND",
                        "--type", "carrier-plan", "--plan", "B", "--watch").stdout
        other = other.split(":")[0].rsplit(" ", 1)[1]
        self.assertIn(f"(bulk change {number})", self.ok("change", "devices", other).stdout)
        self.assertIn(f"{day}T02:00", self.ok("change", "list").stdout)
        self.ok("schedules", "cancel", number)

    def test_an_option_without_a_value_is_no_change_at_once(self):
        done = self.ok("change", "submit", self.file(FIRST_ICCID + 31), "--provider", "POND",
                       "--type", "status", "--status", "Suspended", "--start-at", "", status=2)
        self.assertIn("--start-at: has no value", done.stderr)

    def test_failed_rows_can_be_submitted_again(self):
        number = self.submit(FIRST_ICCID + 1, UNKNOWN + 1)["bulkChangeId"]
        self.ok("change", "watch", number, status=8)
        failed = self.ok("change", "failed", number).stdout
        rows = list(csv.DictReader(io.StringIO(failed.removeprefix("\ufeff"))))
        self.assertEqual([row["Identifier"] for row in rows], [str(UNKNOWN + 1)])
        again = self.answer("change", "submit", scene.write("failed.csv", failed), "--provider",
                            "POND", "--type", "status")
        self.assertEqual((again["deviceCount"], again["refusedCount"]), (1, 1))

    def test_a_dry_run_is_a_plan_that_does_nothing_until_it_is_applied(self):
        result = self.submit(FIRST_ICCID + 2, UNKNOWN, more=["--dry-run"])
        self.assertEqual((result["dryRun"], result["acceptedCount"]), (True, 1))
        number = str(result["bulkChangeId"])
        self.assertEqual(self.answer("change", "status", number)["status"], "PLANNED")
        self.assertIn(result["planHash"], self.ok("change", "plan", number).stdout)
        devices = self.ok("change", "plan", number, "--devices", "--verdict", "refused").stdout
        self.assertIn(str(UNKNOWN), devices)
        self.ok("change", "apply", number, "0" * 64, status=5)
        self.ok("change", "apply", number, result["planHash"], "--watch", status=8)
        back = self.answer("change", "undo", number)
        self.assertEqual((back["undoesBulkChangeId"], back["status"]), (int(number), "PLANNED"))
        shown = self.ok("change", "submit", self.file(UNKNOWN), "--provider", "POND", "--type",
                        "status", "--status", "Active", "--dry-run").stdout
        self.assertIn("nothing started, plan", shown)
        self.assertIn(str(UNKNOWN), shown)
        self.assertNotIn("change apply", shown)

    def test_all_or_nothing_is_refused_with_rows_and_reasons(self):
        done = self.ok("change", "submit", self.file(FIRST_ICCID, UNKNOWN), "--provider", "POND",
                       "--type", "status", "--status", "Suspended", "--all-or-nothing", status=2)
        self.assertIn("row 3", done.stderr)
        self.assertIn("Invalid ICCID", done.stderr)

    def test_the_same_key_makes_one_change(self):
        first = self.submit(FIRST_ICCID + 3, more=["--idempotency-key", "once"])
        again = self.submit(FIRST_ICCID + 3, more=["--idempotency-key", "once"])
        self.assertEqual(again["bulkChangeId"], first["bulkChangeId"])
        self.assertTrue(again["replayed"])
        self.submit_conflict()

    def submit_conflict(self):
        done = run("change", "submit", self.file(FIRST_ICCID + 4), "--provider", "POND", "--type",
                   "status", "--status", "Suspended", "--idempotency-key", "once")
        self.assertEqual(done.returncode, 5, done.stderr)

    def test_a_stored_change_waits_for_process(self):
        number = self.submit(FIRST_ICCID + 5, more=["--store-only"])["bulkChangeId"]
        self.assertEqual(self.answer("change", "status", number)["status"], "NEW")
        self.ok("change", "process", number, "--watch")
        log = self.answer("change", "log", number)
        self.assertEqual(log[-1]["responseStatus"], "PROCESSED")
        device = self.answer("change", "devices", number)[0]
        one = self.answer("change", "log", number, "--device", device["deviceChangeId"])
        self.assertEqual(one, log)

    def test_single_devices_and_json_files_are_changes_too(self):
        one = self.answer("change", "submit", "--device", FIRST_ICCID + 6, "--type", "status",
                          "--status", "Suspended", "--provider", "POND")
        self.assertEqual(one["acceptedCount"], 1)
        request = scene.write("request.json", json.dumps(
            {"changeType": "statusupdate", "statusUpdate": {"updateStatus": "Suspended"},
             "devices": [str(FIRST_ICCID + 7)]}))
        two = self.answer("change", "submit", "--json-file", request, "--provider", "POND")
        self.assertEqual(two["acceptedCount"], 1)
        self.ok("change", "watch", two["bulkChangeId"])


class Mistakes(CommandLine):
    def test_exit_codes_tell_the_kind(self):
        self.ok("change", "status", 999_999, status=4)
        self.ok("change", "list", status=3, CARRYALL_TOKEN="cry_1_wrong")
        self.ok("change", "list", status=7, CARRYALL_URL="http://127.0.0.1:1")
        self.ok("change", "list", "--status", "SOON", status=2)
        self.ok("change", "submit", "/nonexistent.csv", "--type", "status", status=2)
        self.ok("change", "submit", status=2)
        self.ok("chnage", status=2)
        for wrong in ("0", "-3", "4x", "99999999999999999999"):
            told = self.ok("charges", "release", "1", f"--charges={wrong}", status=2).stderr
            self.assertIn(f"must be a whole number from 1, not '{wrong}'", told)

    def test_a_problem_is_readable_and_for_scripts_a_document(self):
        empty = scene.write("empty.csv", "")
        words = ("change", "submit", empty, "--provider", "POND", "--type", "status", "--status",
                 "Active")
        self.assertIn("empty", self.ok(*words, status=2).stderr)
        problem = self.answer(*words, status=2)
        self.assertEqual(problem["type"], "urn:carryall:problem:invalid_input")

    def test_an_unknown_provider_names_those_there_are(self):
        done = self.ok("change", "submit", self.file(FIRST_ICCID), "--provider", "Pnod", "--type",
                       "status", "--status", "Active", status=4)
        self.assertIn("POND", done.stderr)

    def test_the_token_is_in_no_output(self):
        for words in (("change", "list"), ("change", "status", "999999"), ("providers", "list"),
                      ("--json", "change", "list", "--status", "X")):
            done = run(*words)
            self.assertNotIn(scene.token, done.stdout + done.stderr)


class Inventory(CommandLine):
    def test_imports_say_which_rows_are_bad(self):
        file = scene.write("customers.csv", "Name,Rev Customer Id\nAcme,77\n,78\n")
        done = self.ok("import", "customers", file, "--dry-run", status=8)
        self.assertIn("name", done.stdout)
        self.ok("import", "customers", file, status=8)
        names = [one["name"] for one in self.answer("customers", "list")]
        self.assertEqual(names, ["Acme"])

    def test_a_device_is_shown_by_its_iccid_with_its_history(self):
        self.assertEqual(self.answer("devices", "show", FIRST_ICCID + 9)["serviceProvider"],
                         "POND")
        self.assertTrue(self.answer("devices", "history", FIRST_ICCID + 9))
        listed = self.answer("devices", "list", "--limit", "7")
        self.assertEqual(len(listed), 7)
        self.ok("devices", "show", UNKNOWN, status=4)

    def test_credentials_come_from_a_file_and_are_never_shown(self):
        secrets = scene.write("secrets.json", '{"apiKey": "do-not-show", "password": "neither"}')
        made = self.ok("--json", "providers", "create", "name=Spare", "integration=pond",
                       "--credentials", secrets)
        self.assertEqual(json.loads(made.stdout)["credentialNames"], ["apiKey", "password"])
        shown = made.stdout + made.stderr + self.ok("providers", "list").stdout
        self.assertNotIn("do-not-show", shown)
        broken = scene.write("secrets.json", '{"apiKey": "do-not-show"')
        done = self.ok("providers", "create", "name=Other", "--credentials", broken, status=2)
        self.assertNotIn("do-not-show", done.stderr)


class Operators(CommandLine):
    def test_audit_is_clean_and_lists_its_rules(self):
        platform = stage.platform
        self.assertIn("I9.device", platform.carryall("audit", "--rules", to_json=False))
        self.assertEqual(platform.carryall("audit", "--tenant", scene.name), [])

    def test_bash_accepts_the_completion(self):
        script = self.ok("completion", "bash").stdout
        self.assertEqual(subprocess.run(["bash", "-n"], input=script, text=True,
                                        check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main()
