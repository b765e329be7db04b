# SPDX-License-Identifier: Apache-2.0
"""Drives the real binary: its state directory, its configuration, its commands, its death.

Waits are scaled: every wait of the binary (back-off, look-up, pause, timeout) is divided by `scale`
through RESULTD_TEST_TIME_SCALE, so a test of a pause of minutes takes seconds.
"""

import base64
import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SANITIZER_EXIT = 99
SANITIZER_WORDS = re.compile(r"ERROR: AddressSanitizer|LeakSanitizer|ThreadSanitizer|: runtime error: ")
# What a whole run of tests is given from outside: a mechanism to leave out (tests/crash/points.c).
PASSED_ON = {key: os.environ[key] for key in ("RESULTD_WITHOUT",) if key in os.environ}
PACE = float(os.environ.get("RESULTD_TEST_PACE", "1"))     # slower machines: deadlines times this


def find_binary():
    named = os.environ.get("RESULTD_BIN")
    if named:
        return Path(named).resolve()
    built = sorted(REPOSITORY.glob("build/*/daemon/resultd"), key=lambda path: path.stat().st_mtime)
    return built[-1] if built else None


def wait_until(condition, timeout=20.0, what="a condition"):
    """Waits until condition() is true; what it says is returned."""
    pause = threading.Event()
    end = time.monotonic() + timeout * PACE
    while True:
        said = condition()
        if said:
            return said
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout * PACE:.0f} s for {what}")
        pause.wait(0.02)


def stays(condition, seconds, what="a condition"):
    """Nothing happens: condition() holds all the time."""
    pause = threading.Event()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), f"{what} did not hold"
        pause.wait(0.02)


def merge(base, over):
    """base with the keys of over; mappings are merged, all else is replaced; None takes a key out."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


class Done:
    """A command that has ended."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def __repr__(self):
        return (f"resultd {' '.join(map(str, self.args))}: exit {self.code}\n--- stdout\n{self.out[-4000:]}\n"
                f"--- stderr\n{self.err[-8000:]}")

    @property
    def lines(self):
        """stdout as JSON objects, one a line."""
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    @property
    def receipt(self):
        return json.loads(self.out)

    def delivery(self, sink="rail"):
        """The one delivery of the one run to this sink."""
        runs = self.receipt["runs"]
        assert len(runs) == 1, self
        found = [delivery for delivery in runs[0]["deliveries"] if delivery["sink"] == sink]
        assert len(found) == 1, self
        return found[0]

    def files(self, state):
        return sorted(Path(entry["path"]).name for entry in self.receipt["files"] if entry["state"] == state)


class Background:
    """A command that runs; what it says is gathered as it comes."""

    def __init__(self, owner, args, process):
        self.owner, self.args, self.process = owner, args, process
        self.killed = False
        self._said = {"out": bytearray(), "err": bytearray()}
        self._changed = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=(name, stream), daemon=True)
                         for name, stream in (("out", process.stdout), ("err", process.stderr))]
        for reader in self._readers:
            reader.start()

    def _read(self, name, stream):
        while True:
            data = os.read(stream.fileno(), 65536)
            with self._changed:
                self._said[name] += data
                self._changed.notify_all()
            if not data:
                return

    @property
    def out(self):
        with self._changed:
            return self._said["out"].decode(errors="replace")

    @property
    def err(self):
        with self._changed:
            return self._said["err"].decode(errors="replace")

    def says(self, pattern, timeout=20.0):
        """Waits until a line of the log matches."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: re.search(pattern, (self._said["err"] + b"\n" + self._said["out"]).decode(errors="replace")),
                timeout * PACE)
        assert found, f"never said {pattern!r}:\n{self.err[-8000:]}"
        return found

    @property
    def running(self):
        return self.process.poll() is None

    def kill(self):
        """kill -9: no politeness, no last words."""
        self.killed = True
        if self.running:
            self.process.kill()
        return self.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self, timeout=40.0):
        """SIGTERM, then the end."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout=60.0):
        try:
            self.process.wait(timeout * PACE)
        except subprocess.TimeoutExpired:
            self.killed = True
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running after {timeout * PACE:.0f} s: {self.args}\n"
                                 f"{self.err[-8000:]}") from None
        for reader in self._readers:
            reader.join(10)
        return self.owner.ended(Done(self.args, self.process.returncode, self.out, self.err), self.killed)


