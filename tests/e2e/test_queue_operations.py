# SPDX-License-Identifier: Apache-2.0
"""What a person sees of the queue and does about it: show, retry, drop; and what is forgotten in time."""

import hashlib
import json
import os
import shutil
import subprocess

import pytest

from expect import each_case_once
from reports import case, junit, suite
from resultd import wait_until


def lines(resultd, *options):
    done = resultd("queue", "list", "--json", *options)
    assert done.code == 0, done
    return json.loads(done.out)


def only(resultd, *options):
    found = lines(resultd, *options)
    assert len(found) == 1, found
    return found[0]


def show(resultd, delivery):
    done = resultd("queue", "show", delivery, "--json")
    assert done.code == 0, done
    return json.loads(done.out)


def known(testrail, *names):
    for name in names:
        testrail.case(name, automation=f"shop.Cart.{name}")


def half_parked(resultd, testrail):
    """Two of three tests have a case."""
    known(testrail, "one", "two")
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", junit(suite(case("one"), case("two"), case("three")))), code=4)
    return only(resultd)["id"]


# ---- show ----

def test_show_has_every_step_and_the_reasons(resultd, testrail):
    delivery = half_parked(resultd, testrail)
    told = show(resultd, delivery)
    assert (told["state"], told["posted"], told["parked"], told["owed"]) == ("parked", 2, 1, 0)
    assert told["remote_id"] == str(testrail.only_run["id"])
    [reason] = told["parked_tests"]
    assert reason["count"] == 1 and reason["names"] == ["shop.Cart.three"]
    steps = [entry["step"] for entry in told["journal"]]
    assert any("run" in step for step in steps) and any("result" in step for step in steps), steps
    written = [entry for entry in told["journal"] if entry["attempt"] > 0]
    assert written and all(entry["status"] == 200 for entry in written if "status" in entry)
    assert sum(entry["requests"] for entry in told["journal"]) == told["requests"]
    words = resultd("queue", "show", delivery)
    assert words.code == 0 and "shop.Cart.three" in words.out and "journal" in words.out, words


def test_show_tells_what_is_on_its_way(resultd, testrail):
    known(testrail, "one")
    resultd.deliver_to(testrail)
    fault = testrail.fault("add_results_for_cases", before="hang")
    report = resultd.write("a.xml", junit(suite(case("one"))))
    running = resultd.spawn("import", "--progress", "never", report)
    testrail.wait_for("add_results_for_cases")
    running.kill()
    fault.release()
    told = show(resultd, only(resultd)["id"])
    assert told["state"] == "unknown"
    assert told["on_its_way"]["rows"] == 1 and told["on_its_way"]["looks"] == 0


def test_what_is_not_there_is_said(resultd, testrail):
    resultd.deliver_to(testrail)
    for verb in (["show", "4711"], ["retry", "4711"], ["drop", "4711", "--yes"]):
        done = resultd("queue", *verb)
        assert done.code == 2 and "4711" in done.err, done


@pytest.mark.parametrize("args", [["show"], ["drop"], ["show", "x"], ["list", "7"], ["sing"], ["list", "--yes"],
                                  ["drop", "--reason", "x", "1"]])
def test_wrong_usage_is_two(resultd, testrail, args):
    resultd.deliver_to(testrail)
    assert resultd("queue", *args).code == 2


# ---- retry ----

def test_retry_by_reason_after_the_mapping_is_mended(resultd, testrail):
    delivery = half_parked(resultd, testrail)
    done = resultd("queue", "retry", "--reason", "the moon is full")
    assert done.code == 0 and "Nothing" in done.out, done
    assert only(resultd)["state"] == "parked"
    known(testrail, "three")
    done = resultd("queue", "retry", delivery, "--reason", "NO CASE")
    assert done.code == 0 and "1 deliveries and 1 tests" in done.out, done
    # The list of cases that was read a moment ago is not taken for fresh.
    assert resultd("deliver").code == 0
    each_case_once(testrail, 3)
    assert lines(resultd) == []


# ---- deliver ----

