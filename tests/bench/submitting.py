# SPDX-License-Identifier: Apache-2.0
"""Numbers of a hand-over: how long a job waits until its reports are on disk, against what the process alone takes, and
what the daemon asks of the disk for it."""

import re
import shutil
import statistics
import subprocess
import threading
import time

from reports import case, junit
from resultd import Resultd

FILES = 500


def spent(client, *args):
    started = time.monotonic()
    done = client(*args)
    if done.code != 0:
        raise SystemExit(repr(done))
    return (time.monotonic() - started) * 1000


def begin(build, folder):
    client = Resultd(build / "daemon" / "resultd", folder)
    client.scale = 1
    client.configure({"home": {"type": "local", "dir": str(folder / "pages")}}, control=str(folder / "control.sock"))
    for number in range(FILES):
        client.write(f"many/TEST-{number:03}.xml",
                     junit(*[case(f"t{number}x{index}") for index in range(10)]))
    return client


def syncs(client, daemon, key):
    """What the daemon has synced for FILES files, counted by strace; None where that cannot be had."""
    if shutil.which("strace") is None:
        return None
    log = client.folder / f"strace-{key}.log"
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(log), "-p",
                               str(daemon.process.pid)], stderr=subprocess.PIPE)
    while not log.exists() and tracer.poll() is None:
        threading.Event().wait(0.01)
    spent(client, "submit", "--run-key", key, client.folder / "reports" / "many")
    tracer.terminate()
    tracer.wait()
    return len(re.findall(r"(?:fsync|fdatasync)\(", log.read_text())) if log.exists() else None


def submitting(build, folder, line, rounds):
    print("\nhand-over (submit):", flush=True)
    client = begin(build, folder / "submit")
    daemon = client.spawn("run")
    daemon.says("watching")
    single = client.folder / "reports" / "many" / "TEST-000.xml"
    bare = statistics.median(spent(client, "--version") for _ in range(3 * rounds))
    one = statistics.median(spent(client, "submit", "--run-key", f"one-{turn}", single) for turn in range(3 * rounds))
    many = statistics.median(spent(client, "submit", "--run-key", f"many-{turn}", client.folder / "reports" / "many")
                             for turn in range(rounds))
    line("a process that does nothing (--version)", f"{bare:.0f} ms")
    line("submit of one file (median)", f"{one:.0f} ms", "aim <= 20 ms + 1 ms a file")
    line(f"submit of {FILES} files (median)", f"{many:.0f} ms", f"aim <= {20 + FILES} ms")
    counted = syncs(client, daemon, "counted")
    line(f"  syncs for {FILES} files, delivery included", "?" if counted is None else str(counted))
    daemon.terminate()
    client.close()
