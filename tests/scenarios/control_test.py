"""Bulk changes that are held while they run: paused, cancelled, stopped by failures, kept to waves.
The judge is the carrier's own ledger: what arrived there, and when."""

import json
import time
import unittest
import urllib.request

from stage import FIRST_ICCID, LATENCY, Stage

LINES = 1_500
STATUS = ("--type", "status", "--status", "Suspended")
PLAN = ("--type", "carrier-plan", "--plan", "B")
PROMISE_SECONDS = 2.0
stage = None


def setUpModule():
    global stage
    stage = Stage()


def tearDownModule():
    stage.close()


class Held(unittest.TestCase):
    def enter(self, lines=LINES, calls_per_second=300, on=None, **settings):
        self.scene = (on or stage).scene(lines, calls_per_second, **settings)
        self.addCleanup(self.scene.end_workers)
        self.first_line = self.ledger_end()
        return self.scene

    # --- asking

    def ask(self, number, action="", method="POST", **body):
        """The answer, and the instant at which it had come."""
        request = urllib.request.Request(
            f"{self.scene.platform.notes['url']}/v1/bulk-changes/{number}{action}", method=method,
            data=json.dumps(body).encode() if method != "GET" else None,
            headers={"Authorization": f"Bearer {self.scene.token}",
                     "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer), time.time()

    def counts(self, number):
        detail, _ = self.ask(number, method="GET")
        return {state: count for state, count in detail["counts"].items() if count}

    def wait_for_the_middle(self, number, share=5):
        progress = self.scene.wait_until_processed(number, self.scene.lines // share)
        self.assertFalse(progress["finished"], "it was over before anything could happen")

    def wait_until(self, number, is_so):
        """By the live events, which tell of each change of the counts and of the control."""
        host = self.scene.platform.notes["url"]
        request = urllib.request.Request(f"{host}/v1/bulk-changes/{number}/events",
                                         headers={"Authorization": f"Bearer {self.scene.token}"})
        with urllib.request.urlopen(request, timeout=60) as events:
            for line in events:
                if line.startswith(b"data:") and is_so(progress := json.loads(line[5:])):
                    return progress
        raise AssertionError("the stream of events ended early")

    # --- what the carrier saw

    def ledger_end(self):
        """Earlier scenes' lines stay."""
        return max((line["seq"] for line in self.ledger(0)), default=0)

    def ledger(self, since=None):
        since = self.first_line if since is None else since
        while True:
            with urllib.request.urlopen(
                    f"{self.scene.platform.notes['simulator']}/_sim/ledger?system=pond&"
                    f"since={since}&limit=10000", timeout=60) as answer:
                lines = answer.read().splitlines()
                last = int(answer.headers["Sim-Last-Seq"])
            yield from map(json.loads, lines)
            if last <= since:
                return
            since = last

    def sends(self):
        """The instants at which calls arrived that change a line."""
        return [line["us"] / 1e6 for line in self.ledger() if line["method"] == "POST"]

    def assert_no_send_later_than(self, instant):
        late = [arrived - instant for arrived in self.sends() if arrived > instant]
        self.assertEqual(late, [], "calls arrived so many seconds after the promise")

    def assert_every_device_accounted(self, number, *states):
        counts = self.counts(number)
        self.assertEqual(sum(counts.values()), self.scene.lines, counts)
        self.assertEqual(set(counts) - set(states), set(), counts)
        return counts

    def assert_clean(self):
        self.assertEqual(self.scene.audit()[:5], [])


class Cancelled(Held):
    def cancel(self, number):
        progress, answered = self.ask(number, "/cancel", reason="wrong list")
        self.assertIn(progress["control"], ("cancelling", "cancelled"))
        end = self.wait_until(number, lambda one: one["finished"])
        self.assert_no_send_later_than(answered + PROMISE_SECONDS)
        return end

    def test_nothing_is_sent_two_seconds_after_the_answer_and_every_device_is_accounted_for(self):
        scene = self.enter()
        for _ in range(2):
            scene.start_worker()
        number = scene.submit(*STATUS)
        self.wait_for_the_middle(number)
        self.assertEqual(self.cancel(number)["status"], "CANCELLED")
        counts = self.assert_every_device_accounted(number, "processed", "cancelled")
        self.assertGreater(counts["cancelled"], 0, counts)
        done = scene.actions()["sim_status"]
        self.assertEqual((done["performed"], done["maxPerformedPerKey"]),
                         (counts["processed"], 1))
        entries = scene.platform.carryall("change", "devices", number, "--state", "cancelled",
                                          "--limit", "1")
        self.assertEqual(entries[0]["reason"], "Cancelled by scenario: wrong list")
        self.assert_clean()

    def test_conversations_of_several_calls_end_or_are_parked_with_what_was_done(self):
        scene = self.enter(lines=300, calls_per_second=None)
        scene.faults({"fault": "latency", "milliseconds": 700})
        scene.start_worker()
        number = scene.submit(*PLAN)
        while scene.actions().get("add_package", {}).get("performed", 0) < 40:
            pass
        self.cancel(number)
        counts = self.assert_every_device_accounted(number, "processed", "cancelled", "parked")
        self.assertGreater(counts.get("cancelled", 0), 0, counts)
        added = scene.actions()["add_package"]
        self.assertEqual(added["maxPerformedPerKey"], 1)
        self.assertEqual(added["performed"], counts["processed"] + counts.get("parked", 0))
        for device in scene.platform.carryall("change", "devices", number, "--state", "parked"):
            self.assertIn("what was done before stays done at the carrier", device["reason"])
        self.assert_clean()

    def test_an_account_that_is_held_up_does_not_hold_up_the_cancellation(self):
        # On a stage of its own: all accounts with a login share what is learned from a 429.
        own_stage = Stage()
        self.addCleanup(own_stage.close)
        scene = self.enter(lines=50, calls_per_second=1, on=own_stage)
        scene.start_worker()
        number = scene.submit(*STATUS)
        self.wait_until(number, lambda one: one["counts"]["processed"] > 0)
        scene.faults({"fault": "429", "retryAfterSeconds": 20})
        while all(line["status"] != 429 for line in self.ledger()):
            pass
        self.cancel(number)
        account, = scene.platform.carryall("accounts")
        self.assertEqual(account["heldUpBy"], "pause")
        self.assert_every_device_accounted(number, "processed", "cancelled")
        self.assert_clean()


class Paused(Held):
    def pause(self, number):
        progress, answered = self.ask(number, "/pause", reason="look first")
        self.assertEqual((progress["control"], progress["controlBy"], progress["controlReason"]),
                         ("paused", "scenario", "look first"))
        self.wait_until(number, lambda one: one["counts"]["sending"] == 0)
        return answered

    def test_a_pause_outlives_a_killed_worker_and_the_change_goes_on_where_it_was(self):
        scene = self.enter()
        worker = scene.start_worker()
        number = scene.submit(*STATUS)
        self.wait_for_the_middle(number)
        answered = self.pause(number)
        worker.kill()
        worker.wait()
        scene.start_worker()
        self.assertGreater(self.counts(number)["new"], 0)
        # Another change gets its turn meanwhile; the lines of the paused one are not sent.
        other = scene.platform.carryall(
            "change", "submit", scene.write("one.csv", f"ICCID\n{FIRST_ICCID}\n"), "--provider",
            "POND", "--type", "carrier-plan", "--plan", "B")["bulkChangeId"]
        self.wait_until(other, lambda one: one["finished"] or one["waitsFor"])
        late = [one for one in self.ledger()
                if one["method"] == "POST" and "status" in one["path"] and "sim" in one["path"]
                and one["us"] / 1e6 > answered + PROMISE_SECONDS]
        self.assertEqual(late, [])
        self.ask(number, "/resume")
        detail = scene.finish(number)
        self.assertEqual(detail["counts"]["processed"], scene.lines, detail)
        done = scene.actions()["sim_status"]
        self.assertEqual((done["performed"], done["maxPerformedPerKey"]), (scene.lines, 1))
        self.assert_clean()

    def test_an_unknown_outcome_is_read_back_and_never_sent_again_while_paused(self):
        scene = self.enter(lines=40, calls_per_second=None, timeoutSeconds=1)
        scene.faults({"match": {"action": "sim_status"}, "fault": "execute_then_hang",
                      "execute": False, "milliseconds": 20_000})
        scene.start_worker()
        number = scene.submit(*STATUS)
        self.wait_until(number, lambda one: self.sends())
        answered = self.pause(number)
        # Not done at the carrier: what was unknown is new again, and waits for the resumption.
        self.wait_until(number, lambda one: one["counts"]["new"] == scene.lines)
        self.assert_no_send_later_than(answered + PROMISE_SECONDS)
        scene.faults(LATENCY)
        self.ask(number, "/resume")
        detail = scene.finish(number)
        self.assertEqual(detail["counts"]["processed"], scene.lines, detail)
        done = scene.actions()["sim_status"]
        self.assertEqual((done["performed"], done["maxPerformedPerKey"]), (scene.lines, 1))
        self.assert_clean()


class StoppedByFailures(Held):
    def test_too_many_failures_pause_the_change_and_the_rest_is_never_sent(self):
        scene = self.enter()
        scene.faults({"match": {"action": "sim_status"}, "fault": "xml_403"}, LATENCY)
        scene.start_worker()
        number = scene.submit(*STATUS, "--failures", "30")
        progress = self.wait_until(number, lambda one: one["control"] == "paused")
        self.assertEqual((progress["controlCause"], progress["controlBy"]),
                         ("threshold", "carryall"))
        progress = self.wait_until(number, lambda one: one["counts"]["sending"] == 0)
        self.assertGreater(progress["counts"]["new"], scene.lines // 2, progress)
        scene.faults(LATENCY)
        scene.platform.carryall("change", "resume", number, check=False)
        # A page that was claimed in the moment of the pause may still be written down.
        self.assertGreater(self.counts(number)["new"], scene.lines // 2, "it needs a word")
        scene.platform.carryall("change", "resume", number, "--ignore-threshold")
        counts = scene.finish(number)["counts"]
        self.assertGreaterEqual(counts["error"], 30)
        self.assertEqual(counts["processed"] + counts["error"], scene.lines, counts)
        scene.platform.carryall("change", "retry", number)
        self.assertEqual(scene.finish(number)["status"], "PROCESSED")
        self.assert_clean()


class Waves(Held):
    def test_the_second_wave_waits_for_a_person_and_the_third_too(self):
        scene = self.enter(lines=200, calls_per_second=None)
        scene.start_worker()
        number = scene.submit(*STATUS, "--waves", "1,10,100", "--wave-approval", "manual")
        for wave, done in ((1, 2), (2, 20)):
            progress = self.wait_until(number, lambda one: one["control"] == "paused")
            self.assertEqual(progress["wave"], {"current": wave, "of": 3})
            self.assertEqual(progress["counts"]["processed"], done)
            self.assertEqual(len(self.sends()), done)
            self.ask(number, "/resume")
        detail = scene.finish(number)
        self.assertEqual(detail["counts"]["processed"], scene.lines, detail)
        self.assert_clean()

    def test_waves_follow_each_other_by_themselves(self):
        scene = self.enter(lines=400, calls_per_second=None)
        for _ in range(2):
            scene.start_worker()
        number = scene.submit(*STATUS, "--waves", "5,50,100")
        detail = scene.finish(number)
        self.assertEqual(detail["counts"]["processed"], scene.lines, detail)
        order = [int(line["key"]) - FIRST_ICCID for line in self.ledger()
                 if line["method"] == "POST"]
        self.assertEqual(set(order[:20]), set(range(20)))
        self.assertEqual(set(order[20:200]), set(range(20, 200)))
        self.assert_clean()


class Approval(Held):
    def test_a_large_change_waits_for_another_person_and_is_then_carried_out(self):
        scene = self.enter(lines=40, calls_per_second=None)
        platform = scene.platform
        platform.carryall("settings", "--approval-threshold", "10")
        scene.start_worker()
        number = scene.submit(*STATUS)
        plan, _ = self.ask(number, "/plan", method="GET")
        approve = ("change", "approve", number, "--plan-hash", plan["planHash"])
        self.assertIn("forbidden", platform.carryall(*approve, check=False)["type"])
        self.assertEqual(self.counts(number), {"new": scene.lines})
        mine = platform.token_file.read_text()
        self.addCleanup(platform.token_file.write_text, mine)
        platform.token_file.write_text(platform.carryall(
            "tokens", "create", "--tenant", scene.name, "--name", "second person", "--role",
            "operator")[0]["token"])
        progress = platform.carryall(*approve)
        self.assertEqual((progress["approval"], progress["approvedBy"]),
                         ("approved", "second person"))
        self.assertEqual(scene.finish(number)["counts"]["processed"], scene.lines)
        self.assert_clean()


class Concurrency(Held):
    def test_a_limit_holds_over_all_workers_within_a_turn(self):
        scene = self.enter(lines=2_500, calls_per_second=None)
        scene.faults({"fault": "latency", "milliseconds": 500})
        for _ in range(2):
            scene.start_worker()
        number = scene.submit(*STATUS)
        self.wait_for_the_middle(number, share=20)
        progress, answered = self.ask(number, method="PATCH", maxConcurrency=3)
        self.assertEqual(progress["maxConcurrency"], 3)
        while len(later := [begun for begun in self.sends() if begun > answered + 3]) < 15:
            pass
        calls = [(one["us"] / 1e6, (one["us"] + one.get("delayUs", 0)) / 1e6)
                 for one in self.ledger() if one["method"] == "POST"]
        most = max(sum(begun <= moment < end for begun, end in calls) for moment in later)
        self.assertLessEqual(most, 3)
        self.assertFalse(self.counts(number).get("processed") == scene.lines)
        self.ask(number, method="PATCH", maxConcurrency=None)
        self.assertEqual(scene.finish(number)["counts"]["processed"], scene.lines)
        self.assert_clean()


if __name__ == "__main__":
    unittest.main()
