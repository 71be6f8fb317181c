#!/usr/bin/env python3
"""./dev demo, up and down. demo: the whole platform on this machine, the four change types on
1,000 devices each through the public API, one change for lines of all four carriers, and a table;
exit status 0 only if every count, every entry in the carriers' ledger and every device there is
exactly as it must be. up: the same platform with the same fleet, left running. down: stops it."""

import argparse
import json
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import charging  # noqa: E402
import make_fleet as fleet  # noqa: E402
from checks import Checks, good_lines  # noqa: E402
from local_platform import PROGRAM, REPOSITORY, Platform, Trouble, state_folder  # noqa: E402

EXAMPLES = REPOSITORY / "examples"
# So slow that there is something to see: POND is called this often a second.
POND_RATE, REVIO_RATE, OTHER_RATE = 500, 1_500, 100
MOST_SHOWN = 40
IMPORTS = [("customers", "customers.csv"), ("sites", "sites.csv"),
           ("carrier-rate-plans", "carrier-rate-plans.csv"),
           ("customer-rate-plans", "customer-rate-plans.csv"),
           ("customer-rate-pools", "customer-rate-pools.csv"), ("devices", "devices.csv")]

# The four change types, as they would be typed.
CHANGES = [
    ("status", "suspend.csv", ["examples/suspend.csv", "--type", "status"]),
    ("carrier plan", "carrier-plans.xlsx",
     ["examples/carrier-plans.xlsx", "--type", "carrier-plan"]),
    ("customer plan", "customer-plans.json", ["--json-file", "examples/customer-plans.json"]),
    ("assign customer", "assign.csv",
     ["examples/assign.csv", "--type", "assign", "--create-rev-service", "--rev-provider", "21",
      "--service-type", "61", "--usage-plan-group", "71", "--products", "5001"]),
]
# One request for lines of all carriers: a bulk change for each account.
EVERY_CARRIER = ["examples/every-carrier.csv", "--type", "status", "--status", "Suspended",
                 "--provider", "all"]
# Of the other carriers: where, what for, what they know us by.
ACCOUNTS = {
    "jasper": ({"baseUrl": "/jasper/rws/api/v1"},
               {"username": "carryall", "apiKey": "jasper-sim-key"},
               {"ratePlan": "FLEET 5MB"}),
    "thingspace": ({"baseUrl": "/thingspace/api", "accountName": "0000123456-00001",
                    "callbackSources": ["127.0.0.0/8"]},
                   {"appKey": "thingspace-sim-key", "appSecret": "thingspace-sim-secret",
                    "username": "carryall", "password": "thingspace-sim-password"},
                   {"servicePlan": "M2M-5MB", "state": "active"}),
    "telegence": ({"baseUrl": "/telegence"},
                  {"clientId": "telegence-sim-app", "clientSecret": "telegence-sim-secret"},
                  {"plan": "PLAN1GB"}),
}


def say(text):
    print(f"demo: {text}", file=sys.stderr, flush=True)


def make_tenant(platform, kind):
    known = [tenant["name"] for tenant in platform.carryall("tenants", "list")]
    name = next(f"{kind} {n}" for n in range(1, len(known) + 2) if f"{kind} {n}" not in known)
    platform.carryall("tenants", "create", name)
    token = platform.carryall("tokens", "create", "--tenant", name, "--name", kind.lower(),
                              "--role", "admin")[0]["token"]
    platform.token_file.touch(mode=0o600)
    platform.token_file.write_text(token + "\n")
    platform.notes["tenant"] = name
    platform.write_notes()


def set_up_provider(platform, name, integration, settings, credentials, rate):
    """Creates or changes an account at a carrier; the credentials go in by a file. Its number."""
    file = platform.folder / "credentials.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(credentials))
    known = [one for one in platform.carryall("providers", "list") if one["name"] == name]
    words = ["writeIsEnabled:=true", f"settings:={json.dumps(settings)}",
             f"ratePerSecond:={rate}", "--credentials", file]
    try:
        if known:
            platform.carryall("providers", "set", known[0]["serviceProviderId"], *words)
            return known[0]["serviceProviderId"]
        made = platform.carryall("providers", "create", f"name={name}",
                                 f"integration={integration}", *words)
        return (made[0] if isinstance(made, list) else made)["serviceProviderId"]
    finally:
        file.unlink()