@pytest.mark.parametrize("there", [False, True])
def test_deliver_sends_what_has_come_of_a_run_that_is_open(resultd, testrail, there):
    """Whether this process holds the directory or a daemon does: the run stays open, and nothing of it waits."""
    known(testrail, "one", "two")
    resultd.configure({"rail": resultd.rail(testrail, linger="2s")},
                      watch=[{"name": "w", "path": str(resultd.inbox), "files": ["*.xml"], "settle": "20ms",
                              "poll_interval": "1s", "run": {"key": "k", "close_after": "24h"}}])
    resultd.scale = 10
    testrail.down()
    daemon = resultd.spawn("run")
    daemon.says("watching")
    resultd.drop("a.xml", junit(case("one"), case("two")))
    daemon.says("accepted .*a.xml")
    if not there:
        assert daemon.terminate().code == 0
    done = resultd("deliver", "--timeout", "2s")
    assert done.code == 3 and "Not all is delivered yet" in done.out, done
    testrail.up()
    done = resultd("deliver", "--timeout", "60s")
    assert done.code == 0 and "2 posted" in done.out and "still open" in done.out, done
    each_case_once(testrail, 2)
    assert not testrail.only_run["is_completed"] and only(resultd)["owed"] == 0
    assert "Nothing waits" in resultd("deliver").out
    if there:
        assert daemon.terminate().code == 0


# ---- drop ----

def test_drop_asks_or_is_told(resultd, testrail):
    delivery = half_parked(resultd, testrail)
    done = resultd("queue", "drop", delivery)
    assert done.code == 2 and "--yes" in done.err, done
    assert only(resultd)["state"] == "parked"
    done = resultd("queue", "drop", delivery, "--yes")
    assert done.code == 0, done
    assert lines(resultd) == []
    assert only(resultd, "--all")["state"] == "dropped"
    assert resultd.status()["deliveries"]["dropped"] == 1
    resultd.delivers()
    assert show(resultd, delivery)["journal"][-1]["outcome"] == "dropped"
    # The same import again is not kept waiting by what was given up.
    again = resultd.imports(resultd.folder / "reports" / "a.xml")
    assert again.delivery()["state"] == "dropped"
    # Nor does a retry of everything bring it back; one of itself does.
    resultd("queue", "retry")
    assert only(resultd, "--all")["state"] == "dropped"
    known(testrail, "three")
    wait_until(lambda: resultd("queue", "retry", delivery).code == 0 and resultd("deliver").code == 0,
               what="the new case to be seen")
    each_case_once(testrail, 3)


def test_what_was_dropped_on_its_way_is_looked_up_when_retried(resultd, testrail):
    known(testrail, "one")
    resultd.deliver_to(testrail)
    fault = testrail.fault("add_results_for_cases", after="hang")
    running = resultd.spawn("import", "--progress", "never", resultd.write("a.xml", junit(suite(case("one")))))
    wait_until(lambda: testrail.results(), what="the results to be there")
    running.kill()
    fault.release()
    delivery = only(resultd)["id"]
    assert resultd("queue", "drop", delivery, "--yes").code == 0
    resultd.delivers()
    assert resultd("queue", "retry", delivery).code == 0
    resultd.delivers()
    assert len(testrail.results()) == 1
    assert lines(resultd) == []


# ---- forgetting ----

@pytest.fixture
def hasty(resultd, testrail):
    """keep.runs of a minute, of which there are many in a second."""
    known(testrail, "one", "two")
    resultd.scale = 50000
    resultd.configure({"rail": resultd.rail(testrail)}, keep={"runs": "1m"})
    return resultd


def test_what_is_done_goes_with_its_report(hasty, testrail):
    report = hasty.write("a.xml", junit(suite(case("one"))))
    parked = hasty.write("b.xml", junit(suite(case("nobody"))))
    hasty.imports(report, options=["--run-key", "a"])
    hasty.imports(parked, options=["--run-key", "b"], code=4)
    hasty.delivers()
    wait_until(lambda: hasty.delivers() and hasty.status()["runs"] == 1, what="the run to go")
    assert len(hasty.kept()) == 1
    assert only(hasty, "--all")["state"] == "parked"
    # Its key stays as long as the file does: it is not sent again.
    hasty.delivers()
    assert hasty.imports(report, options=["--run-key", "a"]).files("duplicate") == ["a.xml"]
    assert len(testrail.results()) == 1
    # What is parked can still be delivered.
    testrail.case("nobody", automation="shop.Cart.nobody")
    wait_until(lambda: hasty("queue", "retry").code == 0 and hasty("deliver").code == 0,
               what="the new case to be seen")
    assert len(testrail.results()) == 2


