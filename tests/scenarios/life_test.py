"""A plan's life at each carrier, through the real programs: planned without a call, applied exactly
as shown, and taken back. The judge is the simulator: its ledger, and the truth about every line."""

import unittest

from carrier_stage import CarrierScene
from stage import Stage

SUSPEND = ("--type", "status", "--status", "Suspended")
stage = None


def setUpModule():
    global stage
    stage = Stage()


def tearDownModule():
    stage.close()


def pond_truth(answer):
    active = [one["packageTypeId"] for one in answer["packages"] if one["status"] == "ACTIVE"]
    return {"services": answer.get("status"), "plans": sorted(active)}


# What is to be as it was: the line's state and plan, not the traces that a change leaves.
TRUTHS = {
    "pond": ("pond/sim/{}", pond_truth),
    "jasper": ("jasper/device/{}", lambda answer: {
        name: answer["device"][name] for name in ("status", "ratePlan", "communicationPlan")}),
    "telegence": ("telegence/line/{}", lambda answer: {
        name: answer[name] for name in ("status", "plan")}),
    "thingspace": ("thingspace/line/{}", lambda answer: {
        name: answer[name] for name in ("state", "servicePlan")}),
}


class Life(unittest.TestCase):
    def enter(self, carrier, lines, **options):
        stage.scenes += 1
        self.scene = CarrierScene(stage.platform, f"Life {stage.scenes}", carrier, lines,
                                  **options)
        self.addCleanup(self.scene.end_workers)
        return self.scene

    def truths(self):
        route, essence = TRUTHS[self.scene.carrier]
        return [essence(stage.platform.simulator(route.format(self.scene.iccid(n))))
                for n in range(self.scene.lines)]

    def records(self):
        return {iccid: (device["status"], device["carrierRatePlan"])
                for iccid, device in self.scene.devices().items()}

    def plan(self, *change):
        scene = self.scene
        file = scene.write("plan.csv", "ICCID\n" + "".join(
            scene.iccid(n) + "\n" for n in range(scene.lines)))
        return stage.platform.carryall("change", "submit", file, "--provider", scene.carrier,
                                       "--dry-run", *change)

    def apply(self, plan):
        number = plan["bulkChangeId"]
        stage.platform.carryall("change", "apply", number, plan["planHash"])
        detail = self.scene.finish(number)
        self.assertEqual(detail["counts"]["processed"], plan["acceptedCount"], detail)
        return number

    def undo(self, number):
        return stage.platform.carryall("change", "undo", number)

    def there_and_back(self, carrier, lines, change, **options):
        scene = self.enter(carrier, lines, **options)
        truths, records, calls = self.truths(), self.records(), scene.actions()
        scene.start_worker()
        plan = self.plan(*change)
        self.assertEqual((plan["status"], plan["acceptedCount"]), ("PLANNED", lines))
        self.assertEqual(scene.actions(), calls, "a plan that nobody applied called the carrier")
        number = self.apply(plan)
        self.assertNotEqual(self.truths(), truths)
        back = self.undo(number)
        self.assertEqual((back["acceptedCount"], back["refusedCount"]), (lines, 0), back)
        between = scene.actions()
        self.assertNotEqual(self.truths(), truths, "an undo that nobody applied did something")
        self.assertEqual(scene.actions(), between)
        self.apply(back)
        self.assertEqual(self.truths(), truths)
        self.assertEqual(self.records(), records)
        return number

    def test_pond_status(self):
        self.there_and_back("pond", 40, SUSPEND)

    def test_pond_rate_plan(self):
        self.there_and_back("pond", 20, ("--type", "carrier-plan", "--plan", "B"))

    def test_jasper_rate_plan(self):
        self.there_and_back("jasper", 8, ("--type", "carrier-plan", "--plan", "FLEET 10MB"),
                            provider=["ratePerSecond:=50"])

    def test_thingspace_rate_plan(self):
        self.there_and_back("thingspace", 20, ("--type", "carrier-plan", "--plan", "M2M-10MB"))

    def test_telegence_status(self):
        self.there_and_back("telegence", 8, SUSPEND)

    def test_what_cannot_go_back_is_named_and_the_rest_goes_back(self):
        scene = self.enter("telegence", 6)
        truths = self.truths()
        scene.start_worker()
        number = self.apply(self.plan(*SUSPEND))
        cancelled = stage.platform.carryall(
            "change", "submit", "--device", scene.iccid(2), "--provider", "telegence", "--type",
            "status", "--status", "Deactivated")["bulkChangeId"]
        scene.finish(cancelled)
        back = self.undo(number)
        self.assertEqual((back["acceptedCount"], back["refusedCount"]), (5, 1), back)
        self.assertIn("Moved since", back["reasons"][0]["reason"])
        self.apply(back)
        expected = truths[:2] + [{**truths[2], "status": "C"}] + truths[3:]
        self.assertEqual(self.truths(), expected)
        final = self.undo(cancelled)
        self.assertEqual(final["acceptedCount"], 0)
        self.assertIn("from Deactivated to Suspended not allowed", final["reasons"][0]["reason"])


if __name__ == "__main__":
    unittest.main()
