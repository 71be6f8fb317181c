"""Carriers that refuse, answer with what is no answer, or are spoken for by somebody else. What
must stay true: each device ends in a stated way, and is at the carrier what our record says."""

import base64
import json
import unittest
import urllib.error
import urllib.request
from collections import Counter

from call_times import calls_of
from carrier_stage import CALLBACK_PASSWORD, CARRIERS, CarrierScene
from stage import Stage

LINES = 5
PROCESSED, REFUSED_ACCOUNT = ("processed", None), ("error", "system")
# The credential that each carrier looks at, and the write of a plan change in its ledger.
SECRET = {"pond": "apiKey", "jasper": "apiKey", "thingspace": "password",
          "telegence": "clientSecret"}
WRITE = {"pond": "add_package", "jasper": "edit_device", "thingspace": "device_plan",
         "telegence": "line_change"}
stage = None


def setUpModule():
    global stage
    stage = Stage()


def tearDownModule():
    stage.close()


class BadAnswers(unittest.TestCase):
    def enter(self, carrier, lines=LINES, **options):
        stage.scenes += 1
        self.scene = CarrierScene(stage.platform, f"Scene {stage.scenes}", carrier, lines,
                                  **options)
        self.addCleanup(self.scene.end_workers)
        self.scene.knobs(requestsPerSecond=0)
        return self.scene

    def at_each_carrier(self, play, **options):
        for carrier in CARRIERS:
            with self.subTest(carrier):
                scene = self.enter(carrier, **options)
                play(scene)
                scene.end_workers()

    def change_plan(self, plan=None):
        return self.scene.submit("--type", "carrier-plan", "--plan", plan or self.scene.plans[1])

    def assert_ends(self, number, expected):
        detail = str(self.scene.api(f"bulk-changes/{number}"))
        self.assertEqual(Counter(self.scene.endings(number)), Counter(expected), detail)

    def assert_written(self, times):
        stats = self.scene.actions().get(WRITE[self.scene.carrier], {})
        self.assertEqual((stats.get("performed", 0), stats.get("maxPerformedPerKey", 0)),
                         (times, min(times, 1)))

    def plans_in_our_record(self):
        return Counter(one["carrierRatePlan"] for one in self.scene.devices().values())

    # --- the account

    def test_wrong_credentials_end_every_device_and_right_ones_mend_it(self):
        def play(scene):
            scene.change_credentials(scene.provider_id, {SECRET[scene.carrier]: "wrong"})
            scene.start_worker()
            number = self.change_plan()
            self.assert_ends(number, [REFUSED_ACCOUNT] * LINES)
            self.assertEqual(self.plans_in_our_record(), {scene.plans[0]: LINES})
            scene.change_credentials(scene.provider_id, scene.credentials)
            scene.platform.carryall("change", "retry", number)
            self.assert_ends(number, [PROCESSED] * LINES)
            self.assert_written(LINES)

        self.at_each_carrier(play)

    def test_missing_credentials_end_every_device_without_a_call(self):
        def play(scene):
            scene.start_worker()
            self.assert_ends(self.change_plan(), [REFUSED_ACCOUNT] * LINES)
            self.assertEqual(scene.actions(), {})

        self.at_each_carrier(play, has_credentials=False)

    def test_credentials_that_end_in_mid_run_stop_what_was_not_sent(self):
        ends = {"jasper": ("jasper/users", {"user": "carryall", "key": "another"}),
                "telegence": ("telegence/accounts", {"appId": "telegence-sim-app",
                                                     "appSecret": "another",
                                                     "bans": ["287000000001"]}),
                "thingspace": ("thingspace/credentials", {"username": "carryall",
                                                          "password": "another"})}
        for carrier, (path, body) in ends.items():
            with self.subTest(carrier):
                lines = 60
                scene = self.enter(carrier, lines, provider=["ratePerSecond:=20"],
                                   settings={"devicesPerRequest": 2}
                                   if carrier == "thingspace" else {})
                scene.faults({"fault": "latency", "milliseconds": 5})
                scene.start_worker()
                number = self.change_plan()
                request = "plan" if carrier == "thingspace" else WRITE[carrier]
                while scene.actions().get(request, {}).get("performed", 0) < 10:
                    pass
                scene.platform.simulator(path, body)
                if carrier == "thingspace":
                    scene.platform.simulator("thingspace/expire", {"sessions": True})
                ends = Counter(scene.endings(number))
                self.assertEqual(set(ends), {PROCESSED, REFUSED_ACCOUNT})
                self.assert_written(ends[PROCESSED])
                self.assertEqual(self.plans_in_our_record()[scene.plans[1]], ends[PROCESSED])
                scene.end_workers()

    def test_a_locked_user_is_not_put_forward_again(self):
        scene = self.enter("thingspace")
        keys = scene.credentials
        base = scene.platform.notes["simulator"] + "/thingspace/api"
        basic = base64.b64encode(f"{keys['appKey']}:{keys['appSecret']}".encode()).decode()
        token = json.loads(self.post(f"{base}/ts/v1/oauth2/token", b"grant_type=client_credentials",
                                     Authorization=f"Basic {basic}")[1])["access_token"]
        for _ in range(5):
            self.assertEqual(400, self.post(
                f"{base}/m2m/v1/session/login", {"username": "carryall", "password": "guess"},
                Authorization=f"Bearer {token}")[0])
        scene.start_worker()
        self.assert_ends(self.change_plan(), [REFUSED_ACCOUNT] * LINES)
        self.assertEqual(scene.actions()["login"]["received"], 5 + 1)
        self.assert_written(0)

    # --- the line and the plan

    def test_a_plan_that_the_carrier_does_not_know_changes_nothing(self):
        def play(scene):
            scene.platform.carryall("import", "carrier-rate-plans", scene.write(
                "plans.csv", "Service Provider,Code,Carrier Plan Id\n"
                f"{scene.carrier},GHOST,999999\n"))
            scene.start_worker()
            ends = Counter(scene.endings(self.change_plan("GHOST")))
            self.assertEqual({state for state, _ in ends}, {"error"}, ends)
            self.assertLessEqual({error for _, error in ends}, {"business", "validation"})
            self.assert_written(0)
            self.assertEqual(self.plans_in_our_record(), {scene.plans[0]: LINES})

        self.at_each_carrier(play)

    def test_a_device_that_is_not_in_the_account_ends_alone(self):
        def play(scene):
            scene.start_worker()
            self.assert_ends(self.change_plan(),
                             [PROCESSED] * (LINES - 1) + [("error", "business")])
            self.assert_written(LINES - 1)

        self.at_each_carrier(play, fleet={"count": LINES - 1})

    def test_a_status_word_never_seen_is_shown_as_it_is(self):
        scene = self.enter("jasper")
        scene.platform.simulator(f"jasper/device/{scene.iccid(2)}",
                                 {"status": "OPERATOR_HOLD", "silent": True})
        scene.start_worker()
        done = scene.platform.carryall("sync", "jasper", "--wait", "--timeout", "60")
        self.assertEqual((done["state"], done["lineCount"]), ("done", LINES))
        device = scene.platform.carryall("devices", "show", scene.iccid(2))
        self.assertEqual((device["status"], device["carrier"]["carrierStatus"]),
                         ("Active", "OPERATOR_HOLD"))

    # --- what is no answer

    def test_a_page_for_people_where_json_belongs_proves_nothing(self):
        for fault in ("html_200", "html_502"):
            def play(scene):
                scene.faults({"match": {"writesOnly": True}, "fault": fault, "limitPerKey": 1})
                scene.start_worker()
                self.assert_ends(self.change_plan(), [PROCESSED] * LINES)
                self.assert_written(LINES)

            self.at_each_carrier(play)

    def test_xml_where_json_belongs_leaves_no_device_in_doubt(self):
        def play(scene):
            scene.faults({"match": {"writesOnly": True}, "fault": "xml_403", "limitPerKey": 1})
            scene.start_worker()
            ends = Counter(scene.endings(self.change_plan()))
            self.assertLessEqual({state for state, _ in ends}, {"processed", "error"}, ends)
            self.assert_written(ends[PROCESSED])

        self.at_each_carrier(play)

    # --- somebody else's callbacks

    @staticmethod
    def post(url, body, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers)
        if not isinstance(body, bytes):
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def test_only_the_carriers_own_callback_ends_a_device_and_only_once(self):
        other = self.enter("thingspace", 1)
        scene = self.enter("thingspace", 1)
        scene.knobs(dropEveryNth=1)
        scene.start_worker()
        number = self.change_plan()
        while not scene.platform.carryall("change", "status", number)["counts"]["waiting"]:
            pass
        request = self.request_id()
        own = (f"{scene.platform.notes['url']}/callbacks/thingspace/{scene.tenant_id}/"
               f"{scene.provider_id}")
        others = (f"{scene.platform.notes['url']}/callbacks/thingspace/{other.tenant_id}/"
                  f"{other.provider_id}")
        message = {"username": "carryall", "password": CALLBACK_PASSWORD, "requestId": request,
                   "deviceIds": [{"id": scene.iccid(0), "kind": "iccid"}],
                   "deviceResponse": {}, "status": "Success", "callbackCount": 1}
        for path, body, answer in (
                (own, {**message, "password": "guess"}, 401),
                (own, {**message, "comment": "x" * 300_000}, 413),
                (own, b"<ok/>", 400),
                (others, message, 200),  # the other tenant's, about a request of ours
                (own, {**message, "requestId": "11111111-2222-4333-8444-555555555555"}, 200)):
            self.assertEqual(self.post(path, body)[0], answer, body)
        self.assertEqual(Counter(self.callback_states()), {"new": 1})
        counts = scene.platform.carryall("change", "status", number)["counts"]
        self.assertEqual(counts["waiting"], 1, counts)
        for _ in range(2):
            self.assertEqual(self.post(own, message)[0], 200)
        self.assert_ends(number, [PROCESSED])
        self.assertEqual(Counter(self.callback_states()),
                         {"new": 1, "matched": 1, "repeated": 1})
        self.assertEqual(scene.actions()["plan"]["received"], 1)

    def request_id(self):
        """Of the last change that ThingSpace took."""
        lines, _ = calls_of(self.scene.platform.notes["simulator"], "thingspace")
        return [line["fields"]["requestId"] for line in lines
                if line["action"] == "plan" and line["performed"]][-1]

    def callback_states(self):
        return [one["state"] for one in self.scene.ask_all("callbacks")]


if __name__ == "__main__":
    unittest.main()
