# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between us and AIO Tests: nothing is lost, nothing is there twice."""

import pytest

from aio_scene import all_there_once, broken, creating, named
from reports import case, junit, numbered, suite
from resultd import wait_until
from standins.http_server import Fault

WRITES = ["case_folder_path", "create_case", "cycle_folder_path", "add_tags", "create_cycle", "mark_bulk", "cycle_state"]


def test_every_answer_may_be_lost_once(resultd, site):
    report = creating(resultd, site)
    for endpoint in WRITES:
        site.answers(endpoint, 503)
        site.fault(endpoint, after="reset", call=2)
    resultd.imports(report)
    all_there_once(site)


def test_row_54_look_ups_that_fail_are_asked_again(resultd, site):
    report = creating(resultd, site)
    site.fault("create_cycle", after="reset")
    site.answers("search_cycles", 502, 200)
    site.fault("mark_bulk", after="reset")
    site.fault("cycle_cases", before="reset")
    resultd.imports(report)
    all_there_once(site)


def test_row_54_a_look_up_pages_through_the_cycle(resultd, site):
    report = resultd.write("a.xml", named(250, site))
    resultd.deliver_to_aio(site)
    site.fault("mark_bulk", after="reset", call=3)
    resultd.imports(report)
    assert len(site.runs()) == 250 and len(site.calls("mark_bulk")) == 3
    assert {call.query.get("startAt") for call in site.calls("cycle_cases")} == {"0", "100", "200"}


def test_row_55_what_shows_late_is_not_made_again(resultd, site):
    resultd.scale = 100             # look-ups after 50 ms, 300 ms and 1.2 s
    site.store.lag = 0.2
    site.fault("create_cycle", after="reset")
    report = resultd.write("a.xml", named(3, site))
    resultd.deliver_to_aio(site)
    resultd.imports(report)
    assert len(site.cycles) == 1 and len(site.runs()) == 3 and len(site.calls("create_cycle")) == 1


@pytest.mark.parametrize("how", ["reset", 502])
def test_attempts_each_are_made_once(resultd, site, how):
    names = [site.case(f"case {number}")["key"] for number in range(4)]
    resultd.deliver_to_aio(site, attempts="each")
    site.fault("mark_bulk", after=broken(site, how), times=1)
    site.fault("mark_bulk", after=broken(site, how), call=2)
    resultd.imports(resultd.write("a.xml", junit(*[case(
        name, inside='<rerunFailure message="first">one</rerunFailure>', failure="last") for name in names])))
    assert site.statuses_by_key() == {name: ["Failed", "Failed"] for name in names}


# ---- the pace, and being kept out ----

def test_row_41_empty_answers_under_load_lose_and_double_nothing(resultd, site):
    report = creating(resultd, site)
    resultd.scale = 10
    site.empty_after, site.rate_window = 8, 0.5
    resultd.imports(report)
    all_there_once(site)


# ---- what is wrong with one thing ----

@pytest.mark.parametrize("endpoint", ["create_case", "create_cycle", "mark_bulk"])
def test_rows_5_6_what_was_under_way_when_we_were_killed_is_looked_up(resultd, site, endpoint):
    report = creating(resultd, site)
    hanging = site.fault(endpoint, after="hang")
    import_ = resultd.spawn("import", "--timeout", "20h", report)
    site.wait_for(endpoint)
    import_.kill()
    hanging.release()
    resultd.imports(report)
    all_there_once(site)


# ---- backfills ----

def dated(site, count, day="2025-03-0"):
    return junit(*[suite(case(site.case(f"case {number}")["key"], failure="no" if number % 3 == 0 else None),
                         timestamp=f"{day}{number % 9 + 1}T10:00:00") for number in range(count)])


def test_a_backfill_keeps_its_times(resultd, site):
    report = resultd.write("a.xml", dated(site, 20))
    resultd.deliver_to_aio(site)
    resultd.imports(report, options=["--backfill"])
    assert len(site.calls("migrate_runs")) == 1 and not site.calls("mark_bulk")
    assert len(site.calls("migrate_cycle")) == 1
    assert all(1740000000000 < run["createdDate"] < 1742000000000 for run in site.runs())
    assert len(site.runs()) == 20


@pytest.fixture
def daemon(resultd, site):
    """Told to create cases; what is imported is handed to it."""
    resultd.configure({"aio": resultd.aio(site, create={"cases": True, "folder": ["{suite}"]})},
                      watch=[{"name": "inbox", "path": str(resultd.inbox)}])
    daemon = resultd.spawn("run")
    daemon.says("watching")
    return daemon


def test_two_backfills_leave_a_place_for_a_live_run(resultd, site, daemon):
    live = resultd.write("live.xml", named(3, site))
    site.always("migrate_runs", Fault(before="hang"))
    for number in (1, 2):
        resultd.imports(resultd.write(f"{number}.xml", dated(site, 20)), options=["--backfill", "--no-wait"])
    site.wait_for("migrate_runs")
    resultd.imports(live)
    assert len(site.calls("mark_bulk")) == 1 and len(site.calls("migrate_runs")) == 1 and len(site.runs()) == 3
    site.calm()
    site.wait_until(lambda: len(site.runs()) == 43, what="both backfills")
    assert daemon.terminate().code == 0
    assert all(len(statuses) == 1 for statuses in site.statuses_by_key().values())


def test_a_backfill_that_makes_cases_lets_a_live_run_by(resultd, site, daemon):
    live = resultd.write("live.xml", named(3, site))
    hanging = site.fault("create_case", before="hang", call=3)
    resultd.imports(resultd.write("old.xml", numbered(60)), options=["--backfill", "--no-wait"])
    site.wait_for("create_case", 3)
    resultd.imports(live, options=["--no-wait"])
    wait_until(lambda: resultd.status()["sinks"][0]["deliveries_under_way"] == 2, what="the live run's talk")
    hanging.release()
    site.wait_until(lambda: len(site.runs()) == 63, what="both runs")
    assert daemon.terminate().code == 0
    (posted,) = site.calls("mark_bulk")
    assert posted.number < site.calls("create_case")[-1].number
    assert len(site.calls("create_case")) == 60 and len(site.only_project.cases) == 63


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
