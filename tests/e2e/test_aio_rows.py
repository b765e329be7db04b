# SPDX-License-Identifier: Apache-2.0
"""Rows 35 to 49 of the faults, for AIO Tests, on Cloud and on Server.  Lost answers of each write: test_aio_lost.py."""

import json
import signal
import time
from email.utils import formatdate

import pytest

from aio_scene import all_there_once, broken, creating, named
from reports import case, junit
from resultd import stays, wait_until
from standins.aio_rules import Refused

BOTH = ["create_cycle", "mark_bulk"]


def applied(site, endpoint):
    return [call for call in site.calls(endpoint) if call.applied]


def within(calls, seconds):
    """The most requests that were made in so many seconds."""
    times = [call.at for call in calls]
    return max((len([other for other in times[first:] if other <= at + seconds])
                for first, at in enumerate(times)), default=0)


# ---- rows 35 to 41: answers that do not come, or are none ----

@pytest.fixture
def impatient(resultd):
    resultd.environment["RESULTD_TEST_TIMEOUT_MS"] = "700"
    return resultd


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("endpoint", ["get_config", *BOTH])
def test_row_35_a_server_that_never_answers_is_given_up_and_looked_up(impatient, site, endpoint, when):
    report = creating(impatient, site)
    hanging = site.fault(endpoint, **{when: "hang"})
    impatient.imports(report)
    all_there_once(site)
    hanging.release()


@pytest.mark.parametrize("how", ["partial", "drip"])
@pytest.mark.parametrize("endpoint", BOTH)
def test_rows_36_37_an_answer_that_stops_or_drips_is_given_up_and_looked_up(impatient, site, endpoint, how):
    report = creating(impatient, site)
    site.fault(endpoint, after=how)
    impatient.imports(report)
    all_there_once(site)
    assert len(applied(site, endpoint)) == (1 if endpoint == "create_cycle" else 3)


def test_row_38_no_post_leaves_on_a_connection_that_was_used(resultd, site):
    report = creating(resultd, site)
    site.fault("create_case", after="reset")
    site.fault("create_cycle", after="close")
    site.fault("mark_bulk", after="reset")
    site.fault("mark_bulk", after="close", call=3)
    resultd.imports(report)
    all_there_once(site)
    writes = [call for call in site.calls() if call.method in ("POST", "PUT")]
    assert writes and {call.on_connection for call in writes} == {1}


@pytest.mark.parametrize("how", ["reset", "close", "early"])
@pytest.mark.parametrize("endpoint", BOTH)
def test_rows_38_39_a_write_that_never_arrived_is_sent_again(resultd, site, endpoint, how):
    report = creating(resultd, site)
    site.fault(endpoint, before=how)
    resultd.imports(report)
    all_there_once(site)


@pytest.mark.parametrize("how", ["reset", "close", 500, 502, 504])
@pytest.mark.parametrize("endpoint", BOTH)
def test_rows_38_40_what_was_applied_is_found_by_its_look_up(resultd, site, endpoint, how):
    report = creating(resultd, site)
    site.fault(endpoint, after=broken(site, how))
    resultd.imports(report)
    all_there_once(site)
    assert len(applied(site, endpoint)) == (1 if endpoint == "create_cycle" else 3)


@pytest.mark.parametrize("how", [500, 502, 503, 504])
@pytest.mark.parametrize("endpoint", BOTH)
def test_row_40_what_was_not_applied_is_sent_again(resultd, site, endpoint, how):
    report = creating(resultd, site)
    site.fault(endpoint, before=broken(site, how))
    resultd.imports(report)
    all_there_once(site)


@pytest.mark.parametrize("how", ["empty", "html", "other", "endless"])
@pytest.mark.parametrize("endpoint", BOTH)
def test_row_41_a_200_that_says_nothing_is_looked_up(resultd, site, endpoint, how):
    report = creating(resultd, site)
    site.fault(endpoint, after=how)
    resultd.imports(report)
    all_there_once(site)
    assert len(applied(site, endpoint)) == (1 if endpoint == "create_cycle" else 3)


