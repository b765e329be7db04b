# SPDX-License-Identifier: Apache-2.0
"""How files that watches see become runs: what joins them, what ends them, what comes late; and what the status tells
of watches."""

import json
import os
import time

import pytest

from expect import each_case_once
from reports import numbered
from resultd import stays, wait_until


@pytest.fixture
def watching(resultd, testrail):
    for number in range(1, 31):
        testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
    resultd.scale = 1

    def start(path="/{job}/{build}", sink=None, more=(), **keys):
        run = {"key": "{job}/{build}", "name": "{job} #{build}", "close_after": "3s", **keys.pop("run", {})}
        run = {name: value for name, value in run.items() if value is not None}
        watch = {"name": "inbox", "path": str(resultd.inbox) + path, "files": ["**/*.xml"], "settle": "100ms",
                 **keys, "run": run}
        resultd.configure({"rail": resultd.rail(testrail, linger="100ms", **(sink or {}))},
                          watch=[watch, *({**watch, **other} for other in more)])
        return resultd.spawn("run")
    return start


def closed(testrail, count=1):
    testrail.wait_for("close_run", count=count, timeout=40, answered=True)


def names(testrail):
    return sorted(run["name"] for run in testrail.runs)


def context(resultd, folder, text):
    return resultd.drop(f"{folder}/resultd.json", text if isinstance(text, str) else json.dumps(text))


def test_parts_of_several_directories_join_by_key(resultd, testrail, watching):
    other = resultd.folder / "unit"
    daemon = watching(more=[{"name": "unit", "path": str(other) + "/{job}/{build}"}])
    resultd.drop("nightly/17/ui/TEST-a.xml", numbered(2))
    resultd.drop("nightly/17/api/deep/TEST-a.xml", numbered(2, first=3))
    (other / "nightly/17").mkdir(parents=True)
    (other / "nightly/17/TEST-a.xml").write_text(numbered(2, first=5))
    closed(testrail)
    assert names(testrail) == ["nightly #17"]
    each_case_once(testrail, 6)
    assert daemon.terminate().code == 0


def test_the_attempt_of_the_build_is_part_of_the_key(resultd, testrail, watching):
    daemon = watching(path="/{shard}", run={"key": None, "name": None})
    ci = {"system": "gitlab", "job": "nightly", "build": "17", "attempt": "1"}
    for shard in ("one", "two"):
        context(resultd, shard, {"ci": ci})
    context(resultd, "again", {"ci": {**ci, "attempt": "2"}})
    resultd.drop("one/TEST-a.xml", numbered(2))
    resultd.drop("two/TEST-a.xml", numbered(2, first=3))
    resultd.drop("again/TEST-a.xml", numbered(2))
    closed(testrail, 2)
    assert len(testrail.runs) == 2
    assert len(testrail.results()) == 6
    assert daemon.terminate().code == 0


def test_a_late_part_begins_the_next_run(resultd, testrail, watching):
    daemon = watching(run={"close_after": "1s"})
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    closed(testrail)
    resultd.drop("nightly/17/TEST-late.xml", numbered(2, first=3))
    closed(testrail, 2)
    assert names(testrail) == ["nightly #17", "nightly #17 (2)"]
    each_case_once(testrail, 4)
    assert daemon.terminate().code == 0


def test_a_late_part_is_appended_where_the_run_is_left_open(resultd, testrail, watching):
    daemon = watching(run={"close_after": "1s", "late": "append"}, sink={"run": {"close": False}})
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    daemon.says('delivered "nightly #17"')
    resultd.drop("nightly/17/TEST-late.xml", numbered(2, first=3))
    wait_until(lambda: len(testrail.results()) == 4, what="the late results")
    assert names(testrail) == ["nightly #17"]
    each_case_once(testrail, 4)
    assert daemon.terminate().code == 0


def test_a_late_part_of_a_closed_run_is_parked_with_words(resultd, testrail, watching):
    daemon = watching(run={"close_after": "1s", "late": "append"})
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    closed(testrail)
    resultd.drop("nightly/17/TEST-late.xml", numbered(2, first=3))
    daemon.says('parked: .*completed and cannot be changed')
    assert "completed" in resultd.status()["unsettled"][0]["reason"]
    assert daemon.terminate().code == 0


