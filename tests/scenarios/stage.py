"""The stage of the scenarios: one private PostgreSQL, one simulator and one API for all of them, a
tenant, an account and a fleet of its own for each, and workers that come and go. What must stay
true: a scenario waits for events and never for time to pass, and nothing outlives the program."""

import http.client
import json
import os
import shutil
import signal
import sys
import tempfile
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "demo"))

from local_platform import PROGRAM, Platform  # noqa: E402

LATENCY = {"fault": "latency", "milliseconds": 5}
# How a program ends when it is asked to or killed by a scenario; all else is a breakdown.
GOOD_ENDS = {0, -signal.SIGKILL}
FIRST_ICCID = 8_944_777_000_000_000_000
# Impatient, so that a scenario takes seconds; the rules are the same.
WORKER = {"CARRYALL_WORKER_LEASE_SECONDS": "2", "CARRYALL_WORKER_SETTLING_SECONDS": "0",
          "CARRYALL_WORKER_HOUSEKEEPING_MS": "200", "CARRYALL_WORKER_BACKOFF_MS": "50",
          "CARRYALL_WORKER_BACKOFF_MAX_MS": "500",
          "CARRYALL_WORKER_PRIVATE_NETWORKS": "127.0.0.0/8",
          "CARRYALL_WORKER_READ_BACK_SECONDS": "0,1,1,1,1,1,1,1"}