@pytest.mark.parametrize("how", ["reset", "html", "partial", "empty", 503])
def test_rows_36_38_41_a_read_that_fails_is_repeated(resultd, site, how):
    report = creating(resultd, site)
    for endpoint in ("get_config", "list_cases"):
        if (endpoint, how) != ("get_config", "html"):       # a page where the login is: the sink pauses
            site.fault(endpoint, before=broken(site, how))
    resultd.imports(report)
    all_there_once(site)


# ---- rows 42 and 43: too many requests ----

@pytest.mark.parametrize("told, least, most", [
    ("7", 7, 14), ("date", 1, 5), (None, 60, 120), ("99999999", 3600, 5400), ("-5", 1, 120)])
def test_row_42_a_429_is_waited_out(resultd, site, told, least, most):
    resultd.scale = 20 if told in ("7", "date") else 500
    report = creating(resultd, site)
    value = formatdate(time.time() + 3, usegmt=True) if told == "date" else told
    site.answers("mark_bulk", site.error(429, {} if value is None else {"Retry-After": value}))
    resultd.imports(report)
    all_there_once(site)
    calls = site.calls()
    refused = next(index for index, call in enumerate(calls) if call.status == 429)
    gap = (calls[refused + 1].at - calls[refused].answered_at) * resultd.scale
    assert least * 0.95 <= gap <= most + 0.3 * resultd.scale, f"{gap:.1f} s"
    assert not site.calls("cycle_cases"), "a 429 was not executed: nothing to look up"


def test_row_43_an_hour_of_429_stops_the_daemon_and_what_is_handed_to_it(resultd, site):
    """The storm begins while a watched run is on its way; an import of another process comes in the middle of it."""
    resultd.scale = 600         # an hour is six seconds
    reports = [named(40, site), named(40, site)]
    resultd.configure({"aio": resultd.aio(site, batch=4, rate="600/min", linger="50ms")},
                      watch=[{"name": "w", "path": str(resultd.inbox), "files": ["*.xml"], "settle": "20ms",
                              "poll_interval": "1s", "run": {"key": "k", "close_after": "300ms"}}])
    site.fault("mark_bulk", before=site.error(429), call=3)
    daemon = resultd.spawn("run")
    daemon.says("watching")
    resultd.drop("a.xml", reports[0])
    site.wait_until(lambda: any(call.status == 429 for call in site.calls()), what="the first refusal")
    site.always("*", site.error(429))
    before = len(site.calls())
    handed = resultd.spawn("import", "--progress", "never", "--timeout", "300h", "--run-key", "handed",
                           resultd.write("b.xml", reports[1]))
    stays(lambda: daemon.running and handed.running, 6.0, "patience")
    storm = site.calls()[before:]
    site.calm()
    assert handed.wait().code == 0
    site.wait_until(lambda: len(site.runs()) == 80, timeout=60, what="all runs")
    assert daemon.terminate().code == 0
    # A 429 without a word is waited out for a minute by both together: two at most knock when it is over.
    knocks = [call for call, next_ in zip(storm, storm[1:]) if next_.at - call.at > 0.5 * 60 / resultd.scale]
    assert 2 <= len(knocks) <= 61 and len(storm) <= 2 * 61, f"{len(storm)} requests in an hour of 429"
    assert within(site.calls(), 3.0) <= 30 + 3 * 8 + 2, "80 % of 10 a second, and a burst of 30"
    assert sorted(len(site.statuses_by_key(cycle)) for cycle in site.cycles) == [40, 40]
    assert all(len(statuses) == 1 for statuses in site.statuses_by_key().values())


def test_row_43_a_server_that_counts_is_never_asked_more_than_it_says(resultd, site):
    report = resultd.write("a.xml", named(60, site))
    resultd.scale = 20
    resultd.deliver_to_aio(site, batch=4)
    site.rate, site.rate_window = 4, 0.5
    resultd.imports(report)
    assert len(site.runs()) == 60 and [call for call in site.calls() if call.status == 429]
    assert within([call for call in site.calls() if call.status != 429], 0.45) <= 4