def test_the_database_gives_its_room_back(hasty, testrail):
    names = [f"test_{number}" for number in range(80)]
    known(testrail, *names)
    hasty.imports(hasty.write("a.xml", junit(suite(*(
        case(name, failure=os.urandom(30000).hex()) for name in names)))), options=["--run-key", "a", "--no-wait"])
    assert hasty.status()["runs"] == 1
    database = hasty.state / "queue.db"
    grown = database.stat().st_size
    assert grown > 2 << 20
    wait_until(lambda: hasty.delivers() and hasty.status()["runs"] == 0, what="the run to go")
    wait_until(lambda: hasty.delivers() and database.stat().st_size < grown / 2, what="the file to shrink")


def test_a_key_goes_when_its_file_is_gone(hasty, testrail):
    report = hasty.write("a.xml", junit(suite(case("one"))))
    hasty.imports(report, options=["--run-key", "a"])
    text = report.read_bytes()
    report.unlink()
    wait_until(lambda: hasty.delivers() and hasty.status()["runs"] == 0, what="the run to go")

    def taken():
        hasty.delivers()
        report.write_bytes(text)
        done = hasty.imports(report, options=["--run-key", "a"])
        report.unlink()
        return done.files("accepted")
    wait_until(taken, what="the key to be forgotten")
    assert len(testrail.results()) == 2


def test_one_copy_for_two_runs_goes_with_the_last(hasty, testrail):
    report = hasty.write("a.xml", junit(suite(case("nobody"), case("one"))))
    hasty.imports(report, options=["--run-key", "parked"], code=4)
    delivery = only(hasty)["id"]
    hasty.imports(report, options=["--run-key", "other"], code=4)
    other = next(line["id"] for line in lines(hasty) if line["id"] != delivery)
    assert hasty("queue", "drop", other, "--yes").code == 0
    wait_until(lambda: hasty.delivers() and hasty.status()["runs"] == 1, what="the run to go")
    assert len(hasty.kept()) == 1
    assert hasty("queue", "drop", delivery, "--yes").code == 0
    wait_until(lambda: hasty.delivers() and hasty.status()["runs"] == 0, what="the other run to go")
    assert hasty.kept() == []


def test_a_copy_that_nobody_names_is_left_for_an_hour(resultd, testrail):
    resultd.deliver_to(testrail)
    name = "ab" + 31 * "cd"
    folder = resultd.state / "reports" / "ab"
    folder.mkdir(parents=True)
    orphan, stranger = folder / f"{name}.xml.zst", folder / "notes.txt"
    orphan.write_text("x")
    stranger.write_text("x")
    resultd.scale = 1
    assert resultd("deliver").code == 0
    assert orphan.exists()
    resultd.scale = 50000
    wait_until(lambda: resultd.delivers() and not orphan.exists(), what="the orphan to go")
    assert stranger.exists()


def test_the_daemon_forgets_by_itself(hasty, testrail):
    hasty.configure({"rail": hasty.rail(testrail)}, keep={"runs": "1m"},
                    watch=[{"name": "w", "path": str(hasty.inbox), "files": ["*.xml"], "settle": "50ms",
                            "run": {"key": "k", "close_after": "1s"}}])
    daemon = hasty.spawn("run")
    hasty.drop("a.xml", junit(suite(case("one"))))
    daemon.says("removed 1 runs", timeout=30)
    daemon.terminate()
    assert hasty.status()["runs"] == 0
    assert len(testrail.results()) == 1


def test_status_has_the_sizes(resultd, testrail):
    delivery = half_parked(resultd, testrail)
    told = resultd.status()
    assert told["sizes"]["report_files"] == 1 and told["sizes"]["reports"] > 0 and told["sizes"]["queue"] > 0
    assert told["disk"]["state"] == "fine" and told["disk"]["low_water"] == 512 << 20
    assert told["sizes"]["ballast"] == 8 << 20 == (resultd.state / "ballast").stat().st_size
    assert "disk:" in resultd("status").out
    assert delivery


# ---- carrying away and bringing in ----

@pytest.fixture
def two(make_resultd, testrail):
    """Two machines that deliver to one tracker."""
    here, there = make_resultd("here"), make_resultd("there")
    for one in (here, there):
        one.deliver_to(testrail)
    return here, there


def carry(here, there, *options):
    file = here.folder / "queue.export"
    file.unlink(missing_ok=True)
    done = here("queue", "export", *options, file)
    assert done.code == 0, done
    done = there("queue", "import", file)
    assert done.code == 0, done
    return done


