# SPDX-License-Identifier: Apache-2.0
"""Row 34 of the fault table: a report that kills the process while it is read is set aside, the rest goes on."""

import json
import signal
import time

from reports import numbered
from resultd import wait_until


def local(resultd):
    resultd.configure_text(json.dumps({"state_dir": str(resultd.state),
                                       "sinks": {"home": {"type": "local", "dir": str(resultd.home / "runs")}}}))


def dies_while_reading(resultd, report, signum):
    notes = resultd.state / "parsing" / "now"
    before = time.time_ns()
    importing = resultd.spawn("import", report)

    def reading():
        assert importing.running, importing.err
        return notes.exists() and notes.stat().st_mtime_ns > before and notes.read_text().split()
    wait_until(reading, timeout=60, what="the report to be read")
    importing.signal(signum)
    importing.killed = True
    importing.wait()


def test_row_34_a_report_that_kills_the_process_three_times_is_set_aside(resultd):
    local(resultd)
    poison = resultd.write("poison.xml", numbered(200_000))
    good = resultd.write("good.xml", numbered(3))
    for _ in range(3):
        dies_while_reading(resultd, poison, signal.SIGABRT)
    done = resultd.imports(poison, good, code=5)
    states = {entry["path"]: entry for entry in done.receipt["files"]}
    assert states[str(poison)]["state"] == "malformed"
    assert "died 3 times" in states[str(poison)]["reason"]
    assert states[str(good)]["state"] == "accepted"


def test_row_34_a_kill_from_outside_does_not_count(resultd):
    local(resultd)
    report = resultd.write("large.xml", numbered(40_000))
    for _ in range(4):
        dies_while_reading(resultd, report, signal.SIGKILL)
    done = resultd.imports(report)
    assert done.files("accepted") == ["large.xml"]
