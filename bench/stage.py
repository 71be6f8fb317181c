"""What the benchmarks run on: a private PostgreSQL with durable settings, the simulator, the API
and workers, in one folder that goes at the end. What must stay true: nothing outlives close()."""
import datetime
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
CARRYALL = BUILD / "carryall"
SIMULATOR = BUILD / "simulators" / "carryall-sim"
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 600
FIRST_ICCID = 8910300000000000000
POND = "/pond/ds/u/distributorPPUService/v1"


class Failed(SystemExit):
    """Says what went wrong; ends the benchmark unless somebody goes on without it."""


def expect(condition, reason):
    if not condition:
        raise Failed(str(reason))


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    expect(done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def as_postgres(command):
    """PostgreSQL refuses to run as root; Debian's package brings the user postgres."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] + command


def cpu_seconds(pid, with_children=False):
    """User and system time of a process; with children: PostgreSQL and its sessions, past too."""
    total = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        fields = stat.rsplit(")", 1)[1].split()
        if int(entry) == pid:
            total += sum(map(int, fields[11:15] if with_children else fields[11:13]))
        elif with_children and int(fields[1]) == pid:
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def peak_megabytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wrk(script, target, connections, folder):
    """Requests a second of a tool that does nothing else; all of them must be answered 2xx."""
    file = folder / "requests.lua"
    file.write_text(script)
    out = run(["wrk", "-t1", f"-c{connections}", "-d3s", "-s", str(file), target])
    expect("Non-2xx" not in out and "Socket errors" not in out, out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


class Stage:
    def __init__(self, runners):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="carryall-bench-", dir="/var/tmp"))
        self.processes = []
        self.runners = runners
        self.postgres = None
        self.environment = dict(os.environ, CARRYALL_LOG_LEVEL="warning")

    def start_postgres(self):
        binaries = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        run(as_postgres([str(binaries / "initdb"), "-D", f"{self.folder}/data", "-U", "postgres",
                         "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]), cwd=self.folder)
        self.postgres = subprocess.Popen(
            as_postgres([str(binaries / "postgres"), "-D", f"{self.folder}/data",
                         "-k", str(self.folder), "-c", "listen_addresses=",
                         "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"]),
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.server = f"host={self.folder} user=postgres dbname="
        deadline = time.monotonic() + 60
        ready = [binaries / "pg_isready", "-q", "-d", self.server + "postgres"]
        while subprocess.run(ready).returncode != 0:
            expect(time.monotonic() < deadline, "PostgreSQL does not start")
            time.sleep(0.1)
        self.sql("CREATE ROLE carryall_app LOGIN", "postgres")

    def sql(self, text, database="carryall"):
        return run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.server + database,
                    "-c", text]).strip()

    def spawn(self, command, wait_for, **more):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True,
                                   env={**self.environment, **more})
        self.processes.append(process)
        line = process.stdout.readline()
        expect(wait_for in line, f"{command[0]} said: {line!r}")
        return process, line

    def start_platform(self, simulator_options=(), workers=1, **environment):
        """A fresh database, simulator, API and workers; a tenant with an admin's token."""
        self.sql("DROP DATABASE IF EXISTS carryall", "postgres")
        self.sql("CREATE DATABASE carryall", "postgres")
        key = self.folder / "key"
        key.write_text(secrets.token_hex(32))
        self.environment |= {
            "CARRYALL_DATABASE_OWNER_URL": self.server + "carryall",
            "CARRYALL_DATABASE_URL":
                self.server.replace("user=postgres", "user=carryall_app") + "carryall",
            "CARRYALL_KEYS_MASTER_KEY_FILE": str(key), "CARRYALL_API_PORT": "0",
            "CARRYALL_WORKER_RUNNERS": str(self.runners),
            "CARRYALL_WORKER_PRIVATE_NETWORKS": "127.0.0.0/8"}
        run([CARRYALL, "migrate"], env=self.environment)
        self.start_simulator(simulator_options)
        created = json.loads(run([CARRYALL, "--json", "tenants", "create", "bench"],
                                 env=self.environment))
        self.tenant = created[0]["tenantId"]
        self.token = json.loads(run(
            [CARRYALL, "--json", "tokens", "create", "--tenant", "bench", "--name", "bench",
             "--role", "admin"], env=self.environment))[0]["token"]
        self.api, line = self.spawn([CARRYALL, "serve"], "listening", **environment)
        self.url = line.split()[-1]
        self.workers, self.worker_metrics = [], []
        for _ in range(workers):
            port = str(free_port())
            worker, _ = self.spawn([CARRYALL, "work"], "running",
                                   CARRYALL_WORKER_METRICS_PORT=port)
            self.workers.append(worker)
            self.worker_metrics.append(f"http://127.0.0.1:{port}")

    def start_pond(self, devices):
        """A platform with so many active lines at POND, pacing off; the provider's id."""
        self.start_platform(["--pond-rate", "0"])
        self.post(self.simulator_url + "/_sim/pond/fleet", {
            "firstIccid": str(FIRST_ICCID), "count": devices, "inventoryId": 310,
            "groupId": 7001, "packageTypeId": 40117, "active": True})
        provider = self.add_provider(
            "pond", {"baseUrl": self.simulator_url + POND, "distributorId": 9001},
            {"apiKey": "pond-sim-key", "username": "carryall", "password": "pond-sim-password"},
            isUnpaced=True)
        self.add_devices(provider, FIRST_ICCID, devices)
        return provider

    def start_simulator(self, options):
        folder = self.folder / "simulator"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.simulator, line = self.spawn([SIMULATOR, "--state", folder, *options], "listening")
        self.simulator_url = line.split()[-1]

    def add_provider(self, integration, settings, credentials, **more):
        provider = self.post(self.url + "/v1/service-providers", {
            "name": integration, "integration": integration, "writeIsEnabled": True,
            "settings": settings, **more})["serviceProviderId"]
        self.patch(f"{self.url}/v1/service-providers/{provider}/credentials", credentials)
        return provider

    def add_devices(self, provider, first_iccid, count, portal="m2m", first_msisdn=None):
        msisdn = f"({first_msisdn} + i)::text" if first_msisdn else "NULL"
        self.sql("INSERT INTO device"
                 " (tenant_id, service_provider_id, portal, iccid, msisdn, status)"
                 f" SELECT {self.tenant}, {provider}, '{portal}', ({first_iccid} + i)::text,"
                 f" {msisdn}, 'Active' FROM generate_series(0, {count - 1}) i")
        self.sql("VACUUM ANALYZE device")

    @staticmethod
    def counted(url, name):
        """As a process counts it itself, whatever the labels."""
        with urllib.request.urlopen(url + "/metrics") as answer:
            text = answer.read().decode()
        values = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M)
        return int(sum(map(float, values)))

    def statements(self):
        """Round trips to the database: those of the API, and of all workers."""
        name = "carryall_db_statements_total"
        return {"API": self.counted(self.url, name),
                "worker": sum(self.counted(url, name) for url in self.worker_metrics)}

    def shares_of_workers(self):
        """How many device changes each worker has brought on."""
        return [self.counted(url, "carryall_device_changes_total") for url in self.worker_metrics]

    def commits(self):
        return int(self.sql(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = 'carryall'"))

    def cpu(self):
        return {"worker": sum(cpu_seconds(worker.pid) for worker in self.workers),
                "API": cpu_seconds(self.api.pid),
                "PostgreSQL": cpu_seconds(self.postgres.pid, True),
                "simulator": cpu_seconds(self.simulator.pid)}

    def upload(self, provider, iccids, **parameters):
        query = "&".join(f"{name}={urllib.parse.quote(str(value))}"
                         for name, value in {**parameters, "serviceProviderId": provider}.items())
        answer = self.call(urllib.request.Request(
            f"{self.url}/v1/bulk-changes/upload?{query}",
            ("ICCID\n" + "".join(f"{iccid}\n" for iccid in iccids)).encode(),
            {"Content-Type": "text/csv"}))
        return answer["bulkChangeId"]

    def finish(self, change):
        """The change as it is shown when it has ended."""
        begun = time.monotonic()
        while True:
            shown = self.get(f"{self.url}/v1/bulk-changes/{change}")
            if shown["status"] not in ("PENDING", "PROCESSING"):
                return shown
            expect(time.monotonic() - begun < PATIENCE_SECONDS, f"does not come to an end: {shown}")
            time.sleep(0.5)  # often enough to see the end, too seldom to be what is measured

    def stop_platform(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(30)
        self.processes.clear()

    def close(self):
        self.stop_platform()
        if self.postgres is not None:
            self.postgres.send_signal(signal.SIGINT)
            self.postgres.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, request):
        if request.full_url.startswith(getattr(self, "url", "-")):
            request.add_header("Authorization", "Bearer " + self.token)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise Failed(f"{request.full_url}: {error.code} {error.read().decode()}") from error

    def get(self, url):
        return self.call(urllib.request.Request(url))

    def send(self, method, url, body, headers=None):
        return self.call(urllib.request.Request(
            url, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})},
            method=method))

    def post(self, url, body):
        return self.send("POST", url, body)

    def patch(self, url, body):
        return self.send("PATCH", url, body)
