# SPDX-License-Identifier: Apache-2.0
"""resultd run: reports that appear in watched directories, in all the ways in which writers write."""

import signal

import pytest

from expect import each_case_once, one_closed_run
from reports import numbered
from resultd import stays, wait_until


@pytest.fixture
def watching(resultd, testrail):
    """The configuration of a watched inbox, with waits short enough to wait for."""
    for number in range(1, 31):
        testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
    resultd.scale = 1

    def configure(sink=None, **keys):
        watch = {"name": "inbox", "path": str(resultd.inbox) + "/{job}/{build}", "files": ["**/*.xml"],
                 "settle": "100ms", "run": {"key": "{job}/{build}", "name": "{job} #{build}",
                                            "close_after": "1500ms"}}
        run = {**watch["run"], **keys.pop("run", {})}
        resultd.configure({"rail": resultd.rail(testrail, linger="100ms", **(sink or {}))},
                          watch=[{**watch, **keys, "run": run}])
        return resultd.spawn("run")
    return configure


def pieces(text, count=4):
    size = -(-len(text) // count)
    return [text[start:start + size] for start in range(0, len(text), size)]


def closed(testrail, count=1):
    testrail.wait_for("close_run", count=count, timeout=40, answered=True)


def test_a_report_renamed_into_place_is_delivered_and_the_run_closed(resultd, testrail, watching):
    daemon = watching()
    resultd.drop("nightly/17/TEST-a.xml", numbered(3))
    closed(testrail)
    each_case_once(testrail, 3)
    assert one_closed_run(testrail, cases=3)["name"] == "nightly #17"
    assert daemon.terminate().code == 0


def test_what_was_there_before_the_start_is_taken(resultd, testrail, watching):
    resultd.drop("nightly/17/TEST-a.xml", numbered(3))
    watching()
    closed(testrail)
    each_case_once(testrail, 3)


def test_what_was_there_before_may_be_ignored(resultd, testrail, watching):
    resultd.drop("nightly/16/TEST-a.xml", numbered(3))
    watching(existing="ignore")
    wait_until(lambda: resultd.state.exists(), what="the start")
    stays(lambda: testrail.calls("add_run") == [], 2.0, "ignoring what was there")
    resultd.drop("nightly/17/TEST-b.xml", numbered(2))
    closed(testrail)
    assert testrail.only_run["name"] == "nightly #17"


def test_a_report_written_slowly_is_taken_once_and_whole(resultd, testrail, watching):
    watching()
    text = numbered(6)
    path = resultd.inbox / "nightly" / "17" / "slow.xml"
    path.parent.mkdir(parents=True)
    *first, last = pieces(text)
    with path.open("w") as writer:
        for piece in first:
            writer.write(piece)
            writer.flush()
            stays(lambda: testrail.calls("add_results_for_cases") == [], 0.5, "waiting for the rest")
        writer.write(last)
    closed(testrail)
    each_case_once(testrail, 6)
    one_closed_run(testrail, cases=6)


def test_a_report_appended_to_in_pieces_is_taken_once(resultd, testrail, watching):
    watching()
    text = numbered(6)
    path = resultd.inbox / "nightly" / "17" / "pieces.xml"
    path.parent.mkdir(parents=True)
    *first, last = pieces(text)
    for piece in first:
        with path.open("a") as writer:
            writer.write(piece)
        stays(lambda: testrail.calls("add_results_for_cases") == [], 0.5, "waiting for the rest")
    with path.open("a") as writer:
        writer.write(last)
    closed(testrail)
    each_case_once(testrail, 6)


def test_new_subdirectories_are_seen_at_any_depth(resultd, testrail, watching):
    watching()
    resultd.drop("nightly/17/module-a/target/TEST-a.xml", numbered(2))
    resultd.drop("nightly/17/module-b/deep/er/TEST-b.xml", numbered(2, first=3))
    closed(testrail)
    each_case_once(testrail, 4)
    one_closed_run(testrail, cases=4)


def test_each_build_is_a_run(resultd, testrail, watching):
    watching()
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    resultd.drop("nightly/18/TEST-a.xml", numbered(2))
    closed(testrail, count=2)
    assert sorted(run["name"] for run in testrail.runs) == ["nightly #17", "nightly #18"]
    assert len(testrail.results()) == 4


def test_files_that_are_no_reports_are_left_alone(resultd, testrail, watching):
    watching(exclude=["**/tmp/**"])
    for name in ("17/notes.txt", "17/.hidden.xml", "17/TEST-a.xml.tmp", "17/tmp/TEST-a.xml"):
        resultd.drop(f"nightly/{name}", numbered(2))
    resultd.drop("nightly/17/TEST-b.xml", numbered(2, first=5))
    closed(testrail)
    one_closed_run(testrail, cases=2)


def test_a_bad_report_stops_no_other(resultd, testrail, watching):
    daemon = watching()
    resultd.drop("nightly/17/bad.xml", '<testsuite>\n<testcase name="x" </testsuite>')
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    closed(testrail)
    each_case_once(testrail, 2)
    daemon.says(r"bad\.xml:2:\d+")


def test_a_second_look_at_the_same_file_posts_nothing(resultd, testrail, watching):
    daemon = watching()
    path = resultd.drop("nightly/17/TEST-a.xml", numbered(3))
    closed(testrail)
    daemon.terminate()
    path.touch()
    again = resultd.spawn("run")
    resultd.drop("nightly/18/TEST-a.xml", numbered(1))
    closed(testrail, count=2)
    assert len(testrail.runs) == 2 and len(testrail.results()) == 4
    assert again.terminate().code == 0


def test_sigterm_lets_the_request_under_way_end(resultd, testrail, watching):
    daemon = watching(sink={"batch": 5})
    held = testrail.fault("add_results_for_cases", before="hang", call=2)
    resultd.drop("nightly/17/TEST-a.xml", numbered(20))
    testrail.wait_for("add_results_for_cases", count=2)
    daemon.signal(signal.SIGTERM)
    stays(lambda: daemon.running, 0.5, "waiting for the request under way")
    held.release()
    assert daemon.wait().code == 0
    assert len(testrail.results()) == 10 and len(testrail.calls("add_results_for_cases")) == 2
    resultd.spawn("run")
    closed(testrail)
    each_case_once(testrail, 20)
    one_closed_run(testrail, cases=20)
    assert len(testrail.calls("add_results_for_cases")) == 4, "what was settled is not looked up"


def test_a_restart_in_the_middle_of_a_run_goes_on_in_it(resultd, testrail, watching):
    daemon = watching(run={"close_after": "6s"})
    resultd.drop("nightly/17/TEST-a.xml", numbered(3))
    testrail.wait_for("add_results_for_cases", answered=True)
    assert daemon.terminate().code == 0
    again = resultd.spawn("run")
    resultd.drop("nightly/17/TEST-b.xml", numbered(3, first=4))
    closed(testrail)
    each_case_once(testrail, 6)
    one_closed_run(testrail, cases=6)
    assert again.terminate().code == 0


def test_killed_in_the_middle_of_a_run_it_goes_on_in_it(resultd, testrail, watching):
    daemon = watching(run={"close_after": "6s"})
    testrail.fault("add_results_for_cases", after="hang")
    resultd.drop("nightly/17/TEST-a.xml", numbered(3))
    testrail.wait_until(lambda: any(call.applied for call in testrail.calls("add_results_for_cases")))
    daemon.kill()
    testrail.calm()
    resultd.scale = 20
    resultd.spawn("run")
    resultd.drop("nightly/17/TEST-b.xml", numbered(3, first=4))
    closed(testrail)
    each_case_once(testrail, 6)
    one_closed_run(testrail, cases=6)


def test_a_second_daemon_says_who_holds_the_directory(resultd, watching):
    daemon = watching()
    wait_until(lambda: resultd.state.exists() and any(resultd.state.iterdir()), what="the start")
    wait_until(lambda: "run" in daemon.err or daemon.err, what="its first words")
    second = resultd("run")
    assert second.code != 0 and str(daemon.process.pid) in second.err
    assert daemon.terminate().code == 0