def set_up_other_carrier(platform, name, integration, first, first_number):
    """An account with its lines there; ThingSpace tells what became of them by callbacks."""
    settings, credentials, lines = ACCOUNTS[integration]
    settings = {**settings, "baseUrl": platform.notes["simulator"] + settings["baseUrl"]}
    if integration == "thingspace":
        credentials = {**credentials, "callbackUsername": "carryall",
                       "callbackPassword": platform.notes["keys"]["callbackPassword"]}
    number = set_up_provider(platform, name, integration, settings, credentials, OTHER_RATE)
    if integration == "thingspace":
        tenants = platform.carryall("tenants", "list")
        tenant = next(one["tenantId"] for one in tenants
                      if one["name"] == platform.notes["tenant"])
        settings["callbackUrl"] = f"{platform.notes['url']}/callbacks/thingspace/{tenant}/{number}"
        platform.carryall("providers", "set", number, f"settings:={json.dumps(settings)}")
    if first_number:
        lines = {**lines, "firstSubscriberNumber": str(first_number)}
    platform.simulator(f"{integration}/fleet",
                       {"firstIccid": str(first), "count": fleet.OTHER_LINES, **lines})


def load(platform):
    """The sample fleet, here through the public API and at the simulated carriers."""
    keys, simulator = platform.notes["keys"], platform.notes["simulator"]
    pond = {"baseUrl": simulator + "/pond/ds/u/distributorPPUService/v1", "distributorId": 9001}
    pond_secrets = {"apiKey": keys["pondKey"], "username": "carryall",
                    "password": keys["pondPassword"]}
    for name in (fleet.PROVIDER, fleet.OTHER_PROVIDER):
        set_up_provider(platform, name, "pond", pond, pond_secrets, POND_RATE)
    set_up_provider(platform, "Rev.io", "revio", {"baseUrl": simulator + "/revio/v1"},
                    {"username": "billing@nordcell", "password": keys["revioPassword"],
                     "subscriptionKey": keys["revioKey"]}, REVIO_RATE)
    for system in ("jasper", "telegence"):
        platform.simulator(f"{system}/knobs", {"requestsPerSecond": 0})
    for name, integration, _, first, first_number, _ in fleet.OTHER_CARRIERS:
        set_up_other_carrier(platform, name, integration, first, first_number)
    for kind, file in IMPORTS:
        report = platform.carryall("import", kind, EXAMPLES / file)
        if report["badCount"]:
            raise Trouble(f"examples/{file} has bad rows: {report['badRows'][:5]}")
        say(f"imported {kind}: {report['rowCount']:,} rows")
    for lines in (fleet.EUROPE, fleet.NORDICS):
        platform.simulator("pond/fleet", {"firstIccid": fleet.iccid(lines[0]), "count": len(lines),
                                          "packageTypeId": 40117})
    services = [{"customer_id": fleet.rev_customer(n), "provider_id": 21, "number": fleet.iccid(n)}
                for n in fleet.SAME_SERVICE]
    services += [{"customer_id": 4150, "provider_id": 21, "number": fleet.iccid(n)}
                 for n in fleet.OTHER_SERVICE]
    platform.simulator("revio/services", services)


def follow(platform, submitted, started):
    number = submitted["bulkChangeId"]
    platform.carryall("change", "watch", number, "--timeout", 300, live=True, check=False,
                      to_json=False)
    seconds = time.monotonic() - started
    platform.check_alive()
    return platform.carryall("change", "status", number), seconds


def run_change(platform, words):
    started = time.monotonic()
    submitted = platform.carryall("change", "submit", *words, "--provider", fleet.PROVIDER)
    return follow(platform, submitted, started)


def run_change_for_every_carrier(platform):
    words = [str(REPOSITORY / word) if word.startswith("examples/") else word
             for word in EVERY_CARRIER]
    say("status everywhere: carryall change submit " + " ".join(EVERY_CARRIER))
    started = time.monotonic()
    submitted = platform.carryall("change", "submit", *words)
    return [(f"  {one['serviceProvider']}", "every-carrier.csv", *follow(platform, one, started))
            for one in submitted["changes"]]


def run_charges(platform, assigned):
    say("charges: carryall optimization import, carryall charges enqueue")
    return charging.charge(platform, charging.optimize(platform, assigned))


def table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(value).ljust(width) if i in (0, 1, 5) else str(value).rjust(width)
                        for i, (value, width) in enumerate(zip(row, widths))).rstrip())


def run_changes(platform):
    results = []
    for title, file, words in CHANGES:
        say(f"{title}: carryall change submit {' '.join(words)} --provider "
            f"'{fleet.PROVIDER}' --watch")
        words = [str(REPOSITORY / word) if word.startswith("examples/") else word
                 for word in words]
        detail, seconds = run_change(platform, words)
        results.append((title, file, detail, seconds))
    return results + run_change_for_every_carrier(platform)


