# SPDX-License-Identifier: Apache-2.0
"""Numbers of the watch: memory and wake-ups of many directories, the way from a close to the queue and to the first
request, and a burst that a stopped daemon has to find by itself."""

import re
import shutil
import signal
import statistics
import threading
import time
from pathlib import Path

from reports import case, junit
from resultd import Resultd, wait_until
from standins.testrail import TestRail

SETTLE_MS = 100


def resident_kib(pid):
    for said in Path(f"/proc/{pid}/status").read_text().splitlines():
        if said.startswith("VmRSS:"):
            return int(said.split()[1])
    return 0


def wakeups(pid):
    count = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for said in (task / "status").read_text().splitlines():
            if said.startswith("voluntary_ctxt_switches:"):
                count += int(said.split()[1])
    return count


def begin(build, folder, server=None, close_after="1s"):
    client = Resultd(build / "daemon" / "resultd", folder)
    client.scale = 1
    sinks = {"home": {"type": "local", "dir": str(folder / "pages")}} if server is None else {
        "rail": client.rail(server, linger="1ms", create={"cases": True, "sections": True}, match=["automation"])}
    client.configure(sinks, watch=[{"name": "w", "path": str(client.inbox) + "/{build}", "files": ["**/*.xml"],
                                    "settle": f"{SETTLE_MS}ms", "run": {"key": "{build}",
                                                                        "close_after": close_after}}])
    return client


def watch_of(client):
    return client.status()["watches"][0]


def standing(build, folder, line, count, seconds):
    client = begin(build, folder)
    for number in range(count):
        (client.inbox / f"{number // 100:04}" / f"{number % 100:02}").mkdir(parents=True)
    daemon = client.spawn("run")
    daemon.says("watching")
    wait_until(lambda: watch_of(client)["directories"] >= count, timeout=120, what="all directories")
    threading.Event().wait(8)       # what is left to do once: writing the log back, tidying up
    kib, before = resident_kib(daemon.process.pid), wakeups(daemon.process.pid)
    threading.Event().wait(seconds)
    line(f"memory with {count:,} watched directories, idle", f"{kib / 1024:.1f} MiB", "aim <= 16 MiB")
    line(f"  wake-ups in {seconds} s", str(wakeups(daemon.process.pid) - before), "aim: the rescan's")
    daemon.terminate()
    client.close()


def passing(build, folder, line, rounds):
    """From the close of a file to its durable part, and to the first request that reads for it."""
    server = TestRail().start()
    server.project()
    server.automation_field()
    client = begin(build, folder, server)
    daemon = client.spawn("run")
    daemon.says("watching")
    durable, asked = [], []
    pause = threading.Event()
    for number in range(rounds):
        target = client.inbox / f"{number:03}" / "TEST-a.xml"
        target.parent.mkdir()
        pause.wait(0.3)             # the directory is known, what the last round brought is done
        had = len(server.requests)
        with target.open("w") as out:
            out.write(junit(case(f"test_{number:05d}")))
        closed = time.monotonic()
        daemon.says(f"accepted .*/{number:03}/TEST-a.xml")     # said after the commit
        durable.append((time.monotonic() - closed) * 1000 - SETTLE_MS)
        wait_until(lambda had=had: len(server.requests) > had, what="a request")
        asked.append((server.requests[had].at - closed) * 1000 - SETTLE_MS)
        server.wait_for("close_run", count=number + 1, timeout=60, answered=True)
    line(f"close to durable in the queue, less settle (median of {rounds})", f"{statistics.median(durable):.0f} ms",
         "aim <= 30 ms")
    line("  worst", f"{max(durable):.0f} ms")
    line("close to first request, less settle (median)", f"{statistics.median(asked):.0f} ms", "aim <= 30 ms")
    daemon.terminate()
    client.close()
    server.stop()


def burst(build, folder, line, count):
    client = begin(build, folder, close_after="5s")
    (client.inbox / "1").mkdir()
    daemon = client.spawn("run")
    daemon.says("watching")
    wait_until(lambda: watch_of(client)["directories"] >= 2, what="the directory")
    daemon.signal(signal.SIGSTOP)
    for number in range(count):
        (client.inbox / "1" / f"TEST-{number:05}.xml").write_text(junit(case(f"test_{number:05d}")))
    daemon.signal(signal.SIGCONT)
    started = time.monotonic()

    def taken():
        return len(re.findall(r"collect: accepted ", daemon.err))
    wait_until(lambda: taken() >= count, timeout=600, what=f"{count} reports")
    line(f"burst of {count:,} files while stopped: taken", f"{taken():,}", "aim: all")
    line("  in", f"{time.monotonic() - started:.1f} s; {watch_of(client)['overflows']} overflows")
    daemon.terminate()
    client.close()


def watching(build, folder, line, directories, files, seconds=30, rounds=21):
    print("\nwatching:", flush=True)
    for what, step in (("standing", lambda at: standing(build, at, line, directories, seconds)),
                       ("passing", lambda at: passing(build, at, line, rounds)),
                       ("burst", lambda at: burst(build, at, line, files))):
        step(folder / what)
        shutil.rmtree(folder / what, ignore_errors=True)
