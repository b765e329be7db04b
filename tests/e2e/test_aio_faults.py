# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between us and AIO Tests: nothing is lost, nothing is there twice."""

import time
from email.utils import formatdate

import pytest

from reports import case, junit, numbered, suite
from standins.aio_rules import Refused
from standins.http_server import Answer

COUNT = 12
NOT_EXECUTED = ["reset", "close", "early", 429, 503, 500, 502, 504]
LOST = ["reset", "close", "partial", "empty", "html", "other", 500, 502, 504]
WRITES = ["case_folder_path", "create_case", "cycle_folder_path", "add_tags", "create_cycle", "mark_bulk", "cycle_state"]


def creating(resultd, aio, **keys):
    """A configuration and a report whose delivery needs every kind of write."""
    resultd.deliver_to_aio(aio, batch=5, create={"cases": True, "folder": ["{suite}"]},
                           cycle={"folder": ["CI"], "tags": ["nightly"], "close": True}, **keys)
    return resultd.write("a.xml", junit(suite(
        suite(*[case(f"a{number}") for number in range(COUNT // 2)], name="A"),
        suite(*[case(f"b{number}", failure="no") for number in range(COUNT // 2)], name="B"), name="Shop")))


def all_there_once(aio, count=COUNT):
    cycle = aio.only_cycle
    assert cycle["isClosed"]
    by_key = aio.statuses_by_key(cycle)
    assert len(by_key) == count and all(len(statuses) == 1 for statuses in by_key.values())
    assert len(aio.only_project.cases) == count
    assert all(len(aio.comments(run)) <= 1 for run in aio.runs())
    assert len(aio.only_project.folders["case"]) == 3 and len(aio.only_project.folders["cycle"]) == 1
    assert cycle["folder"]["name"] == "CI" and [tag["tag"]["name"] for tag in cycle["tags"]] == ["nightly"]


def broken(aio, how):
    return how if isinstance(how, str) else aio.error(how)


def named(count, aio):
    return junit(*[case(aio.case(f"case {number}")["key"]) for number in range(count)])


@pytest.mark.parametrize("how", NOT_EXECUTED)
@pytest.mark.parametrize("endpoint", ["create_cycle", "mark_bulk"])
def test_a_write_that_was_not_executed_is_repeated(resultd, aio, endpoint, how):
    report = creating(resultd, aio)
    aio.fault(endpoint, before=broken(aio, how))
    resultd.imports(report)
    all_there_once(aio)


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("endpoint", ["create_cycle", "mark_bulk"])
def test_a_write_whose_answer_was_lost_is_looked_up(resultd, aio, endpoint, how):
    report = creating(resultd, aio)
    aio.fault(endpoint, after=broken(aio, how))
    resultd.imports(report)
    all_there_once(aio)
    assert len([call for call in aio.calls(endpoint) if call.applied]) == (1 if endpoint == "create_cycle" else 3)


@pytest.mark.parametrize("how", ["reset", "empty", 502])
@pytest.mark.parametrize("endpoint", [one for one in WRITES if one not in ("create_cycle", "mark_bulk")])
def test_a_lost_answer_to_any_other_write_doubles_nothing(resultd, aio, endpoint, how):
    report = creating(resultd, aio)
    aio.fault(endpoint, after=broken(aio, how))
    resultd.imports(report)
    all_there_once(aio)


@pytest.mark.parametrize("how", ["reset", "html", "partial", "empty", 503])
def test_a_read_that_fails_is_repeated(resultd, aio, how):
    report = creating(resultd, aio)
    for endpoint in ("get_config", "list_cases"):
        if (endpoint, how) != ("get_config", "html"):       # a page where the login is: the sink pauses
            aio.fault(endpoint, before=broken(aio, how))
    resultd.imports(report)
    all_there_once(aio)


def test_every_answer_may_be_lost_once(resultd, aio):
    report = creating(resultd, aio)
    for endpoint in WRITES:
        aio.answers(endpoint, 503)
        aio.fault(endpoint, after="reset", call=2)
    resultd.imports(report)
    all_there_once(aio)


def test_look_ups_that_fail_are_asked_again(resultd, aio):
    report = creating(resultd, aio)
    aio.fault("create_cycle", after="reset")
    aio.answers("search_cycles", 502, 200)
    aio.fault("mark_bulk", after="reset")
    aio.fault("cycle_cases", before="reset")
    resultd.imports(report)
    all_there_once(aio)


def test_a_look_up_pages_through_the_cycle(resultd, aio):
    report = resultd.write("a.xml", named(250, aio))
    resultd.deliver_to_aio(aio)
    aio.fault("mark_bulk", after="reset", call=3)
    resultd.imports(report)
    assert len(aio.runs()) == 250 and len(aio.calls("mark_bulk")) == 3
    assert {call.query.get("startAt") for call in aio.calls("cycle_cases")} == {"0", "100", "200"}


def test_what_shows_late_is_not_made_again(resultd, aio):
    resultd.scale = 100             # look-ups after 50 ms, 300 ms and 1.2 s
    aio.store.lag = 0.2
    aio.fault("create_cycle", after="reset")
    report = resultd.write("a.xml", named(3, aio))
    resultd.deliver_to_aio(aio)
    resultd.imports(report)
    assert len(aio.cycles) == 1 and len(aio.runs()) == 3


@pytest.mark.parametrize("how", ["reset", "empty", 502])
def test_a_new_run_in_a_cycle_of_others_is_made_once(resultd, aio, how):
    """createNewRun=true: a second one would be a twin."""
    report = resultd.write("a.xml", named(5, aio))
    cycle = aio.cycle("Theirs", cases=list(aio.only_project.cases.values()))
    for run in aio.runs():
        run["testRunStatus"] = aio.only_project.status("Passed")
        run["createdDate"] -= 86400000
        run["updatedDate"] -= 86400000
    resultd.deliver_to_aio(aio, cycle={"key": cycle["key"]})
    aio.fault("mark_bulk", after=broken(aio, how))
    resultd.imports(report)
    assert list(aio.statuses_by_key().values()) == [["Passed", "Passed"]] * 5


@pytest.mark.parametrize("how", ["reset", 502])
def test_attempts_each_are_made_once(resultd, aio, how):
    names = [aio.case(f"case {number}")["key"] for number in range(4)]
    resultd.deliver_to_aio(aio, attempts="each")
    aio.fault("mark_bulk", after=broken(aio, how), times=1)
    aio.fault("mark_bulk", after=broken(aio, how), call=2)
    resultd.imports(resultd.write("a.xml", junit(*[case(
        name, inside='<rerunFailure message="first">one</rerunFailure>', failure="last") for name in names])))
    assert aio.statuses_by_key() == {name: ["Failed", "Failed"] for name in names}


def test_a_case_added_singly_is_added_once(resultd, aio):
    aio.outside = "refuse"
    report = resultd.write("a.xml", named(3, aio))
    resultd.deliver_to_aio(aio)
    aio.fault("add_case", after="reset")
    resultd.imports(report)
    assert all(statuses == ["Passed"] for statuses in aio.statuses_by_key().values()) and len(aio.runs()) == 3


# ---- the pace, and being kept out ----

@pytest.mark.parametrize("said", ["7", "date", None, "99999999", "-5"])
def test_a_429_is_waited_out(resultd, aio, said):
    report = creating(resultd, aio)
    value = formatdate(time.time() + 3, usegmt=True) if said == "date" else said
    aio.answers("mark_bulk", aio.error(429, {} if value is None else {"Retry-After": value}))
    resultd.imports(report)
    all_there_once(aio)


def test_a_storm_of_rate_limits_is_survived(resultd, aio):
    report = resultd.write("a.xml", named(40, aio))
    resultd.scale = 20
    resultd.deliver_to_aio(aio, batch=4)
    aio.rate, aio.rate_window = 4, 0.5
    resultd.imports(report)
    assert len(aio.runs()) == 40 and [call for call in aio.calls() if call.status == 429]


def test_empty_answers_under_load_lose_and_double_nothing(resultd, aio):
    report = creating(resultd, aio)
    resultd.scale = 10
    aio.empty_after, aio.rate_window = 8, 0.5
    resultd.imports(report)
    all_there_once(aio)


def test_a_revoked_token_pauses_and_a_new_one_goes_on(resultd, aio):
    report = creating(resultd, aio)
    resultd.write_key("old-and-revoked.token-000")
    done = resultd.imports(report, code=3, options=["--timeout", "4s"])
    assert "invalid token" in done.delivery("aio")["last_error"]
    assert aio.refused_logins == len(aio.calls()) <= 10, "a locked-out sink knocks seldom"
    resultd.write_key(aio.token)
    resultd.delivers()
    all_there_once(aio)


def test_a_project_without_aio_tests_is_no_bad_token(resultd, aio):
    aio.only_project.enabled = False
    report = resultd.write("a.xml", named(1, aio))
    resultd.deliver_to_aio(aio)
    done = resultd.imports(report, code=4)
    assert "not enabled" in done.delivery("aio")["last_error"]


def test_a_403_on_one_project_parks_what_goes_there(resultd, aio):
    other = aio.project("XY", 10020)
    other.permission = 0
    report = resultd.write("a.xml", named(2, aio))
    resultd.configure({"aio": resultd.aio(aio), "xy": resultd.aio(aio, project="XY")})
    done = resultd("import", "--json", "--progress", "never", "--timeout", "500s", report)
    assert done.delivery("aio")["state"] == "delivered" and done.delivery("xy")["state"] != "delivered"
    assert len(aio.runs()) == 2


# ---- what is wrong with one thing ----

def test_a_cycle_that_was_deleted_meanwhile_is_made_again(resultd, aio):
    report = resultd.write("a.xml", named(10, aio))
    resultd.deliver_to_aio(aio, batch=5)

    def vanish(bodies):
        if len(aio.calls("mark_bulk")) == 2:
            for cycle in list(aio.cycles):
                del aio.only_project.cycles[cycle["ID"]]
                raise Refused(f"Cycle {cycle['key']} does not exist", 404)
    aio.fail_bulk = vanish
    resultd.imports(report)
    assert len(aio.calls("create_cycle")) == 2 and len(aio.statuses_by_key(aio.only_cycle)) >= 5


def test_a_cycle_that_was_closed_meanwhile_parks_the_run_at_once(resultd, aio):
    report = resultd.write("a.xml", named(30, aio))
    resultd.deliver_to_aio(aio, batch=5)

    def close(bodies):
        if len(aio.calls("mark_bulk")) == 2:
            aio.only_cycle["isClosed"] = True
            return f"Cycle {aio.only_cycle['key']} is closed, cases cannot be executed"
        return None
    aio.fail_bulk = close
    done = resultd.imports(report, code=4)
    assert "closed" in done.delivery("aio")["last_error"] and len(aio.calls("mark_bulk")) == 2


def test_a_413_is_halved(resultd, aio):
    report = resultd.write("a.xml", named(60, aio))
    aio.body_max = 5000
    resultd.deliver_to_aio(aio)
    resultd.imports(report)
    assert len(aio.runs()) == 60


def test_a_maintenance_is_waited_out(resultd, aio):
    report = creating(resultd, aio)
    aio.fault("create_cycle", before=Answer(503, "maintenance"), times=4)
    resultd.imports(report)
    all_there_once(aio)


@pytest.mark.parametrize("endpoint", ["create_case", "create_cycle", "mark_bulk"])
def test_what_was_under_way_when_we_were_killed_is_looked_up(resultd, aio, endpoint):
    report = creating(resultd, aio)
    hanging = aio.fault(endpoint, after="hang")
    import_ = resultd.spawn("import", "--timeout", "20h", report)
    aio.wait_for(endpoint)
    import_.kill()
    hanging.release()
    resultd.imports(report)
    all_there_once(aio)


# ---- backfills ----

def dated(aio, count, day="2025-03-0"):
    return junit(*[suite(case(aio.case(f"case {number}")["key"], failure="no" if number % 3 == 0 else None),
                         timestamp=f"{day}{number % 9 + 1}T10:00:00") for number in range(count)])


def test_a_backfill_keeps_its_times(resultd, aio):
    report = resultd.write("a.xml", dated(aio, 20))
    resultd.deliver_to_aio(aio)
    resultd.imports(report, options=["--backfill"])
    assert len(aio.calls("migrate_runs")) == 1 and not aio.calls("mark_bulk")
    assert len(aio.calls("migrate_cycle")) == 1
    assert all(1740000000000 < run["createdDate"] < 1742000000000 for run in aio.runs())
    assert len(aio.runs()) == 20


@pytest.mark.parametrize("how", ["reset", "empty", 502])
def test_a_backfill_whose_answer_was_lost_doubles_nothing(resultd, aio, how):
    report = resultd.write("a.xml", dated(aio, 20))
    resultd.deliver_to_aio(aio)
    aio.fault("migrate_cycle", after=broken(aio, how))
    aio.fault("migrate_runs", after=broken(aio, how))
    resultd.imports(report, options=["--backfill"])
    assert len(aio.runs()) == 20 and len(aio.cycles) == 1


def test_a_server_without_migration_gets_the_times_in_comments(resultd, aio_server):
    aio_server.missing |= {"migrate_cycle", "migrate_runs"}
    report = resultd.write("a.xml", dated(aio_server, 3))
    resultd.deliver_to_aio(aio_server)
    done = resultd.imports(report, options=["--backfill"])
    assert all("Tested at 2025-03-0" in aio_server.comments(run)[0] for run in aio_server.runs())
    assert len(aio_server.runs()) == 3 and "does not know the call" in done.err


def test_what_a_server_does_not_know_is_done_without(resultd, aio_server):
    aio_server.missing |= {"get_config", "add_tags", "cycle_folder_path", "case_folder_path", "search_cases",
                           "search_cycles", "mark_bulk", "cycle_state"}
    resultd.deliver_to_aio(aio_server, create={"cases": True, "folder": ["{suite}"]},
                           cycle={"folder": ["CI"], "tags": ["nightly"], "close": True, "reuse": True})
    for number in (1, 2):
        resultd.imports(resultd.write(f"{number}.xml", numbered(3)), options=["--run-name", f"N {number}", "--again"])
    assert [len(aio_server.statuses_by_key(cycle)) for cycle in aio_server.cycles] == [3, 3]
    assert len(aio_server.only_project.cases) == 3
    for endpoint in ("get_config", "add_tags", "mark_bulk", "cycle_state"):
        assert len([call for call in aio_server.calls(endpoint) if call.status == 404]) == 1


# ---- several trackers ----

def test_one_tracker_that_is_down_changes_nothing_for_the_others(resultd, aio, testrail):
    names = [aio.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}") for number in range(1, 6)]
    for number in range(1, 6):
        testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
    home = resultd.folder / "runs"
    key = resultd.folder / "rail.only"
    key.write_text(testrail.key)
    key.chmod(0o600)
    resultd.configure({"aio": resultd.aio(aio), "rail": {**resultd.rail(testrail), "key": {"file": str(key)}},
                       "home": {"type": "local", "dir": str(home)}})
    down = aio.fault("mark_bulk", before=Answer(503, "maintenance"), times=1000)
    done = resultd("import", "--json", "--progress", "never", "--timeout", "4s",
                   resultd.write("a.xml", numbered(5)))
    assert done.code == 3
    assert done.delivery("rail")["state"] == "delivered" and done.delivery("home")["state"] == "delivered"
    assert done.delivery("aio")["state"] != "delivered" and len(testrail.results()) == 5
    aio.calm()
    resultd.delivers()
    assert down is not None and sorted(aio.statuses_by_key()) == sorted(one["key"] for one in names)
    assert len(testrail.results()) == 5
