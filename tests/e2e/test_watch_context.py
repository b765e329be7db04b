# SPDX-License-Identifier: Apache-2.0
"""What a job says of itself (resultd.json): read with care, and what happens where it says too little to tell which run
its reports belong to."""

import json

import pytest

from expect import each_case_once
from reports import numbered
from resultd import stays, wait_until


@pytest.fixture
def watching(resultd, testrail):
    for number in range(1, 31):
        testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
    resultd.scale = 1

    def configure(path="/{job}", sink=None, more=None, **keys):
        run = {"key": "{job}/{build}", "name": "{job} #{build}", "close_after": "2s", **keys.pop("run", {})}
        watch = {"name": "inbox", "path": str(resultd.inbox) + path, "files": ["**/*.xml"], "settle": "100ms",
                 **keys, "run": run}
        resultd.configure({"rail": resultd.rail(testrail, linger="100ms", **(sink or {})), **(more or {})},
                          watch=[watch])

    def start(**keys):
        configure(**keys)
        daemon = resultd.spawn("run")
        daemon.says("watching")     # else a `status` might hold the directory
        return daemon
    start.configure = configure
    return start


def context(resultd, folder, text):
    return resultd.drop(f"{folder}/resultd.json", text if isinstance(text, str) else json.dumps(text))


def names(testrail):
    return sorted(run["name"] for run in testrail.runs)


def unsettled(resultd):
    return resultd.status()["unsettled"]


def held(resultd):
    return [line for line in unsettled(resultd) if line["state"] == "parked" and "is not set" in line["reason"]]


# ---- read with care

def test_wrong_types_and_unknown_keys_are_said_once_and_the_rest_counts(resultd, testrail, watching):
    daemon = watching(path="/{job}/{build}")
    path = context(resultd, "nightly/17", {"nmae": "typo", "name": ["list"], "variant": 5, "set": {"a": [1], "b": 2},
                                           "ci": {"buid": "1"}, "sinks": "rail", "done": "yes"})
    for number in range(1, 4):
        resultd.drop(f"nightly/17/sub/TEST-{number}.xml", numbered(2, first=2 * number - 1))
    testrail.wait_for("close_run", timeout=40, answered=True)
    for words in (r'unknown key "nmae" \(did you mean "name"\?\)', r'"name" wants text, not a list: it is ignored',
                  r'"set": "a" wants text, not a list', r'"ci": unknown key "buid" \(did you mean "build"\?\)',
                  r'"done" wants true or false, not text'):
        daemon.says(rf"warning: collect: {path}: {words}")
    assert daemon.err.count('unknown key "nmae"') == 1
    assert names(testrail) == ["nightly #17"]
    each_case_once(testrail, 6)
    # The run says it, too.
    assert 'resultd.json: unknown key "nmae"' in testrail.runs[0]["description"]
    assert daemon.terminate().code == 0


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"x"', '{"key": {"a": 1}}', "\x00\x01", "[" * 5000,
                                  '{"set": ' + "{" * 5000, '{"key": "\\ud800"}', '{"sinks": [[["rail"]]]}'])
def test_hostile_ones_stop_no_report(resultd, testrail, watching, text):
    daemon = watching(path="/{job}/{build}")
    context(resultd, "nightly/17", text)
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert names(testrail) == ["nightly #17"]
    each_case_once(testrail, 2)
    assert daemon.terminate().code == 0


def test_one_above_the_reports_counts_for_all_beneath(resultd, testrail, watching):
    daemon = watching(path="/{job}/{build}", run={"key": None, "name": None, "close_after": "2s"})
    context(resultd, "nightly/17", {"key": "K", "name": "from above"})
    context(resultd, "nightly", {"key": "not mine", "name": "not mine"})    # above the watch's own path
    resultd.drop("nightly/17/a/surefire-reports/TEST-a.xml", numbered(2))
    resultd.drop("nightly/17/b/surefire-reports/TEST-b.xml", numbered(2, first=3))
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert names(testrail) == ["from above"]
    each_case_once(testrail, 4)
    assert daemon.terminate().code == 0


def test_import_says_it_and_goes_on(resultd, testrail, watching):
    watching.configure()
    context(resultd, "job", {"key": "K", "nmae": "typo"})
    for number in range(1, 4):
        resultd.drop(f"job/deep/TEST-{number}.xml", numbered(2, first=2 * number - 1))
    done = resultd("import", "--json", resultd.inbox / "job")
    assert done.code == 0
    assert done.err.count('resultd.json: unknown key "nmae" (did you mean "name"?)') == 1
    assert [run["key"] for run in done.receipt["runs"]] == ["K"]


def test_a_sink_that_is_not_there_yet_is_waited_for(resultd, testrail, watching, tmp_path):
    daemon = watching(path="/{job}/{build}")
    context(resultd, "nightly/17", {"sinks": ["home"]})
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    daemon.says("accepted .*TEST-a")
    daemon.says("nothing came any more")
    assert [line["sink"] for line in unsettled(resultd)] == ["home"]
    assert testrail.runs == []
    watching.configure(path="/{job}/{build}", more={"home": {"type": "local", "dir": str(tmp_path / "pages")}})
    daemon.signal(1)
    wait_until(lambda: unsettled(resultd) == [], what="the page")
    assert list((tmp_path / "pages").glob("**/*.html"))
    assert daemon.terminate().code == 0