# ---- rows 44 to 46: kept out ----

def secret(site):
    return site.token if site.deployment == "cloud" else site.password


def revoke(site):
    site.token = site.password = "another-one.altogether"


def test_row_44_a_revoked_token_pauses_and_a_new_one_goes_on(resultd, site):
    report = creating(resultd, site)
    resultd.write_key("old-and-revoked.token-000")
    done = resultd.imports(report, code=3, options=["--timeout", "4s"])
    assert done.delivery("aio")["state"] == "waiting" and done.delivery("aio")["parked"] == 0
    assert site.refused_logins == len(site.calls()) <= 10, "a locked-out sink knocks seldom"
    resultd.write_key(secret(site))
    resultd.delivers()
    all_there_once(site)


def test_row_44_revoked_in_the_middle_a_reload_goes_on_and_the_others_never_stopped(resultd, site, testrail):
    resultd.scale = 1           # five minutes are five minutes: only the reload wakes it
    keys = [site.case(f"case {number}")["key"] for number in range(8)]
    for key in keys:
        testrail.case(f"{key} x", automation=f"shop.Cart.{key} x")
    rail = resultd.folder / "rail.only"
    rail.write_text(testrail.key)
    rail.chmod(0o600)
    resultd.configure({"aio": resultd.aio(site, batch=4, linger="100ms"),
                       "rail": resultd.rail(testrail, key={"file": str(rail)}, linger="100ms")},
                      watch=[{"name": "w", "path": str(resultd.inbox), "files": ["*.xml"], "settle": "20ms",
                              "poll_interval": "1s", "run": {"key": "k", "close_after": "300ms"}}])
    site.refuse_mark = lambda key, body: revoke(site) if key == keys[0] else None
    daemon = resultd.spawn("run")
    daemon.says("watching")
    resultd.drop("a.xml", junit(*[case(f"{key} x") for key in keys]))
    testrail.wait_until(lambda: len(testrail.results()) == 8, what="the other sink to be served")
    daemon.says("the sink is paused until somebody acts")
    assert len(site.runs()) == 4
    knocked = len(site.calls())
    stays(lambda: len(site.calls()) == knocked, 1.0, "a locked sink is left alone")
    resultd.write_key(secret(site))
    daemon.signal(signal.SIGHUP)
    site.wait_until(lambda: len(site.runs()) == 8, timeout=40, what="the rest")
    assert daemon.terminate().code == 0
    assert list(site.statuses_by_key().values()) == [["Passed"]] * 8


def two_projects(resultd, site):
    other = site.project("XY", 10020)
    resultd.configure({"aio": resultd.aio(site), "xy": resultd.aio(site, project="XY")})
    return other, resultd.write("a.xml", named(2, site))


def test_row_45_a_project_that_is_forbidden_stops_itself_alone(resultd, site):
    other, report = two_projects(resultd, site)
    other.permission = 0
    done = resultd.imports(report, code=3, options=["--timeout", f"{4 * resultd.scale}s"])
    assert done.delivery("aio")["state"] == "delivered" and done.delivery("xy")["state"] == "waiting"
    assert "do not have access" in done.delivery("xy")["last_error"] and len(site.runs()) == 2
    other.permission = 7
    resultd.delivers(code=4)
    assert len(site.runs()) == 2, "the keys of one project are none of the other's"


def test_row_45_a_project_without_aio_tests_is_no_bad_token(resultd, site):
    other, report = two_projects(resultd, site)
    other.enabled = False
    done = resultd.imports(report, code=4)
    assert done.delivery("aio")["state"] == "delivered" and done.delivery("xy")["state"] == "parked"
    assert "not enabled" in done.delivery("xy")["last_error"] and len(site.runs()) == 2


