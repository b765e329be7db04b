# SPDX-License-Identifier: Apache-2.0
"""`resultd status`: is it working, what is waiting and why, what needs me; every counter with --json."""

import pytest

from reports import case, junit, numbered, suite
from resultd import wait_until


@pytest.fixture
def running(resultd, testrail):
    """A daemon that watches the inbox and delivers to one TestRail."""
    for name in ("one", "two", "three"):
        testrail.case(name, automation=f"shop.Cart.{name}")

    def start(**keys):
        resultd.configure({"rail": resultd.rail(testrail, linger="1ms", **keys)},
                          watch=[{"name": "w", "path": str(resultd.inbox) + "/{job}", "files": ["*.xml"],
                                  "settle": "50ms", "run": {"key": "{job}", "close_after": "100ms"}}])
        daemon = resultd.spawn("run")
        daemon.says("watching")
        return daemon
    return start


def rail(resultd):
    [sink] = resultd.status()["sinks"]
    return sink


def test_a_healthy_day_in_numbers(resultd, testrail, running):
    daemon = running()
    resultd.drop("nightly/TEST-a.xml", junit(suite(case("one"), case("two"))))
    resultd.drop("nightly/TEST-b.xml", "<testsuite><testcase name='x'></testsuite>")
    testrail.wait_for("close_run", answered=True)
    wait_until(lambda: rail(resultd)["deliveries"]["delivered"] == 1, what="the delivery")
    told = resultd.status()
    [sink] = told["sinks"]
    assert told["needs"] == [] and sink["state"] == "idle", told
    assert (sink["results_posted"], sink["results_owed"], sink["results_parked"]) == (2, 0, 0), sink
    assert "oldest_waiting" not in sink
    writes, reads = len(testrail.calls(method="POST")), len(testrail.calls(method="GET"))
    assert (sink["sent"]["write"], sink["sent"]["read"]) == (writes, reads), sink
    assert sink["sent"]["look_up"] == sink["sent"]["upload"] == 0
    assert sink["answers"] == {"done": writes + reads, "refused": 0, "wait": 0, "locked_out": 0, "unknown": 0,
                               "not_sent": 0}
    assert sink["requests"] == writes + reads and sink["requests_failed"] == 0
    assert told["build"]["version"] == told["version"] and told["build"]["protocol"] == 1
    screen = resultd("status").out
    assert "needs you: no" in screen and f"{reads} reads, {writes} writes" in screen, screen
    assert len(screen.splitlines()) <= 24, "one screen"
    assert daemon.terminate().code == 0


def test_what_waits_and_why(resultd, testrail, running):
    testrail.always("*", testrail.error(503, {"Retry-After": "3600"}))
    daemon = running()
    resultd.drop("nightly/TEST-a.xml", junit(suite(case("one"))))
    def paused():
        told = rail(resultd)
        return told if told["answers"]["wait"] > 0 and told["state"] == "paused" else None
    sink = wait_until(paused, what="a pause after an answer of 503")
    assert "503" in sink["reason"] and sink["until"].endswith("Z"), sink
    assert sink["deliveries"]["waiting"] + sink["deliveries"]["sending"] == 1 and sink["oldest_waiting_s"] >= 0, sink
    assert sink["answers"]["done"] == 0 and resultd.status()["needs"] == []
    screen = resultd("status").out
    assert "rail: paused until" in screen and "1 runs wait (the oldest for" in screen and "told to wait" in screen, screen
    testrail.calm()
    assert daemon.terminate().code == 0


def test_what_needs_a_person(resultd, testrail, running):
    daemon = running(create={"cases": False})
    resultd.drop("nightly/TEST-a.xml", junit(suite(case("one"), case("nobody knows it"))))
    wait_until(lambda: resultd.status()["deliveries"]["parked"] == 1, what="the parked delivery")
    told = resultd.status()
    [sink] = told["sinks"]
    assert (sink["results_posted"], sink["results_parked"], sink["deliveries"]["parked"]) == (1, 1, 1), sink
    assert told["needs"] == ['1 deliveries are parked: "resultd queue list"']
    assert "needs you: 1 deliveries are parked" in resultd("status").out
    assert daemon.terminate().code == 0
    assert resultd.status()["needs"] == told["needs"], "also where nobody holds the directory"


def test_a_login_that_is_refused_needs_a_person(resultd, testrail, running):
    testrail.always("*", 401)
    daemon = running()
    resultd.drop("nightly/TEST-a.xml", junit(suite(case("one"))))
    wait_until(lambda: resultd.status()["needs"], what="the need")
    told = resultd.status()
    assert "rail is locked out" in told["needs"][0] and told["sinks"][0]["answers"]["locked_out"] > 0, told
    testrail.calm()
    assert daemon.terminate().code == 0


def test_look_ups_and_unknown_outcomes_are_counted(resultd, testrail, running):
    testrail.fault("add_results_for_cases", after="reset")
    daemon = running()
    resultd.drop("nightly/TEST-a.xml", junit(suite(case("one"))))
    testrail.wait_for("close_run", timeout=60, answered=True)
    wait_until(lambda: rail(resultd)["deliveries"]["delivered"] == 1, what="the delivery")
    sink = rail(resultd)
    assert sink["answers"]["unknown"] == 1 and sink["sent"]["look_up"] >= 1, sink
    assert daemon.terminate().code == 0


def test_a_sink_that_is_gone_with_runs_waiting(resultd, testrail, running):
    testrail.always("*", 503)
    daemon = running()
    resultd.drop("nightly/TEST-a.xml", numbered(2))
    wait_until(lambda: rail(resultd)["answers"]["wait"] > 0, what="an answer")
    assert daemon.terminate().code == 0
    resultd.configure({"home": {"type": "local", "dir": str(resultd.folder / "pages")}})
    told = resultd.status()
    gone = next(sink for sink in told["sinks"] if sink["sink"] == "rail")
    assert gone["state"] == "not configured" and "no longer configured" in told["needs"][0], told