def show(results):
    rows = [("change", "file", "devices", "processed", "failed", "status", "seconds", "devices/s")]
    for title, file, detail, seconds in results:
        counts = detail["counts"]
        rows.append((title, file, detail["deviceCount"], counts["processed"], counts["error"],
                     detail["status"], f"{seconds:.1f}", round(detail["deviceCount"] / seconds)))
    print()
    table(rows)
    print("\nwhy devices failed:")
    for title, _, detail, _ in results:
        for reason in detail["reasons"]:
            print(f"  {title:<16} {reason['count']:>3}  {reason['reason']}")


def where_to_look(platform, results):
    number = results[0][2]["bulkChangeId"]
    print(f"""
where to look next:
  ./dev up                      the same platform with this run's changes, left running; then:
  carryall change log {number:<9} every step of a change at the carrier
  carryall change failed {number:<6} the failed rows, ready to be submitted again
  carryall charges status 1     what was charged, and its lists
  {platform.token_file}   the token of the tenant "{platform.notes['tenant']}"
  {platform.folder / 'simulator' / 'ledger.jsonl'}   what the carriers really did
  {platform.logs}   the programs' logs""")


def demo(platform):
    if platform.running():
        say("stopping what ./dev up left running")
        platform.stop()
    try:
        platform.start()
        make_tenant(platform, "Demo")
        load(platform)
        results = run_changes(platform)
        assigned = good_lines(fleet.ASSIGN, "assign.csv")
        run = run_charges(platform, assigned)
        show(results)
        print(f"\ncharges: {run['counts']['charged']:,} in Rev.io, {run['chargedAmount']} in all, "
              f"{len(run['parts'])} charge lists")
        checks = Checks(platform)
        checks.everything(results)
        charging.check(checks, platform, run, assigned)
        where_to_look(platform, results)
    finally:
        platform.stop()
        say("everything is stopped")
    if checks.wrong:
        print("\nNOT as it must be:")
        for line in checks.wrong[:MOST_SHOWN]:
            print(f"  {line}")
        if len(checks.wrong) > MOST_SHOWN:
            print(f"  … and {len(checks.wrong) - MOST_SHOWN:,} more")
        return 1
    print(f"\nall {checks.done:,} checks passed")
    return 0


def write_env(platform):
    """What a shell needs to be a user of this platform."""
    env = platform.folder / "env"
    env.write_text(f"export CARRYALL_URL={platform.notes['url']}\n"
                   f"export CARRYALL_TOKEN_FILE='{platform.token_file}'\n"
                   f"export CARRYALL_CONFIG='{platform.config}'\n"
                   f"export PATH='{PROGRAM.parent}':\"$PATH\"\n"
                   'if [ -n "${BASH_VERSION:-}" ]; then . <(carryall completion bash); fi\n')
    return env


def up(platform):
    if set(platform.running()) == {"simulator", "api", "worker"}:
        say("it runs already")
    else:
        platform.stop()
        try:
            platform.start(detached=True)
            known = [tenant["name"] for tenant in platform.carryall("tenants", "list")]
            if platform.notes.get("tenant") not in known or not platform.token_file.exists():
                make_tenant(platform, "Demo")
            load(platform)
        except BaseException:
            platform.stop()
            raise
    env = write_env(platform)
    print(f"""
source {env}
carryall change submit examples/suspend.csv --type status --provider '{fleet.PROVIDER}' --watch
carryall devices list --filter status=Suspended

the API:                {platform.notes['url']}, token in {platform.token_file}
the simulated carriers: {platform.notes['simulator']}/_sim/ledger/summary
to stop everything:     ./dev down""")
    return 0


def down(platform):
    running = platform.running()
    platform.stop()
    say("stopped " + ", ".join([*running, "PostgreSQL"]))
    say(f"everything it knows is in {platform.folder}; delete the folder to forget it")
    return 0


def interrupted(number, _frame):
    raise SystemExit(128 + number)


def main():
    parser = argparse.ArgumentParser(prog="./dev")
    parser.add_argument("command", choices=["demo", "up", "down"])
    parser.add_argument("--state", help="folder for everything (default: .carryall)")
    words = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    platform = Platform(state_folder(words.state), say)
    try:
        return {"demo": demo, "up": up, "down": down}[words.command](platform)
    except Trouble as trouble:
        say(str(trouble))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
