"""Whether a demonstration did exactly what it must: what the platform says of itself, what the
simulated carriers' ledger says was done, what state every line has there, and the platform's own
audit. What must stay true: nothing here trusts a number of the platform that the carrier's ledger
can tell."""

from concurrent.futures import ThreadPoolExecutor

import make_fleet as fleet

ON, OFF = "ENABLED", "DISABLED"
START_PLAN = 40117
REQUESTS_AT_ONCE = 8
MOST_SHOWN = 20


def good_lines(lines, file):
    return lines[:fleet.ROWS - sum(fleet.EXPECTED[file].values())]


class Checks:
    def __init__(self, platform):
        self.platform, self.wrong, self.done = platform, [], 0

    def equal(self, what, found, expected):
        self.done += 1
        if found != expected:
            self.wrong.append(f"{what}: is {found}, must be {expected}")

    def everything(self, results):
        for title, file, detail, _ in results:
            self.counts(title, file, detail)
        self.ledger()
        self.lines()
        self.devices()
        self.audit()

    def counts(self, title, file, detail):
        expected = fleet.EXPECTED[file]
        failed = sum(expected.values())
        counts = {state: count for state, count in detail["counts"].items() if count}
        self.equal(f"{title}: devices", detail["deviceCount"], fleet.ROWS)
        self.equal(f"{title}: states", counts,
                   {"processed": fleet.ROWS - failed, "error": failed})
        self.equal(f"{title}: status", detail["status"], "PARTIAL")
        reasons = {reason["reason"]: reason["count"] for reason in detail["reasons"]}
        for reason in sorted(reasons.keys() | expected.keys()):
            self.equal(f"{title}: \"{reason}\"", reasons.get(reason, 0), expected.get(reason, 0))

    def ledger(self):
        """Each thing was asked for and done exactly once."""
        systems = self.platform.simulator("ledger/summary")["systems"]
        plans = len(good_lines(fleet.PLAN, "carrier-plans.xlsx"))
        assigned = len(good_lines(fleet.ASSIGN, "assign.csv"))
        expected = {("pond", "sim_status"): len(good_lines(fleet.STATUS, "suspend.csv")),
                    ("pond", "add_package"): plans, ("pond", "package_status"): 2 * plans,
                    ("revio", "create_service"): assigned,
                    ("revio", "create_service_product"): assigned}
        for (system, action), times in expected.items():
            stats = systems.get(system, {}).get(action, {})
            self.equal(f"ledger: {action} performed", stats.get("performed"), times)
            if action != "package_status":  # the new one is activated, the old one terminated
                self.equal(f"ledger: {action} for one line at most",
                           stats.get("maxPerformedPerKey"), 1)
        for system, actions in systems.items():
            for action, stats in actions.items():
                if stats.get("performed") and (system, action) not in expected:
                    self.equal(f"ledger: {system} {action} performed", stats["performed"], 0)

    def lines(self):
        """The carrier's own state of every line of the fleet."""
        suspended = set(good_lines(fleet.STATUS, "suspend.csv"))
        changed = set(good_lines(fleet.PLAN, "carrier-plans.xlsx"))
        numbers = [*fleet.EUROPE, *fleet.NORDICS]

        def look(number):
            return self.platform.simulator(f"pond/sim/{fleet.iccid(number)}")

        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            for number, truth in zip(numbers, pool.map(look, numbers)):
                name = f"line {fleet.iccid(number)} at POND"
                services = {truth["status"][f"sim{kind}ServiceStatus"]
                            for kind in ("Data", "Voice", "Sms")}
                self.equal(f"{name}: services", services, {OFF if number in suspended else ON})
                active = [package["packageTypeId"] for package in truth["packages"]
                          if package["status"] == "ACTIVE"]
                plan = (40118 if number % 2 else 40119) if number in changed else START_PLAN
                self.equal(f"{name}: active packages", active, [plan])

    def devices(self):
        """What the platform itself believes afterwards, one page after the other."""
        every = self.platform.carryall("devices", "list", "--limit", 100_000)
        by_iccid = {device["iccid"]: device for device in every}
        self.equal("devices", len(every), len(fleet.EUROPE) + len(fleet.NORDICS))
        for file, lines, wanted in (
                ("suspend.csv", fleet.STATUS, lambda n: ("status", "Suspended")),
                ("carrier-plans.xlsx", fleet.PLAN,
                 lambda n: ("carrierRatePlan", "IOT-5GB" if n % 2 else "IOT-100MB")),
                ("customer-plans.json", fleet.CUSTOMER_PLAN,
                 lambda n: ("customerRatePlan", "FLEET-500")),
                ("assign.csv", fleet.ASSIGN,
                 lambda n: ("revCustomerId", str(fleet.rev_customer(n))))):
            good = set(good_lines(lines, file))
            for number in lines:
                member, value = wanted(number)
                found = by_iccid.get(fleet.iccid(number), {}).get(member)
                name = f"{fleet.iccid(number)}: {member}"
                self.done += 1
                must = "must" if number in good else "must not"
                if (found == value) != (number in good):
                    self.wrong.append(f"{name} is {found}, {must} be {value}")

    def audit(self):
        found = self.platform.carryall("audit", "--finished", "--tenant",
                                       self.platform.notes["tenant"], "--ledger",
                                       self.platform.notes["simulator"], check=False)
        self.equal("audit: findings", len(found), 0)
        self.wrong += [f"audit: {one}" for one in found[:MOST_SHOWN]]

