"""The second job, on the lines that the demonstration has assigned to customers: what an optimiser
found for each customer becomes charges in Rev.io. What must stay true: what is expected here is
reckoned from the rows themselves, not asked of the platform."""

import json
import urllib.request
from collections import defaultdict
from decimal import Decimal

import make_fleet as fleet

PERIOD = ("2026-10-01", "2026-10-31")
ENDED = "2026-11-01T02:00:00Z"
FIRST_INSTANCE = 71
RATE = Decimal("4.50")


def overage_of(number):
    return Decimal(number % 7) / 4


def results_of(numbers):
    return [{"iccid": fleet.iccid(number), "ratePlan": "FLEET-500", "usageMb": str(number % 900),
             "rateCharge": str(RATE), "overageCharge": str(overage_of(number)),
             "revProductTypeId": 311} for number in numbers]


def optimize(platform, numbers):
    """An instance for each customer, as an optimiser would hand them in."""
    account = next(one["serviceProviderId"] for one in platform.carryall("providers", "list")
                   if one["integration"] == "revio")
    of_customer = defaultdict(list)
    for number in numbers:
        of_customer[fleet.rev_customer(number)].append(number)
    instances = []
    for place, (customer, lines) in enumerate(sorted(of_customer.items())):
        instance = FIRST_INSTANCE + place
        queue = {"queueId": instance * 100 + 1, "totalCost": "1", "runEndTime": ENDED,
                 "deviceResults": results_of(lines)}
        file = platform.folder / "optimization.json"
        file.write_text(json.dumps({
            "portalType": "m2m", "revCustomerId": str(customer),
            "integrationAuthenticationId": account, "billingPeriodStart": PERIOD[0],
            "billingPeriodEnd": PERIOD[1], "runEndTime": ENDED,
            "commGroups": [{"commGroupId": instance * 10, "queues": [queue]}]}))
        platform.carryall("optimization", "import", file, "--instance", instance)
        instances.append(instance)
    return instances


def charge(platform, instances):
    """One run for the whole session, followed to its end."""
    words = ["charges", "enqueue", "--instances", ",".join(map(str, instances))]
    number = platform.carryall(*words)["chargeRunId"]
    platform.carryall("charges", "watch", number, live=True, check=False, to_json=False)
    platform.check_alive()
    return platform.carryall("charges", "status", number)


def held_by_revio(platform):
    with urllib.request.urlopen(platform.notes["simulator"] + "/_sim/revio/charges/all",
                                timeout=60) as answer:
        return [json.loads(line, parse_float=Decimal, parse_int=Decimal)
                for line in answer.read().decode().splitlines()]


def check(checks, platform, run, numbers):
    overages = [overage_of(number) for number in numbers if overage_of(number)]
    amount = RATE * len(numbers) + sum(overages)
    wanted = len(numbers) + len(overages)
    held = held_by_revio(platform)
    checks.equal("charges: run", run["state"], "finished")
    checks.equal("charges: charged", run["counts"]["charged"], wanted)
    checks.equal("charges: amount", Decimal(run["chargedAmount"]), amount)
    checks.equal("charges: in Rev.io", len(held), wanted)
    checks.equal("charges: amount in Rev.io", sum(one["amount"] for one in held), amount)
    checks.equal("charges: no two alike", len({one["description"] for one in held}), wanted)
    for part in run["parts"]:
        text = platform.carryall("charges", "list", run["chargeRunId"], "--part",
                                 part["partNumber"], to_json=False)
        checks.equal(f"charges: {part['listName']} is whole", len(text.encode()),
                     part["listBytes"])