def test_done_in_the_context_file_ends_the_run(resultd, testrail, watching):
    daemon = watching(run={"close_after": "30s"})
    context(resultd, "nightly/17", {"name": "Release night", "set": {"version": "1.2"}})
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    resultd.drop("nightly/17/TEST-b.xml", numbered(2, first=3))
    wait_until(lambda: daemon.err.count(": accepted ") == 2, what="both reports")
    stays(lambda: not testrail.calls("close_run"), 1.0, "an open run")
    context(resultd, "nightly/17", {"name": "Release night", "done": True})
    closed(testrail)
    assert names(testrail) == ["Release night"]
    each_case_once(testrail, 4)
    assert daemon.terminate().code == 0


def test_done_that_is_there_at_once_waits_for_all_that_is_there(resultd, testrail, watching):
    for number in range(25):
        resultd.drop(f"nightly/17/{number:02}/TEST-a.xml", numbered(1, first=number + 1))
    context(resultd, "nightly/17/24", {"done": True})
    daemon = watching(run={"close_after": "30s"})
    closed(testrail)
    assert names(testrail) == ["nightly #17"]
    each_case_once(testrail, 25)
    assert daemon.terminate().code == 0


def test_a_marker_of_the_last_run_closes_nothing(resultd, testrail, watching):
    old = context(resultd, "nightly/17", {"done": True})
    stale = resultd.drop("nightly/17/DONE", "")
    for path in (old, stale):
        os.utime(path, (time.time() - 3600, time.time() - 3600))
    daemon = watching(run={"close_after": "30s", "close_on": "**/DONE"})
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    daemon.says("accepted .*TEST-a")
    stays(lambda: not testrail.calls("close_run"), 2.0, "an open run")
    resultd.drop("nightly/17/TEST-b.xml", numbered(2, first=3))
    daemon.says("accepted .*TEST-b")
    resultd.drop("nightly/17/DONE", "now")
    closed(testrail)
    each_case_once(testrail, 4)
    assert names(testrail) == ["nightly #17"]
    assert daemon.terminate().code == 0


def test_key_and_sinks_of_the_context_file(resultd, testrail, watching):
    daemon = watching()
    context(resultd, "a/1", {"key": "together", "name": "Together", "sinks": ["rail"]})
    context(resultd, "b/2", {"key": "together", "name": "Together"})
    resultd.drop("a/1/TEST-a.xml", numbered(2))
    resultd.drop("b/2/TEST-a.xml", numbered(2, first=3))
    closed(testrail)
    assert names(testrail) == ["Together"]
    each_case_once(testrail, 4)
    assert daemon.terminate().code == 0


def test_a_bad_context_file_is_named_and_the_reports_are_taken(resultd, testrail, watching):
    daemon = watching()
    path = context(resultd, "nightly/17", '{"name": "x",\n "done" true}')
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    daemon.says(rf"{path}:2:\d+: not a JSON object")
    closed(testrail)
    assert names(testrail) == ["nightly #17"]
    each_case_once(testrail, 2)
    assert daemon.terminate().code == 0


def test_the_marker_counts_that_came_while_the_daemon_was_away(resultd, testrail, watching):
    daemon = watching(run={"close_after": "60s"})
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    testrail.wait_for("add_results_for_cases", answered=True)
    assert daemon.terminate().code == 0
    resultd.drop("nightly/17/TEST-b.xml", numbered(2, first=3))
    context(resultd, "nightly/17", {"done": True})
    again = resultd.spawn("run")
    closed(testrail)
    assert names(testrail) == ["nightly #17"]
    each_case_once(testrail, 4)
    assert again.terminate().code == 0


def test_status_tells_of_a_root_that_is_missing_and_of_reports_that_stay(resultd, watching):
    done = resultd.folder / "done"
    done.write_text("no folder")
    gone = resultd.folder / "not/there/yet"
    daemon = watching(after="move", after_dir=str(done),
                      more=[{"name": "later", "path": str(gone) + "/{job}/{build}", "after": "keep"}])
    daemon.says("watching 2 director")
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    wait_until(lambda: resultd.status()["after"]["stuck"] == 1, what="the report that stays")
    told = resultd.status()
    assert str(done) in told["after"]["reason"]
    watches = {watch["watch"]: watch for watch in told["watches"]}
    assert "degraded" not in watches["inbox"] and watches["inbox"]["directories"] >= 3
    assert watches["later"]["degraded"]
    screen = resultd("status").out
    assert "watch later: " in screen and "watch inbox" not in screen
    assert "1 reports that were taken could not be put away" in screen
    assert daemon.terminate().code == 0
