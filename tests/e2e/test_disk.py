# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up: intake stops before sends do, nothing is lost, and it goes on by itself."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from reports import case, junit, numbered, suite
from resultd import stays, wait_until

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


# ---- the directory's own size ----

def filled(resultd, size, name="filler"):
    """Something of that size that nobody takes for evidence or for a sign of a life before, and nobody removes."""
    folder = resultd.state / "evidence" / "ab"
    folder.mkdir(parents=True, exist_ok=True)
    filler = folder / name
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
    return filler


def ceiling(resultd, testrail, size, **more):
    resultd.configure({"rail": resultd.rail(testrail)}, keep={"low_water": 0, "max_size": size}, **more)


def test_a_directory_that_has_grown_too_large_takes_nothing_in_but_sends(resultd, testrail):
    known(testrail, 4)
    ceiling(resultd, testrail, "1GiB")
    resultd.imports(resultd.write("a.xml", numbered(2)), options=["--no-wait"])
    ceiling(resultd, testrail, "20MiB")
    filler = filled(resultd, 21 * MIB)
    report = resultd.write("b.xml", numbered(2, first=3))
    done = resultd("import", "--json", "--timeout", "1s", report)
    assert done.code == 3 and "waiting for room" in done.err and "keep.max_size is 20 MiB" in done.err, done
    told = resultd.status()
    assert told["runs"] == 1 and told["disk"]["intake_paused"] and not told["disk"]["sending_paused"]
    assert told["sizes"]["state"] == "full" and 21 * MIB < told["sizes"]["all"] < 30 * MIB
    assert "of keep.max_size (20.0 MiB): nothing new is taken in" in resultd("status").out
    resultd.delivers()
    assert len(testrail.results()) == 2
    filler.unlink()
    resultd.imports(report)
    assert len(testrail.results()) == 4


def test_near_the_ceiling_results_are_taken_without_evidence(resultd, testrail):
    (bad,) = known(testrail, 1)
    ceiling(resultd, testrail, "20MiB")
    filler = filled(resultd, 18 * MIB + MIB // 2)
    (resultd.folder / "reports").mkdir(exist_ok=True)
    (resultd.folder / "reports" / "shot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    inside = "<system-out>[[ATTACHMENT|shot.png]]</system-out>"
    report = resultd.write("a.xml", junit(suite(case("test_00001", failure="no", inside=inside))))
    done = resultd.imports(report)
    assert len(testrail.results()) == 1 and testrail.files(bad) == []
    assert "shot.png" in done.err and "nearly reached keep.max_size" in done.err, done
    assert resultd.status()["sizes"]["state"] == "near"
    assert "no files are kept with results" in resultd("status").out
    filler.unlink()
    resultd.imports(report, options=["--again"])
    assert len(testrail.files(bad)) == 1


def large(number, text):
    return junit(suite(case(f"test_{number:05d}", inside=f"<system-out>{text}</system-out>")))


def test_runs_that_are_done_go_before_their_time_and_what_waits_stays(resultd, testrail):
    """Twice what there is room for comes along; all is delivered, the oldest are forgotten, none is left out."""
    count = 20
    known(testrail, count)
    resultd.scale = 20000
    ceiling(resultd, testrail, "24MiB")
    resultd.imports(resultd.write("p.xml", junit(suite(case("nobody")))), options=["--run-key", "p"], code=4)
    said = ""
    for number in range(1, count + 1):
        # Hexadecimal digits of chance: half of their size stays, compressed.
        report = resultd.write(f"{number}.xml", large(number, os.urandom(2 * MIB).hex()))
        said += resultd.imports(report, options=["--run-key", f"k{number}"]).err
    assert len(testrail.results()) == count
    assert "runs that are done go before their time" in said, said
    told = resultd.status()
    assert told["runs"] < count and told["sizes"]["all"] < 24 * MIB, told
    left = json.loads(resultd("queue", "list", "--json").out)
    assert [line["state"] for line in left] == ["parked"], left
    # They are known all the same: nothing is sent twice.
    resultd.imports(resultd.folder / "reports" / "1.xml", options=["--run-key", "k1"])
    assert len(testrail.results()) == count


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
    daemon.says("nothing is sent")

    def paused():
        fill(disk, leave=4 * MIB)       # what the ballast gave back, whenever that was
        now = resultd.status()["disk"]
        return not (disk / "ballast").exists() and now["sending_paused"] and now
    told = wait_until(paused, what="the pause")
    assert told["intake_paused"] and told["state"] == "out", told
    resultd.drop("a.xml", numbered(4))
    assert "nothing is sent" in resultd("status").out
    stays(lambda: testrail.calls() == [] and (resultd.inbox / "a.xml").exists(), 1.0, "both pauses")
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


def test_a_page_of_cases_that_found_no_room_is_read_again(resultd, testrail, disk):
    """Its cases would be taken for missing, and made twice."""
    known(testrail, 600)
    resultd.configure({"rail": resultd.rail(testrail, create={"cases": True})}, keep={"low_water": 0},
                      watch=[{"name": "inbox", "path": str(resultd.inbox)}])
    daemon = resultd.spawn("run")
    daemon.says("watching")
    fault = testrail.fault("get_cases", before="hang", call=2)
    resultd.imports(resultd.write("a.xml", numbered(600)), options=["--no-wait"])
    testrail.wait_for("get_cases", 2)
    (disk / "ballast").unlink()
    filler = fill(disk)
    fault.release()
    daemon.says("the queue does not answer")
    filler.unlink()
    testrail.wait_until(lambda: len(testrail.results()) == 600, timeout=60, what="the results")
    assert daemon.terminate().code == 0
    assert testrail.calls("add_case") == [] and testrail.calls("add_cases") == []
    offsets = [call.query.get("offset", "0") for call in testrail.calls("get_cases")]
    assert offsets[0] == "0" and offsets[1] == offsets[2] and offsets.count("0") == 1, offsets
