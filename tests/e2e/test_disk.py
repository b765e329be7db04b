# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up: intake stops before sends do, nothing is lost, and it goes on by itself."""

import os
import subprocess
from pathlib import Path

import pytest

from reports import case, junit, numbered, suite
from resultd import wait_until

MIB = 1 << 20


def known(testrail, count):
    return [testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
            for number in range(1, count + 1)]


def free(path):
    told = os.statvfs(path)
    return told.f_bavail * told.f_frsize


def configure(resultd, testrail, low_water, **more):
    resultd.configure({"rail": resultd.rail(testrail)}, keep={"low_water": low_water}, **more)


@pytest.fixture
def low(resultd):
    """A mark between what is free and four times that: intake pauses, sending does not."""
    return min(2 * free(resultd.folder), 1 << 50)


OUT = 1 << 50


def test_intake_waits_for_room_and_leaves_the_file(resultd, testrail, low):
    known(testrail, 2)
    configure(resultd, testrail, low)
    report = resultd.write("a.xml", numbered(2))
    done = resultd("import", "--json", "--timeout", "1s", report)
    assert done.code == 3 and "waiting for room" in done.err and "not taken" in done.err, done
    assert testrail.results() == [] and resultd.status()["runs"] == 0
    told = resultd.status()["disk"]
    assert (told["state"], told["intake_paused"], told["sending_paused"]) == ("low", True, False)
    configure(resultd, testrail, 0)
    resultd.imports(report)
    assert len(testrail.results()) == 2


def test_what_waits_is_sent_while_intake_is_paused(resultd, testrail, low):
    known(testrail, 2)
    configure(resultd, testrail, 0)
    resultd.imports(resultd.write("a.xml", numbered(2)), options=["--no-wait"])
    configure(resultd, testrail, low)
    resultd.delivers()
    assert len(testrail.results()) == 2


def test_nothing_is_sent_when_it_could_not_be_recorded(resultd, testrail):
    known(testrail, 2)
    configure(resultd, testrail, 0)
    resultd.imports(resultd.write("a.xml", numbered(2)), options=["--no-wait"])
    configure(resultd, testrail, OUT)
    done = resultd("deliver", "--timeout", "1s")
    assert done.code == 3, done
    assert testrail.calls() == []
    told = resultd.status()
    assert told["disk"]["state"] == "out" and told["disk"]["sending_paused"]
    assert "nothing is sent" in resultd("status").out
    configure(resultd, testrail, 0)
    resultd.delivers()
    assert len(testrail.results()) == 2


# ---- a real disk of a few MiB ----

@pytest.fixture
def disk(resultd):
    """The state directory on a tmpfs of its own."""
    if os.geteuid() != 0:
        pytest.skip("a small disk is mounted for this test, which only root may do")
    resultd.state.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "resultd-test", resultd.state],
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield resultd.state
    subprocess.run(["umount", "-l", resultd.state], check=True)


def fill(disk, leave=0):
    """A file that takes all room but `leave` bytes."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while free(disk) > leave:
                file.write(b"\0" * min(MIB, free(disk) - leave))
        except OSError:
            pass
    return filler


def watching(resultd, testrail, low_water):
    configure(resultd, testrail, low_water,
              watch=[{"name": "w", "path": str(resultd.inbox), "files": ["*.xml"], "settle": "50ms",
                      "run": {"key": "k", "close_after": "2s"}}])


def test_row_11_intake_and_sends_pause_and_resume_alone(resultd, testrail, disk):
    known(testrail, 4)
    watching(resultd, testrail, "32MiB")
    daemon = resultd.spawn("run")
    daemon.says("watching")
    filler = fill(disk, leave=4 * MIB)
    resultd.drop("a.xml", numbered(4))
    daemon.says("nothing is sent|nothing new is taken in")
    assert testrail.results() == []
    filler.unlink()
    testrail.wait_until(lambda: len(testrail.results()) == 4, timeout=40, what="four results")
    daemon.says("goes on")
    daemon.terminate()


def test_row_12_a_full_disk_at_the_copy_leaves_the_file(resultd, testrail, disk):
    known(testrail, 4)
    watching(resultd, testrail, 0)
    daemon = resultd.spawn("--log-level", "debug", "run")
    daemon.says("watching")
    wait_until(lambda: (disk / "ballast").exists(), what="the ballast")
    filler = fill(disk)
    report = resultd.drop("a.xml", junit(suite(*[case(f"test_{n:05d}", inside="<system-out>" + os.urandom(3 * MIB).hex() +
                                                      "</system-out>") for n in range(1, 5)])))
    daemon.says("later: .*a.xml")
    assert report.exists() and testrail.results() == []
    filler.unlink()
    testrail.wait_until(lambda: len(testrail.results()) == 4, timeout=60, what="four results")
    daemon.terminate()
    assert len(testrail.runs) == 1


def test_row_13_the_ballast_makes_room_for_an_outcome(resultd, testrail, disk):
    known(testrail, 3)
    configure(resultd, testrail, 0)
    report = resultd.write("a.xml", numbered(3))
    fault = testrail.fault("add_results_for_cases", after="hang")
    running = resultd.spawn("import", "--json", "--progress", "never", "--timeout", f"{60 * resultd.scale}s", report)
    wait_until(lambda: len(testrail.results()) == 3, what="the results to be there")
    assert (disk / "ballast").stat().st_size == 8 * MIB
    filler = fill(disk)
    fault.release()
    done = running.wait()
    assert done.code == 0, done
    assert "the ballast makes room" in done.err, done
    assert not (disk / "ballast").exists()
    assert len(testrail.results()) == 3
    accepted = [call for call in testrail.calls("add_results_for_cases")]
    assert len(accepted) == 1
    filler.unlink()
    # There is room again: the next one that sends has its ballast.
    resultd.delivers()
    assert (disk / "ballast").exists()


def test_an_outcome_that_found_no_room_at_all_is_looked_up(resultd, testrail, disk):
    """Neither ballast nor room: the delivery is taken back and looked up when there is room again."""
    known(testrail, 3)
    watching(resultd, testrail, 0)
    daemon = resultd.spawn("run")
    daemon.says("watching")
    fault = testrail.fault("add_results_for_cases", after="hang")
    resultd.drop("a.xml", numbered(3))
    wait_until(lambda: len(testrail.results()) == 3, timeout=40, what="the results to be there")
    (disk / "ballast").unlink()
    filler = fill(disk)
    fault.release()
    daemon.says("the queue does not answer")
    filler.unlink()
    testrail.wait_until(lambda: testrail.runs and all(run["is_completed"] for run in testrail.runs), timeout=40,
                        what="the run to be closed")
    daemon.terminate()
    assert len(testrail.results()) == 3
    assert len(testrail.calls("add_results_for_cases")) == 1
