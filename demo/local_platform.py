"""The platform on one machine: private PostgreSQL, simulated carriers, API and worker, all in one
folder. What must stay true: nothing of it outlives a demonstration, nothing is stopped that this
folder did not start, and no port is ever assumed to be free."""

import hashlib
import json
import os
import secrets
import shutil
import signal
import stat
import subprocess
import time
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("CARRYALL_BUILD_DIR", REPOSITORY / "build/release"))
PROGRAM = BUILD / "carryall"
SIMULATOR = BUILD / "simulators/carryall-sim"
START_SECONDS = 60
STOP_SECONDS = 40
MAX_FOLDER_BYTES = 80  # the socket of PostgreSQL must fit into 107


class Trouble(Exception):
    """Something a person has to know; no stack trace helps."""


def everybody_may_enter(folder):
    return all(path.stat().st_mode & stat.S_IXOTH for path in [folder, *folder.parents]
               if path.exists())


def state_folder(wish=None):
    """In the repository; elsewhere if the user that PostgreSQL runs as cannot get there."""
    if wish:
        return Path(wish).resolve()
    inside = REPOSITORY / ".carryall"
    fits = len(str(inside)) <= MAX_FOLDER_BYTES and " " not in str(inside)
    if fits and (os.geteuid() != 0 or everybody_may_enter(REPOSITORY)):
        return inside
    name = hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:8]
    return Path("/var/tmp") / f"carryall-{os.geteuid()}-{name}"


class Platform:
    """Starts and stops the programs; remembers in FOLDER/platform.json what it started."""

    def __init__(self, folder, say):
        self.folder, self.say = folder, say
        self.config = folder / "carryall.toml"
        self.token_file = folder / "token"
        self.notes_file = folder / "platform.json"
        self.logs = folder / "logs"
        self.notes = {}
        if self.notes_file.exists():
            self.notes = json.loads(self.notes_file.read_text())
        self.children = {}
        self.detached = False

    # --- the command line of the product

    def carryall(self, *words, check=True, to_json=True, live=False):
        """Runs the program as any script would. The answer, parsed."""
        command = [str(PROGRAM), "--config", str(self.config)]
        command += ["--json"] if to_json else []
        environment = dict(os.environ, CARRYALL_URL=self.notes.get("url", ""),
                           CARRYALL_TOKEN_FILE=str(self.token_file))
        environment.pop("CARRYALL_TOKEN", None)
        done = subprocess.run(command + [str(word) for word in words], env=environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=None if live else subprocess.PIPE, check=False)
        if check and done.returncode not in (0, 8):
            shown = "" if live else done.stderr
            raise Trouble(f"carryall {' '.join(map(str, words))} failed: {shown}{done.stdout}")
        if not to_json or not done.stdout.strip():
            return done.stdout
        return json.loads(done.stdout)

    # --- the simulated carriers

    def simulator(self, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.notes["simulator"] + "/_sim/" + path, data=data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    # --- starting and stopping

    def start(self, detached=False, with_worker=True, api=None):
        """`api`: settings of the API beside those of a demonstration."""
        self.detached = detached
        self.folder.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(exist_ok=True)
        self.say(f"state folder {self.folder}")
        made = self.carryall("local", "up", "--state", self.folder)
        self.say("PostgreSQL " + ("made and started" if made["made"] else "started"))
        if os.geteuid() == 0:
            self.logs.chmod(0o700)
        self.notes["keys"] = {name: secrets.token_urlsafe(18) for name in
                              ("pondKey", "pondPassword", "revioKey", "revioPassword",
                               "callbackPassword")}
        keys = self.notes["keys"]
        # Its lines are gone when it ends, so its ledger begins anew with it.
        shutil.rmtree(self.folder / "simulator", ignore_errors=True)
        # No limits at the simulators: the accounts' own pacing is what is shown.
        self.spawn("simulator", [
            SIMULATOR, "--state", self.folder / "simulator", "--port", "0", "--pond-rate", "0",
            "--revio-limit-per-minute", "0", "--revio-quota-per-day", "0",
            "--pond-api-key", keys["pondKey"], "--pond-password", keys["pondPassword"],
            "--revio-key", keys["revioKey"], "--revio-password", keys["revioPassword"]])
        self.notes["simulator"] = self.first_words("simulator", "listening on ")
        self.spawn("api", [PROGRAM, "--config", self.config, "serve"],
                   CARRYALL_API_PORT="0", CARRYALL_API_WRITES_PER_MINUTE="3000",
                   CARRYALL_API_READS_PER_MINUTE="60000", **(api or {}))
        self.notes["url"] = self.first_words("api", "listening on ")
        if with_worker:
            # The simulated carriers are on this machine, where a worker calls nobody by itself.
            self.spawn("worker", [PROGRAM, "--config", self.config, "work"],
                       CARRYALL_WORKER_PRIVATE_NETWORKS="127.0.0.0/8")
            self.first_words("worker", "worker running")
        self.write_notes()
        self.say(f"API at {self.notes['url']}, simulated carriers at {self.notes['simulator']}")

    def spawn(self, name, command, **environment):
        # Unless it is to stay, the kernel ends it with us, whatever happens to us.
        if not self.detached:
            command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
        with open(self.logs / f"{name}.out", "wb") as out, \
                open(self.logs / f"{name}.log", "ab") as log:
            child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=log, start_new_session=True,
                                     env=dict(os.environ, **environment))
        self.children[name] = child
        self.notes.setdefault("processes", {})[name] = child.pid
        self.write_notes()

    def first_words(self, name, mark):
        """What follows `mark` in the first line of a program that has it."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for line in (self.logs / f"{name}.out").read_text().splitlines():
                if mark in line:
                    return line.split(mark, 1)[1].strip()
            if self.children[name].poll() is not None:
                break
            time.sleep(0.02)
        log = (self.logs / f"{name}.log").read_text(errors="replace")[-2_000:]
        raise Trouble(f"the {name} did not start; the end of its log:\n{log}")

    def write_notes(self):
        text = json.dumps(self.notes, indent=2)
        descriptor = os.open(self.notes_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)

    def running(self):
        return [name for name, pid in self.notes.get("processes", {}).items() if is_ours(pid)]

    def stop(self):
        """The worker first, so that it ends what it began."""
        processes = self.notes.get("processes", {})
        for name in sorted(processes, key=["simulator", "api"].__contains__):
            if is_ours(processes[name]):
                end(processes[name], self.children.get(name))
        self.notes.pop("processes", None)
        if self.config.exists():
            self.carryall("local", "down", "--state", self.folder, to_json=False, check=False)
        if self.folder.exists():
            self.write_notes()

    def check_alive(self):
        for name, child in self.children.items():
            if child.poll() is not None:
                raise Trouble(f"the {name} ended with {child.returncode}; see "
                              f"{self.logs / (name + '.log')}")


def is_ours(pid):
    """Process ids are used again: only one of our two programs is."""
    try:
        program = Path(os.readlink(f"/proc/{pid}/exe"))
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    # A program that was compiled anew while it ran is called "… (deleted)".
    return state != "Z" and str(program).split(" (")[0] in (str(PROGRAM), str(SIMULATOR))


def end(pid, child):
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if child is not None and child.poll() is not None:
                return
            if not is_ours(pid):
                return
            time.sleep(0.02)