class Resultd:
    """One state directory and the commands that work on it."""

    def __init__(self, binary, folder, secrets=()):
        self.binary, self.folder = binary, Path(folder)
        self.secrets = list(secrets)
        self.scale = 500
        self.state = self.folder / "state"
        self.inbox = self.folder / "inbox"
        self.home = self.folder / "home"
        self.config = None
        self.key_file = self.folder / "rail.key"
        self.environment = {}
        self.said = []
        self._background, self._told = [], {}
        for path in (self.folder, self.inbox, self.home):
            path.mkdir(parents=True, exist_ok=True)

    # ---- configuration ----

    def write_key(self, key):
        self.write_secret(self.key_file, key)

    def write_secret(self, path, text):
        if text not in self.secrets:
            self.secrets.append(text)
        temporary = path.with_suffix(".new")
        temporary.write_text(text + "\n")
        temporary.chmod(0o600)
        temporary.rename(path)

    def rail(self, testrail, **keys):
        """The `sinks:` entry for the stand-in, quick and with the key in a file."""
        if not self.key_file.exists():
            self.write_key(testrail.key)
        return merge({"type": "testrail", "url": testrail.address, "user": testrail.user,
                      "key": {"file": str(self.key_file)}, "project": "Datahub", "rate": "60000/min",
                      "linger": "1s"}, keys)

    def aio(self, aio, **keys):
        """The `sinks:` entry for a stand-in of AIO Tests, quick and with the secret in a file."""
        secret = aio.token if aio.deployment == "cloud" else aio.password
        if not self.key_file.exists():
            self.write_key(secret)
        login = ({"token": {"file": str(self.key_file)}} if aio.deployment == "cloud" else
                 {"user": aio.user, "password": {"file": str(self.key_file)}})
        return merge({"type": "aio", "deployment": aio.deployment, "url": aio.address, "project": "AT",
                      "rate": "60000/min", "linger": "1s", **login}, keys)

    def configure(self, sinks, **more):
        """Writes the configuration; JSON is YAML."""
        return self.configure_text(json.dumps({"state_dir": str(self.state), "sinks": sinks, **more}, indent=1))

    def configure_text(self, text, mode=0o600):
        self.config = self.folder / "resultd.yaml"
        self.config.write_text(text)
        self.config.chmod(mode)
        return self.config

    def deliver_to(self, testrail, **keys):
        """The usual configuration: one sink, `rail`."""
        return self.configure({"rail": self.rail(testrail, **keys)})

    def deliver_to_aio(self, aio, **keys):
        """The same with one sink, `aio`."""
        return self.configure({"aio": self.aio(aio, **keys)})

    def settings(self):
        """What the configuration says."""
        return json.loads(self.config.read_text())

    # ---- commands ----

    def _command(self, args):
        command = [str(self.binary)]
        if self.config is not None:
            command += ["--config", str(self.config)]
        return command + [str(arg) for arg in args]

    def _environment(self):
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.home), "TZ": "UTC",
                "LC_ALL": "C.UTF-8", "XDG_STATE_HOME": str(self.home / "state"),
                "RESULTD_TEST_TIME_SCALE": str(self.scale), "RESULTD_TEST_AGE_SCALE": str(self.scale),
                "ASAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:detect_leaks=1",
                "UBSAN_OPTIONS": f"print_stacktrace=1:exitcode={SANITIZER_EXIT}",
                "TSAN_OPTIONS": f"exitcode={SANITIZER_EXIT}", **PASSED_ON, **self.environment}

    def spawn(self, *args):
        """Starts a command in the background."""
        process = subprocess.Popen(self._command(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self._environment(), cwd=self.folder)
        background = Background(self, args, process)
        self._background.append(background)
        return background

    def __call__(self, *args, stdin=None, timeout=60.0):
        """Runs a command to its end."""
        process = subprocess.Popen(self._command(args), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self._environment(), cwd=self.folder)
        try:
            out, err = process.communicate((stdin or "").encode(), timeout * PACE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"still running after {timeout * PACE:.0f} s: {args}\n"
                                 f"{err.decode(errors='replace')[-8000:]}") from None
        return self.ended(Done(args, process.returncode, out.decode(errors="replace"),
                               err.decode(errors="replace")))

    def ended(self, done, killed=False):
        self.said.append(done)
        if not killed:
            assert done.code != SANITIZER_EXIT and done.code >= 0 and not SANITIZER_WORDS.search(done.err), done
        return done

    def imports(self, *paths, code=0, options=()):
        """import --json, to its end; the wait of the contract is long enough for any scale."""
        options = list(options)
        if "--timeout" not in options:
            options += ["--timeout", f"{60 * self.scale}s"]
        done = self("import", "--json", "--progress", "never", *options, *paths)
        assert done.code == code, done
        return done

    def kept(self):
        """Names of the copies of reports: files, and small ones in the queue (nobody holds the directory)."""
        with closing(sqlite3.connect(f"file:{self.state / 'queue.db'}?mode=ro", uri=True)) as db:
            stored = [name.rpartition("/")[2] for (name,) in db.execute("SELECT kept FROM source")]
        return sorted({*stored, *(path.name for path in (self.state / "reports").rglob("*") if path.is_file())})

    def delivers(self, code=0, options=()):
        done = self("deliver", *(options or ["--timeout", f"{60 * self.scale}s"]))
        assert done.code == code, done
        return done

    def status(self):
        done = self("status", "--json")
        assert done.code == 0, done
        return json.loads(done.out)

    # ---- files ----

    def write(self, name, text):
        """A report outside of any watch, to be imported."""
        path = self.folder / "reports" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._noted(text))
        return path

    def drop(self, name, text):
        """A report renamed into the watched directory."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".{path.name}.{time.monotonic_ns()}"
        temporary.write_bytes(self._noted(text))
        temporary.rename(path)
        return path

    def _noted(self, text):
        """Reports are put away, deleted and written over: what was told is known all the same."""
        data = text if isinstance(text, bytes) else text.encode()
        if b"<test" in data[:4096]:
            self._told[hashlib.sha256(data).digest()] = data
        return data

    def told(self):
        """All reports that there have been, as files: none of them twice."""
        for path in [*self.inbox.rglob("*.xml"), *(self.folder / "reports").rglob("*.xml")]:
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                self._told.setdefault(hashlib.sha256(data).digest(), data)
        folder = self.folder / "told"
        folder.mkdir(exist_ok=True)
        for number, data in enumerate(self._told.values()):
            (folder / f"{number}.xml").write_bytes(data)
        return sorted(folder.iterdir())

    # ---- the end of a test ----

    def undisturbed(self):
        """Nothing of this state directory runs any more, and what runs next is not interfered with."""
        for background in self._background:
            if background.running:
                background.kill()
        self.environment = {}

    def close(self):
        """Ends what still runs; says what no test may leave behind."""
        for background in self._background:
            if background.running:
                background.kill()
        told = "\n".join(done.out + done.err for done in self.said)
        told += "".join(background.out + background.err for background in self._background)
        kept = b"".join(path.read_bytes() for path in self._kept_files())
        for secret in self.secrets:
            coded = base64.b64encode(f"ci@example.com:{secret}".encode()).decode()
            for word in (secret, coded):
                assert word not in told, f"a secret in the output: {word}"
                assert word.encode() not in kept, f"a secret in the state directory: {word}"

    def _kept_files(self):
        for root in (self.state, self.home):
            for path in root.rglob("*"):
                if path.is_file() and path.stat().st_size < 16 << 20:
                    yield path