@pytest.mark.parametrize("status", [503, 409])
def test_row_46_maintenance_of_two_hours_costs_one_probe_an_interval(resultd, site, status):
    resultd.scale = 2400        # two hours are three seconds
    report = resultd.write("a.xml", named(160, site))
    resultd.deliver_to_aio(site, batch=4, rate="600/min")
    site.fault("mark_bulk", before=site.error(status), call=2)
    importing = resultd.spawn("import", "--timeout", "600h", "--progress", "never", report)
    site.wait_until(lambda: any(call.status == status for call in site.calls()), what="the first refusal")
    site.always("*", status)
    before = len(site.calls())
    stays(lambda: importing.running, 3.0, "patience")
    tries = len(site.calls()) - before
    site.calm()
    assert importing.wait(90).code == 0
    # a 503 without a word waits a minute, a 409 five at least
    assert 2 <= tries <= 7200 / (60 if status == 503 else 300) + 2, f"{tries} requests in two hours"
    assert within(site.calls()[before + tries:], 3.0) <= 30 + 3 * 8 + 2, "what waited leaves at the pace of the bucket"
    assert list(site.statuses_by_key().values()) == [["Passed"]] * 160


# ---- rows 47 to 49: what is wrong with a thing ----

def test_row_47_a_refusal_that_names_its_case_parks_that_case(resultd, site):
    report = resultd.write("a.xml", named(40, site))
    keys = [one["key"] for one in site.only_project.cases.values()]
    resultd.deliver_to_aio(site)
    site.fail_bulk = lambda bodies: f"{keys[7]}: something is wrong" if any(
        body["testCaseKey"] == keys[7] for body in bodies) else None
    done = resultd.imports(report, code=4)
    assert sorted(site.statuses_by_key()) == sorted(keys[:7] + keys[8:]) and done.delivery("aio")["parked"] == 1
    assert len(site.calls("mark_bulk")) == 2


def test_row_47_a_refusal_that_names_nothing_is_halved_until_it_is_found(resultd, site):
    report = resultd.write("a.xml", named(64, site))
    keys = [one["key"] for one in site.only_project.cases.values()]
    resultd.deliver_to_aio(site)
    site.fail_bulk = lambda bodies: "Something is wrong here" if any(
        body["testCaseKey"] == keys[37] for body in bodies) else None
    done = resultd.imports(report, code=4)
    assert sorted(site.statuses_by_key()) == sorted(keys[:37] + keys[38:]) and done.delivery("aio")["parked"] == 1
    assert len(site.calls("mark_bulk")) <= 1 + 3 * 6


def test_row_47_a_refusal_of_everything_is_one_group(resultd, site):
    report = resultd.write("a.xml", named(64, site))
    resultd.deliver_to_aio(site)
    site.fail_bulk = lambda bodies: "Nothing goes today"
    done = resultd.imports(report, code=4)
    assert not site.runs() and done.delivery("aio")["parked"] == 64
    assert "Nothing goes today" in resultd("queue", "show", str(done.receipt["runs"][0]["id"])).out
    assert len(site.calls("mark_bulk")) <= 1 + 3 * 6


def test_row_48_a_cycle_that_was_deleted_is_made_again_once(resultd, site):
    report = resultd.write("a.xml", named(10, site))
    resultd.deliver_to_aio(site, batch=5)

    def vanish(_bodies):
        if len(site.calls("mark_bulk")) == 2:
            for cycle in list(site.cycles):
                del site.only_project.cycles[cycle["ID"]]
                raise Refused(f"Cycle {cycle['key']} does not exist", 404)
    site.fail_bulk = vanish
    resultd.imports(report)
    assert len(site.calls("create_cycle")) == 2
    assert list(site.statuses_by_key(site.only_cycle).values()) == [["Passed"]] * 10, "what went with the first one, too"