def test_a_run_is_carried_to_another_machine(two, testrail):
    here, there = two
    known(testrail, "one", "two")
    here.imports(here.write("a.xml", junit(suite(case("one"), case("two", failure="no\tgood \\ at all\n")))),
                 options=["--no-wait", "--run-key", "k"])
    done = carry(here, there, "--move", "--yes")
    assert "1 runs, 1 deliveries, 1 reports, 2 results" in done.out, done
    assert lines(here) == [] and only(here, "--all")["state"] == "dropped"
    assert there.kept() == here.kept()
    there.delivers()
    each_case_once(testrail, 2)
    assert sorted(testrail.status_names()) == ["failed", "passed"]
    # What is here already is not taken twice; nor is the report itself.
    assert "1 runs are here already" in there("queue", "import", here.folder / "queue.export").out
    assert there.imports(here.folder / "reports" / "a.xml", options=["--run-key", "k"]).files("duplicate")
    here.delivers()
    each_case_once(testrail, 2)


def test_a_half_delivered_run_goes_on_over_there(two, testrail):
    here, there = two
    known(testrail, "one", "two")
    here.imports(here.write("a.xml", junit(suite(case("one"), case("two"), case("three")))), code=4)
    carry(here, there, "--move", "--yes")
    assert only(there)["state"] == "parked" and only(there)["posted"] == 2
    assert only(there)["remote_id"] == str(testrail.only_run["id"])
    known(testrail, "three")
    wait_until(lambda: there("queue", "retry").code == 0 and there("deliver").code == 0,
               what="the new case to be seen")
    each_case_once(testrail, 3)
    assert len(testrail.runs) == 1


def test_what_may_be_on_its_way_is_not_carried(two, testrail):
    here, there = two
    known(testrail, "one")
    fault = testrail.fault("add_results_for_cases", after="hang")
    running = here.spawn("import", "--progress", "never", here.write("a.xml", junit(suite(case("one")))))
    wait_until(lambda: testrail.results(), what="the results to be there")
    running.kill()
    fault.release()
    file = here.folder / "queue.export"
    done = here("queue", "export", file)
    assert done.code == 2 and "may be on its way" in done.err, done
    assert not file.exists() and list(here.folder.glob("*.part")) == []
    assert here("queue", "export", "--force", file).code == 0
    here.delivers()
    assert len(testrail.results()) == 1


def zstd(option, data):
    return subprocess.run(["zstd", "-q", option], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("spoil", ["flip", "cut", "empty", "other"])
def test_a_damaged_file_is_refused_whole(two, testrail, spoil):
    here, there = two
    known(testrail, "one")
    here.imports(here.write("a.xml", junit(suite(case("one")))), options=["--no-wait"])
    file = here.folder / "queue.export"
    assert here("queue", "export", file).code == 0
    assert here("queue", "export", file).code == 2     # nothing is written over
    data = bytearray(file.read_bytes())
    data[len(data) // 2 + 40] ^= spoil == "flip"
    file.write_bytes({"flip": data, "cut": data[:-7], "empty": b"", "other": b"<xml/>" * 40}[spoil])
    done = there("queue", "import", file)
    assert done.code == 2 and "queue.export" in done.err, done
    assert lines(there, "--all") == [] and there.kept() == []


def test_lines_that_are_not_ours_are_refused_whole(two, testrail):
    """A sum that fits says nothing about what is inside."""
    if shutil.which("zstd") is None:
        pytest.skip("the program zstd makes the files of this test")
    here, there = two
    known(testrail, "one")
    here.imports(here.write("a.xml", junit(suite(case("one")))), options=["--no-wait"])
    file = here.folder / "queue.export"
    assert here("queue", "export", file).code == 0
    whole = zstd("-dc", file.read_bytes()[81:]).decode()
    said = whole.splitlines(keepends=True)
    last = f"z\t{len(said)}\n"
    strange = [said[:-1] + [line + "\n", last] for line in
               ("w\t~\t'9\t~\t~", "w\t-1\t'9\t~\t~", "n\t~\t1", "n\t'defects\t-1", "l\t0\t1\t'9\t0\t~",
                "l\t0\t1\t'9\t7\t~")]
    for spoiled in (said[1:], said[:-2] + said[-1:], ["r\t~\n"] + said, [said[0].replace("\t", " ")] + said[1:],
                    [line.replace("k\t", "k\t../../") for line in said], *strange):
        packed = zstd("-c", "".join(spoiled).encode())
        file.write_bytes(b"resultd-queue 1 " + hashlib.sha256(packed).hexdigest().encode() + b"\n" + packed)
        done = there("queue", "import", file)
        assert done.code == 2, done
        # A whole report in front of the strange line was kept already: nothing names it, and it is swept.
        assert lines(there, "--all") == [] and (spoiled in strange or there.kept() == [])
