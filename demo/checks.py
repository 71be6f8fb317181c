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
# Sessions, callbacks' registration, requests for many lines: each line is counted apart from them.
# Charges are judged by what Rev.io holds (charging.py).
NO_CHANGE_OF_A_LINE = {"token", "login", "callback_register", "suspend", "create_charge"}


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
        whole = [one for one in results if one[1] != "every-carrier.csv"]
        for title, file, detail, _ in whole:
            self.counts(title, file, detail)
        self.counts_of_the_set([one[2] for one in results[len(whole):]])
        self.ledger()
        self.lines()
        self.devices()
        self.audit()

    def counts_of_the_set(self, details):
        """Each row is in the change of its line's account; the bad ones are in the first."""
        names = [fleet.PROVIDER, *(carrier[0] for carrier in fleet.OTHER_CARRIERS)]
        self.equal("every carrier: accounts", [one["serviceProvider"] for one in details], names)
        bad = sum(fleet.EXPECTED["every-carrier.csv"].values())
        wanted = [(len(fleet.EVERY_CARRIER), bad)] + [(fleet.OTHER_LINES, 0)] * 3
        for name, detail, (good, failed) in zip(names, details, wanted):
            counts = {state: count for state, count in detail["counts"].items() if count}
            expected = {"processed": good, **({"error": failed} if failed else {})}
            self.equal(f"every carrier: {name}", counts, expected)
        reasons = {one["reason"]: one["count"] for one in details[0]["reasons"]}
        self.equal("every carrier: reasons", reasons, fleet.EXPECTED["every-carrier.csv"])

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
        suspended = len(good_lines(fleet.STATUS, "suspend.csv")) + len(fleet.EVERY_CARRIER)
        expected = {("pond", "sim_status"): suspended,
                    ("jasper", "edit_device"): fleet.OTHER_LINES,
                    ("thingspace", "device_suspend"): fleet.OTHER_LINES,
                    ("telegence", "line_change"): fleet.OTHER_LINES,
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
                changes_a_line = action not in NO_CHANGE_OF_A_LINE
                if stats.get("performed") and changes_a_line and (system, action) not in expected:
                    self.equal(f"ledger: {system} {action} performed", stats["performed"], 0)

    def lines(self):
        """The carrier's own state of every line of the fleet."""
        suspended = {*good_lines(fleet.STATUS, "suspend.csv"), *fleet.EVERY_CARRIER}
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
        self.equal("devices", len(every), len(fleet.EUROPE) + len(fleet.NORDICS)
                   + len(fleet.OTHER_CARRIERS) * fleet.OTHER_LINES)
        for name, _, _, first, _, _ in fleet.OTHER_CARRIERS:
            found = {by_iccid.get(str(first + place), {}).get("status")
                     for place in range(fleet.OTHER_LINES)}
            self.equal(f"{name}: statuses", found, {"Suspended"})
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