# ---- a key that cannot be told

def test_a_key_without_its_variable_parks_the_run_and_says_what_is_missing(resultd, testrail, watching):
    daemon = watching()
    resultd.drop("nightly/r/TEST-a.xml", numbered(2))
    resultd.drop("nightly/r/TEST-b.xml", numbered(2, first=3))
    daemon.says(r'TEST-.*its run cannot be told: run.key of watch "inbox": \{build\} is not set')
    daemon.says("nothing came any more")
    line = wait_until(lambda: held(resultd), what="the parked run")[0]
    assert line["reason"] == 'run.key of watch "inbox": {build} is not set'
    assert "{build} is not set" in resultd("queue", "list").out
    assert "{build} is not set" in resultd("queue", "show", line["id"]).out
    assert testrail.runs == []
    # The workspace may go: what was taken is here.
    (resultd.inbox / "nightly/r/TEST-a.xml").unlink()
    (resultd.inbox / "nightly/r/TEST-b.xml").unlink()
    daemon.kill()
    daemon = resultd.spawn("run")
    daemon.says("watching")
    assert len(held(resultd)) == 1
    stays(lambda: testrail.runs == [], 1, "nothing is sent")
    # Who retries it takes it as it is: a run by the name of its folder.
    assert resultd("queue", "retry", line["id"]).code == 0
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert names(testrail) == ["r"]
    each_case_once(testrail, 4)
    assert daemon.terminate().code == 0


def test_a_context_that_comes_later_tells_the_key(resultd, testrail, watching):
    daemon = watching()
    resultd.drop("nightly/r/TEST-a.xml", numbered(2))
    resultd.drop("nightly/r/TEST-b.xml", numbered(2, first=3))
    wait_until(lambda: held(resultd), what="the parked run")
    context(resultd, "nightly", {"set": {"build": 17}})
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert names(testrail) == ["nightly #17"]
    each_case_once(testrail, 4)
    wait_until(lambda: unsettled(resultd) == [], what="the stand-in to go")
    assert daemon.terminate().code == 0


def test_one_of_two_reports_tells_its_key_later(resultd, testrail, watching):
    daemon = watching()
    resultd.drop("nightly/r/TEST-a.xml", numbered(2))
    resultd.drop("nightly/s/TEST-b.xml", numbered(2, first=3))
    wait_until(lambda: len(held(resultd)) == 2, what="two parked runs")
    context(resultd, "nightly/s", {"set": {"build": "18"}})
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert names(testrail) == ["nightly #18"]
    wait_until(lambda: len(held(resultd)) == 1, what="one stand-in to go")
    assert held(resultd)[0]["run"].endswith("r")
    each_case_once(testrail, 2)
    assert sorted(testrail.results_by_automation()) == ["shop.Cart.test_00003", "shop.Cart.test_00004"]
    assert daemon.terminate().code == 0


def test_a_mended_configuration_tells_the_key(resultd, testrail, watching):
    daemon = watching()
    resultd.drop("nightly/r/TEST-a.xml", numbered(2))
    wait_until(lambda: held(resultd), what="the parked run")
    watching.configure(run={"key": "{job}", "name": "all of {job}"})
    daemon.signal(1)
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert names(testrail) == ["all of nightly"]
    each_case_once(testrail, 2)
    wait_until(lambda: unsettled(resultd) == [], what="the stand-in to go")
    assert daemon.terminate().code == 0


def test_import_with_the_variable_heals_what_import_without_it_parked(resultd, testrail, watching):
    watching.configure()
    resultd.drop("nightly/TEST-a.xml", numbered(2))
    done = resultd("import", "--json", "--watch", "inbox", resultd.inbox / "nightly")
    assert done.code == 4
    assert "{build} is not set" in done.receipt["runs"][0]["deliveries"][0]["last_error"]
    done = resultd("import", "--json", "--watch", "inbox", "--set", "build=17", resultd.inbox / "nightly")
    assert done.code == 0
    assert names(testrail) == ["nightly #17"]
    each_case_once(testrail, 2)
    assert unsettled(resultd) == []


def test_a_variable_of_a_sink_comes_with_the_second_import(resultd, testrail, watching):
    watching.configure(sink={"run": {"name": "{run.name} of {version}"}})
    resultd.drop("nightly/TEST-a.xml", numbered(2))
    done = resultd("import", "--json", "--run-key", "K", "--run-name", "N", resultd.inbox / "nightly")
    assert done.code == 4
    assert "{version} is not set" in done.receipt["runs"][0]["deliveries"][0]["last_error"]
    # The same again teaches nothing.
    assert resultd("import", "--run-key", "K", "--run-name", "N", resultd.inbox / "nightly").code == 4
    done = resultd("import", "--json", "--run-key", "K", "--run-name", "N", "--set", "version=1.2",
                   resultd.inbox / "nightly")
    assert done.code == 0
    assert names(testrail) == ["N of 1.2"]
    each_case_once(testrail, 2)
    assert unsettled(resultd) == []