class Stage:
    def __init__(self, api=None):
        # A leak of libpqxx would make a program of the debug build end as if it had broken down.
        os.environ.setdefault("LSAN_OPTIONS", "print_suppressions=0:suppressions=" +
                              str(Path(__file__).with_name("leaks.supp")))
        # Not below the build folder: the user that PostgreSQL runs as must be able to get there.
        self.folder = Path(tempfile.mkdtemp(prefix="carryall-scenarios-"))
        self.platform = Platform(self.folder, say=lambda text: None)
        self.scenes = 0
        try:
            self.platform.start(with_worker=False, api=api)
        except BaseException:
            self.close()
            raise

    def close(self):
        self.platform.stop()
        try:
            for name in ("api", "simulator"):
                check_end(self.platform, name, self.platform.children.get(name))
        finally:
            self.clear()

    def clear(self):
        if os.environ.get("CARRYALL_KEEP_SCENARIOS"):
            print(f"kept {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def scene(self, lines, calls_per_second, **settings):
        self.scenes += 1
        return Scene(self.platform, f"Scene {self.scenes}", lines, calls_per_second, settings)


def check_end(platform, name, child):
    """Others take over what a program began, so nothing but its end tells of a breakdown."""
    if child is not None and child.wait(30) not in GOOD_ENDS:
        log = (platform.logs / f"{name}.log").read_text(errors="replace")
        raise AssertionError(f"the {name} ended with {child.returncode}; its log's end:\n"
                             f"{log[-5_000:]}")


class TenantScene:
    """A tenant of its own with an administrator's token, with files, workers and changes."""

    def __init__(self, platform, name, lines):
        self.platform, self.name, self.lines = platform, name, lines
        self.workers = []
        self.tenant_id = platform.carryall("tenants", "create", name)[0]["tenantId"]
        self.token = platform.carryall("tokens", "create", "--tenant", name, "--name", "scenario",
                                       "--role", "admin")[0]["token"]
        self.speak()

    def speak(self):
        """From now on the command line is this tenant's administrator."""
        self.platform.token_file.write_text(self.token)

    def write(self, name, text):
        file = self.platform.folder / name
        file.write_text(text)
        return file

    def api(self, path):
        request = urllib.request.Request(f"{self.platform.notes['url']}/v1/{path}",
                                         headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    # --- workers

    def start_worker(self, **environment):
        name = f"worker{len(self.workers)}"
        self.platform.spawn(name, [PROGRAM, "--config", self.platform.config, "work"],
                            **{**WORKER, **environment})
        self.platform.first_words(name, "worker running")
        self.workers.append(self.platform.children[name])
        return self.workers[-1]

    def calls_in_flight_of(self, worker):
        """How many connections to the carrier a worker holds; they stay open for seconds."""
        port = f":{int(self.platform.notes['simulator'].rsplit(':', 1)[1]):04X}"
        sockets = set()
        for line in Path(f"/proc/{worker.pid}/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[2].endswith(port):
                sockets.add(f"socket:[{words[9]}]")
        return sum(os.readlink(entry) in sockets
                   for entry in Path(f"/proc/{worker.pid}/fd").iterdir() if entry.is_symlink())

    def end_workers(self):
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for number, worker in enumerate(self.workers):
            check_end(self.platform, f"worker{number}", worker)

    # --- changes

    def submit_file(self, provider, iccids, words):
        file = self.write("change.csv", "ICCID\n" + "".join(f"{one}\n" for one in iccids))
        answer = self.platform.carryall("change", "submit", file, "--provider", provider, *words)
        assert answer["acceptedCount"] == len(iccids), answer
        return answer["bulkChangeId"]

    def wait_until_processed(self, number, devices):
        """Reads the live events until so many are processed; the counts then."""
        host = self.platform.notes["url"].removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request("GET", f"/v1/bulk-changes/{number}/events",
                           headers={"Authorization": f"Bearer {self.token}"})
        with connection.getresponse() as events:
            for line in events:
                if line.startswith(b"data:"):
                    progress = json.loads(line[5:])
                    if progress["counts"]["processed"] >= devices or progress["finished"]:
                        return progress
        raise AssertionError("the stream of events ended early")

    def finish(self, number):
        self.platform.carryall("change", "watch", number, "--timeout", "90", check=False,
                               to_json=False)
        return self.platform.carryall("change", "status", number)


class Scene(TenantScene):
    """A tenant with one POND account and `lines` active lines on plan A; plan B is there.
    `calls_per_second`: None: the account has no limits."""

    def __init__(self, platform, name, lines, calls_per_second, settings):
        platform.simulator("reset", {})
        super().__init__(platform, name, lines)
        self.faults(LATENCY)
        platform.simulator("pond/fleet", {"firstIccid": str(FIRST_ICCID), "count": lines,
                                          "packageTypeId": 40117})
        self.set_up_account(calls_per_second, settings)
        self.load_plans()
        self.load_lines()

    def set_up_account(self, calls_per_second, settings):
        keys = self.platform.notes["keys"]
        secrets = self.write("credentials.json", json.dumps(
            {"apiKey": keys["pondKey"], "username": "carryall", "password": keys["pondPassword"]}))
        settings = {"baseUrl": self.platform.notes["simulator"] +
                    "/pond/ds/u/distributorPPUService/v1", "distributorId": 9001, **settings}
        self.platform.carryall("providers", "create", "name=POND", "integration=pond",
                               "writeIsEnabled:=true", f"settings:={json.dumps(settings)}",
                               f"ratePerSecond:={calls_per_second}" if calls_per_second
                               else "isUnpaced:=true", "--credentials", secrets)

    def load_plans(self):
        self.platform.carryall("import", "carrier-rate-plans", self.write("plans.csv",
                               "Service Provider,Code,Carrier Plan Id\n"
                               "POND,A,40117\nPOND,B,40118\n"))

    def load_lines(self):
        rows = "".join(f"{FIRST_ICCID + n},POND,m2m,Active,A\n" for n in range(self.lines))
        report = self.platform.carryall("import", "devices", self.write(
            "devices.csv", "ICCID,Service Provider,Portal,Status,Carrier Rate Plan\n" + rows))
        assert report["createdCount"] == self.lines, report

    def faults(self, *rules):
        self.platform.simulator("faults", {"system": "pond", "seed": 11, "rules": list(rules)})

    def submit(self, *words):
        return self.submit_file("POND", [FIRST_ICCID + n for n in range(self.lines)], words)

    def actions(self):
        return self.platform.simulator("ledger/summary")["systems"].get("pond", {})

    def audit(self):
        return self.platform.carryall("audit", "--finished", "--tenant", self.name, "--ledger",
                                      self.platform.notes["simulator"], check=False)