def test_row_48_a_cycle_that_was_closed_parks_the_run_at_once(resultd, site):
    report = resultd.write("a.xml", named(30, site))
    resultd.deliver_to_aio(site, batch=5)

    def close(_bodies):
        if len(site.calls("mark_bulk")) == 2:
            site.only_cycle["isClosed"] = True
            return f"Cycle {site.only_cycle['key']} is closed, cases cannot be executed"
        return None
    site.fail_bulk = close
    done = resultd.imports(report, code=4)
    assert "closed" in done.delivery("aio")["last_error"] and len(site.calls("mark_bulk")) == 2


def test_row_49_a_413_is_halved_and_the_size_is_remembered(resultd, site):
    report = named(300, site)
    site.body_max = 6000
    resultd.deliver_to_aio(site)
    resultd.imports(resultd.write("a.xml", report))
    assert list(site.statuses_by_key().values()) == [["Passed"]] * 300
    refused = [index for index, call in enumerate(site.calls("mark_bulk")) if call.status == 413]
    assert refused == list(range(len(refused))) and 1 <= len(refused) <= 3, "only until the size was found"


# ---- several trackers: one that is down for a day changes nothing for the others ----

RUNS, TESTS = 3, 4


def finished_rail(testrail):
    return len([run for run in testrail.runs if run["is_completed"]])


def finished_aio(site):
    return len([cycle for cycle in site.cycles if cycle["isClosed"]])


@pytest.mark.parametrize("away", ["aio", "rail"])
def test_row_53_a_day_without_one_tracker_changes_nothing_for_the_others(resultd, site, testrail, away):
    """Three runs while one tracker is down: the others have each of them, and are asked nothing more for it."""
    resultd.scale = 14400       # a day is six seconds
    for index in range(TESTS):
        site.case(f"case {index}", automation=f"shop.Cart.t{index}")
        testrail.case(f"case {index}", automation=f"shop.Cart.t{index}")
    rail, home = resultd.folder / "rail.only", resultd.folder / "runs"
    rail.write_text(testrail.key)
    rail.chmod(0o600)
    resultd.configure({"aio": resultd.aio(site, cycle={"close": True}),
                       "rail": resultd.rail(testrail, key={"file": str(rail)}),
                       "home": {"type": "local", "dir": str(home)}},
                      watch=[{"name": "w", "path": f"{resultd.inbox}/{{build}}", "files": ["*.xml"],
                              "settle": "20ms", "poll_interval": "1s", "run": {"key": "{build}", "name": "{build}", "close_after": "300ms"}}])
    down, up = (site, testrail) if away == "aio" else (testrail, site)
    finished = {"aio": lambda: finished_aio(site), "rail": lambda: finished_rail(testrail)}
    served = finished.pop("rail" if away == "aio" else "aio")
    down.down()
    daemon = resultd.spawn("run")
    daemon.says("watching")
    for number in range(RUNS):
        resultd.drop(f"b{number}/r.xml", junit(*[case(f"t{index}") for index in range(TESTS)]))
        wait_until(lambda done=number + 1: served() == done and len(list(home.rglob("results.jsonl"))) == done,
                   timeout=60, what=f"run {number} at the others")
    # A delivery may look once more after its last write: it is over when the queue says so.
    wait_until(lambda: [line["sink"] for line in json.loads(resultd("queue", "list", "--json").out)] == [away] * RUNS,
               what="the others to be done")
    asked = len(up.calls())
    stays(lambda: up.calls()[asked:] == [], 4.0, "a tracker that has all")
    assert len(down.calls()) == 0 and daemon.running
    down.up()
    wait_until(lambda: finished[away]() == RUNS, timeout=60, what="the day's work")
    assert daemon.terminate().code == 0
    assert len(up.calls()) == asked
    assert [list(site.statuses_by_key(cycle).values()) for cycle in site.cycles] == [[["Passed"]] * TESTS] * RUNS
    assert sorted(cycle["title"] for cycle in site.cycles) == ["b0", "b1", "b2"]
    assert len(testrail.results()) == RUNS * TESTS and len(testrail.runs) == RUNS
