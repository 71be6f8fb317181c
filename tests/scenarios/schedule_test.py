"""Dates with real processes: what comes due at once while a worker is killed, a change that comes
again, and an account that is left alone. The judge is the carrier's own ledger."""

import datetime
import json
import unittest
import urllib.request

from stage import FIRST_ICCID, Stage

LINES = 2_000
STATUS = ("--type", "status", "--status", "Suspended")
# Each look asks the API once; the limit is far above what a scenario needs.
LOOKS = 3_000
stage = None


def setUpModule():
    global stage
    stage = Stage()


def tearDownModule():
    stage.close()


def ahead(seconds):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Schedule(unittest.TestCase):
    def enter(self, lines=LINES, calls_per_second=900):
        self.scene = stage.scene(lines, calls_per_second)
        self.addCleanup(self.scene.end_workers)
        self.carryall = self.scene.platform.carryall
        return self.scene

    def until(self, look, is_there):
        """What `look` answers once it is there."""
        for _ in range(LOOKS):
            seen = look()
            if is_there(seen):
                return seen
        raise AssertionError(f"never came: {seen}")

    def status_calls(self, since):
        """When the carrier was told to change a status, from its ledger."""
        url = self.scene.platform.notes["simulator"] + "/_sim/ledger?system=pond&limit=1000000"
        with urllib.request.urlopen(url) as answer:
            entries = [json.loads(line) for line in answer.read().splitlines()]
        times = [datetime.datetime.fromtimestamp(entry["us"] / 1e6, datetime.timezone.utc)
                 for entry in entries if entry.get("action") == "sim_status"]
        return [time for time in times if time >= since]

    def assert_all_processed(self, number):
        detail = self.scene.finish(number)
        counts = {state: count for state, count in detail["counts"].items() if count}
        self.assertEqual(counts, {"processed": self.scene.lines}, detail)
        return detail

    def assert_done_once(self):
        stats = self.scene.actions()["sim_status"]
        self.assertEqual((stats["performed"], stats["maxPerformedPerKey"]), (self.scene.lines, 1))
        self.assertEqual(self.scene.audit()[:5], [])


class DueAtOnce(Schedule):
    def test_lines_are_changed_once_and_not_before_their_date(self):
        scene = self.enter()
        first, _ = scene.start_worker(), scene.start_worker()
        due = ahead(4)
        number = scene.submit(*STATUS, "--start-at", due.isoformat())
        listed = self.carryall("schedules", "list")
        self.assertEqual([(one["bulkChangeId"], one["changeCount"]) for one in listed],
                         [(number, LINES)])
        progress = scene.wait_until_processed(number, LINES // 5)
        self.assertFalse(progress["finished"], "it was over before anything could go wrong")
        first.kill()
        first.wait()
        detail = self.assert_all_processed(number)
        self.assertGreaterEqual(instant(detail["startedAt"]), due)
        self.assert_done_once()
        self.assertEqual(self.carryall("schedules", "list"), [])

    def test_customer_rate_plans_take_effect_once(self):
        scene = self.enter()
        workers = [scene.start_worker(), scene.start_worker()]
        self.carryall("customer-plans", "create", "code=GOLD", "name=Gold")
        number = scene.submit("--type", "customer-plan", "--customer-plan", "GOLD",
                              "--effective-date", ahead(6).isoformat())
        self.assert_all_processed(number)
        look = lambda: self.carryall("schedules", "list")  # noqa: E731
        self.assertEqual(look()[0]["ratePlanCount"], LINES)
        self.until(look, lambda seen: not seen or seen[0]["ratePlanCount"] < LINES)
        workers[0].kill()
        workers[0].wait()
        self.until(look, lambda seen: not seen)
        history = self.carryall("devices", "history", FIRST_ICCID)
        self.assertEqual(sum(entry["source"] == "schedule" for entry in history), 1, history)
        self.assertEqual(scene.audit()[:5], [])


class Cancelled(Schedule):
    def test_what_is_cancelled_is_never_sent(self):
        scene = self.enter(lines=50)
        number = scene.submit(*STATUS, "--start-at", ahead(600).isoformat())
        self.carryall("schedules", "move", number, "--to", ahead(900).isoformat())
        outcome = self.carryall("schedules", "cancel", number, "--reason", "not wanted")
        self.assertEqual((outcome["changeCount"], outcome["status"]), (50, "CANCELLED"))
        scene.start_worker()
        second = scene.submit(*STATUS)
        self.assert_all_processed(second)
        self.assert_done_once()


class Again(Schedule):
    def test_a_recurring_change_makes_one_change_with_two_workers(self):
        scene = self.enter(lines=20)
        scene.start_worker()
        scene.start_worker()
        provider = self.carryall("providers", "list")[0]["serviceProviderId"]
        request = scene.write("request.json", json.dumps(
            {"serviceProviderId": provider, "changeType": "statusupdate",
             "statusUpdate": {"updateStatus": "Suspended"}}))
        start = ahead(3).replace(microsecond=0, tzinfo=None)
        made = self.carryall("recurring", "add", request, "--name", "nightly", "--rrule",
                             "FREQ=DAILY;COUNT=2", "--time-zone", "UTC", "--starts-at",
                             start.isoformat(), "--filter", "status=Active")
        show = lambda: self.carryall("recurring", "show", made["recurringChangeId"])  # noqa: E731
        runs = self.until(show, lambda seen: seen["pastRuns"])["pastRuns"]
        self.assertEqual([run["outcome"] for run in runs], ["made"], runs)
        self.assert_all_processed(runs[0]["bulkChangeId"])
        self.assertEqual(len(self.carryall("change", "list")), 1)
        self.assert_done_once()


class LeftAlone(Schedule):
    def test_nothing_is_begun_in_a_blackout_that_comes_in_mid_run(self):
        scene = self.enter(lines=200, calls_per_second=50)
        scene.start_worker()
        submitted, begin, end = ahead(0), ahead(3), ahead(6)
        self.carryall("accounts", "blackout", "add", "POND", "--name", "freeze", "--time-zone",
                      "UTC", "--starts-at", begin.isoformat(), "--ends-at", end.isoformat())
        number = scene.submit(*STATUS)
        self.assert_all_processed(number)
        self.assert_done_once()
        times = self.status_calls(submitted)
        # What left just before arrives just behind it.
        late = begin + datetime.timedelta(milliseconds=300)
        self.assertEqual([time for time in times if late <= time < end], [])
        self.assertTrue(min(times) < begin < end <= max(times), (begin, end, times[:3]))


if __name__ == "__main__":
    unittest.main()
