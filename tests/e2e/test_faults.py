# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between us and the tracker: nothing is lost, nothing is there twice."""

import json
import time
from email.utils import formatdate

import pytest

from expect import each_case_once, one_closed_run
from reports import case, junit, numbered, suite
from resultd import wait_until
from standins.http_server import Answer

COUNT = 12
pytestmark = pytest.mark.five_properties
NOT_EXECUTED = ["reset", "close", "early", 409, 429, 503, 500, 502, 504]
LOST = ["reset", "close", "partial", "empty", "html", "other", 500, 502, 504]


def creating(resultd, testrail, **keys):
    """A configuration and a report whose delivery needs every kind of write."""
    resultd.deliver_to(testrail, batch=5, create={"cases": True, "sections": True}, **keys)
    return resultd.write("a.xml", junit(suite(
        suite(*[case(f"a{number}") for number in range(COUNT // 2)], name="A"),
        suite(*[case(f"b{number}") for number in range(COUNT // 2)], name="B"), name="Shop")))


def known(testrail, count):
    return [testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
            for number in range(1, count + 1)]


def all_there_once(testrail):
    each_case_once(testrail, COUNT)
    one_closed_run(testrail, cases=COUNT)
    assert len(testrail.store.cases) == COUNT
    paths = sorted(testrail.store.section_path(row["id"]) for row in testrail.store.sections.values())
    assert paths == [["Shop"], ["Shop", "A"], ["Shop", "B"]]


def broken(testrail, how):
    return how if isinstance(how, str) else testrail.error(how)


@pytest.mark.parametrize("how", NOT_EXECUTED)
@pytest.mark.parametrize("endpoint", ["add_run", "add_results_for_cases"])
def test_row_39_a_write_that_was_not_executed_is_repeated(resultd, testrail, endpoint, how):
    report = creating(resultd, testrail)
    testrail.fault(endpoint, before=broken(testrail, how))
    resultd.imports(report)
    all_there_once(testrail)


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("endpoint", ["add_run", "add_results_for_cases"])
def test_rows_38_40_41_a_write_whose_answer_was_lost_is_looked_up(resultd, testrail, endpoint, how):
    report = creating(resultd, testrail)
    testrail.fault(endpoint, after=broken(testrail, how))
    resultd.imports(report)
    all_there_once(testrail)
    accepted = [call for call in testrail.calls(endpoint) if call.applied]
    assert len(accepted) == (1 if endpoint == "add_run" else 3)


@pytest.mark.parametrize("how", ["reset", "empty", 502])
@pytest.mark.parametrize("endpoint", ["add_section", "add_cases", "close_run"])
def test_row_40_a_lost_answer_to_any_other_write_doubles_nothing(resultd, testrail, endpoint, how):
    report = creating(resultd, testrail)
    testrail.fault(endpoint, after=broken(testrail, how))
    resultd.imports(report)
    all_there_once(testrail)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("plan, endpoint", [(None, "update_run"), ("Release 1", "update_plan_entry")])
def test_row_40_a_lost_update_of_the_set_of_cases_is_looked_up(resultd, testrail, plan, endpoint, when):
    """A late one would drop the tests that came since, and their results: nothing follows before it is seen."""
    known(testrail, 4)
    resultd.deliver_to(testrail, **({"plan": plan} if plan else {}))
    resultd.imports(resultd.write("a.xml", numbered(2)), options=["--run-key", "k", "--keep-open"])
    testrail.fault(endpoint, **{when: "reset"})
    resultd.imports(resultd.write("b.xml", numbered(2, first=3)), options=["--run-key", "k"])
    each_case_once(testrail, 4)
    assert [call.applied for call in testrail.calls(endpoint)] == ([True] if when == "after" else [False, True])
    run, = testrail.runs
    assert len(testrail.store.tests_of_run[run["id"]]) == 4


@pytest.mark.parametrize("how", ["reset", "html", "partial", 503])
def test_a_read_that_fails_is_repeated(resultd, testrail, how):
    report = creating(resultd, testrail)
    for endpoint in ("get_projects", "get_statuses", "get_cases", "get_sections"):
        testrail.fault(endpoint, before=broken(testrail, how))
    resultd.imports(report)
    all_there_once(testrail)


def test_every_answer_may_be_lost_once(resultd, testrail):
    report = creating(resultd, testrail)
    for endpoint in ("add_section", "add_cases", "add_run", "add_results_for_cases", "close_run"):
        testrail.answers(endpoint, 503)
        testrail.fault(endpoint, after="reset", call=2)
    resultd.imports(report)
    all_there_once(testrail)


def test_row_54_a_look_up_that_fails_is_asked_again(resultd, testrail):
    report = creating(resultd, testrail)
    testrail.fault("add_run", after="reset")
    testrail.answers("get_runs", 502, 200)
    testrail.fault("add_results_for_cases", after="reset")
    testrail.fault("get_results_for_run", before="reset")
    resultd.imports(report)
    all_there_once(testrail)


def test_row_54_while_look_ups_fail_it_stays_unknown_and_nothing_is_sent_again(resultd, testrail):
    known(testrail, 5)
    resultd.deliver_to(testrail)
    testrail.fault("add_results_for_cases", after="reset")
    testrail.always("get_results_for_run", 502)
    importing = resultd.spawn("import", "--timeout", "200h", resultd.write("a.xml", numbered(5)))
    testrail.wait_for("get_results_for_run", count=4)
    [waits] = json.loads(resultd("queue", "list", "--json").out)
    assert waits["state"] == "unknown", waits
    assert len(testrail.calls("add_results_for_cases")) == 1
    testrail.calm()
    assert importing.wait().code == 0
    each_case_once(testrail, 5)
    assert len(testrail.calls("add_results_for_cases")) == 1
    one_closed_run(testrail, cases=5)


def two_runs_that_create(resultd, testrail, look=Answer(200, "queued"), scale=100):
    """A daemon; each folder of its watch is a run.  Ten minutes are six seconds."""
    resultd.scale = scale
    resultd.configure({"rail": resultd.rail(testrail, linger="1s", create={"cases": True})},
                      watch=[{"name": "w", "path": f"{resultd.inbox}/{{build}}", "files": ["*.xml"], "settle": "20ms",
                              "poll_interval": "1s",
                              "run": {"key": "{build}", "name": "{build}", "close_after": "300ms"}}])
    daemon = resultd.spawn("run")
    daemon.says("watching")
    testrail.fault("add_cases", after="reset")
    testrail.always("look_cases", look)
    return daemon


def both_closed(testrail, daemon):
    testrail.wait_until(lambda: [run["is_completed"] for run in testrail.runs] == [True, True], timeout=60,
                        what="both runs to be closed")
    assert daemon.terminate().code == 0


def test_row_54_what_one_run_does_not_know_no_other_run_makes(resultd, testrail):
    """Four answers in a row that say nothing, over some seconds: the other run waits, and then uses what is there."""
    daemon = two_runs_that_create(resultd, testrail)
    resultd.drop("first/r.xml", numbered(3))
    testrail.wait_for("look_cases")
    resultd.drop("second/r.xml", numbered(3))
    testrail.wait_for("look_cases", count=4, timeout=60)
    assert len(testrail.calls("add_cases")) == 1
    testrail.calm()
    both_closed(testrail, daemon)
    assert len(testrail.store.cases) == 3 and len(testrail.calls("add_cases")) == 1
    assert len(testrail.results()) == 6


@pytest.mark.parametrize("look, scale, minutes", [(Answer(200, "queued"), 100, 10), (500, 600, 60)])
def test_row_54_a_look_up_that_is_never_answered_does_not_stop_the_other_runs(resultd, testrail, look, scale, minutes):
    """After ten minutes of nothing but nonsense; after an hour of no answer at all, while others are answered."""
    daemon = two_runs_that_create(resultd, testrail, look, scale)
    resultd.drop("first/r.xml", numbered(3))
    testrail.wait_for("look_cases")
    began = time.monotonic()
    resultd.drop("second/r.xml", numbered(3, first=4))
    testrail.wait_for("add_cases", count=2, timeout=60)
    assert time.monotonic() - began > 60 * minutes / scale - 1 and len(testrail.calls("look_cases")) >= 6
    testrail.calm()
    both_closed(testrail, daemon)
    assert len(testrail.store.cases) == 6 and len(testrail.calls("add_cases")) == 2
    each_case_once(testrail, 6)


def test_row_54_a_look_up_pages_through_all_results_of_the_run(resultd, testrail):
    known(testrail, 700)
    resultd.deliver_to(testrail, batch=700)
    testrail.fault("add_results_for_cases", after="reset")
    resultd.imports(resultd.write("a.xml", numbered(700)))
    each_case_once(testrail, 700)
    assert len(testrail.calls("add_results_for_cases")) == 1
    assert {call.query.get("offset") for call in testrail.calls("get_results_for_run")} == {None, "250", "500"}


def test_row_55_what_shows_late_is_not_sent_again(resultd, testrail):
    """The look-up finds nothing at first: the server is still busy with what it was given."""
    resultd.scale = 100             # look-ups after 50 ms, 300 ms and 1.2 s
    known(testrail, 5)
    resultd.deliver_to(testrail)
    testrail.store.lag = 0.2
    testrail.fault("add_results_for_cases", after="reset")
    resultd.imports(resultd.write("a.xml", numbered(5)))
    each_case_once(testrail, 5)
    assert len(testrail.calls("add_results_for_cases")) == 1 and len(testrail.calls("get_results_for_run")) >= 2


@pytest.mark.parametrize("header, scale, least, most", [
    ("2", 1, 2.0, 10.0), (None, 50, 60 / 50, 12.0), ("soon", 50, 60 / 50, 12.0), ("-7", 1, 0.9, 100.0),
    ("99999999999", 1200, 3600 / 1200, 12.0), ("date", 1, 1.0, 10.0)])
def test_row_42_a_rate_limit_is_waited_for(resultd, testrail, header, scale, least, most):
    """`least` and `most` seconds after the 429 the next request comes, and none before."""
    resultd.scale = scale
    known(testrail, 3)
    resultd.deliver_to(testrail, linger="50ms")
    if header == "date":
        header = formatdate(time.time() + 3, usegmt=True)
    headers = {} if header is None else {"Retry-After": header}
    testrail.answers("add_results_for_cases", testrail.error(429, headers))
    resultd.imports(resultd.write("a.xml", numbered(3)))
    each_case_once(testrail, 3)
    calls = testrail.calls()
    refused = next(index for index, call in enumerate(calls) if call.status == 429)
    gap = calls[refused + 1].at - calls[refused].answered_at
    assert least * 0.95 <= gap <= most, f"{gap:.2f} s"
    assert testrail.calls("get_results_for_run") == [], "a 429 was not executed: nothing to look up"


def test_row_43_a_storm_of_rate_limits_is_survived(resultd, testrail):
    known(testrail, 40)
    resultd.scale = 20
    resultd.deliver_to(testrail, batch=4)
    testrail.rate, testrail.rate_window = 4, 0.5
    resultd.imports(resultd.write("a.xml", numbered(40)))
    each_case_once(testrail, 40)
    assert [call for call in testrail.calls() if call.status == 429]


def test_row_46_maintenance_is_waited_out_without_hammering(resultd, testrail):
    known(testrail, 3)
    resultd.deliver_to(testrail)
    testrail.always("*", 409)
    importing = resultd.spawn("import", "--timeout", "20h", resultd.write("a.xml", numbered(3)))
    wait_until(lambda: len(testrail.calls()) >= 3, what="three tries")
    tries = [call.at for call in testrail.calls()]
    testrail.calm()
    assert importing.wait().code == 0
    each_case_once(testrail, 3)
    # 5 to 15 minutes a try
    assert min(later - earlier for earlier, later in zip(tries, tries[1:])) >= 300 / resultd.scale * 0.9


def test_row_44_a_key_that_was_replaced_is_taken_up(resultd, testrail):
    known(testrail, 3)
    resultd.write_key("old-and-revoked.key-000")
    resultd.deliver_to(testrail)
    report = resultd.write("a.xml", numbered(3))
    done = resultd.imports(report, code=3, options=["--timeout", "4s"])
    assert done.files("accepted") == ["a.xml"]
    assert "Authentication failed" in done.delivery()["last_error"]
    assert testrail.refused_logins == len(testrail.calls()) <= 10, "a locked-out sink knocks seldom"
    resultd.write_key(testrail.key)
    resultd.delivers()
    each_case_once(testrail, 3)
    one_closed_run(testrail, cases=3)


def test_row_44_a_key_revoked_in_the_middle_loses_nothing(resultd, testrail):
    known(testrail, 20)
    resultd.deliver_to(testrail, batch=5)
    testrail.answers("add_results_for_cases", 200)
    testrail.fault("add_results_for_cases", before=testrail.error(401), call=2)
    testrail.always("*", 200)

    def revoke(call):
        if call.status == 401:
            testrail.key = "quite.another-key-111"
        return call.status == 401
    importing = resultd.spawn("import", "--timeout", "5s", resultd.write("a.xml", numbered(20)))
    testrail.wait_until(lambda: any(revoke(call) for call in testrail.calls()), what="the refusal")
    assert importing.wait().code == 3
    assert len(testrail.results()) == 5
    resultd.write_key("quite.another-key-111")
    resultd.delivers()
    each_case_once(testrail, 20)
    one_closed_run(testrail, cases=20)


def test_row_44_a_403_on_everything_in_the_middle_pauses_and_parks_nothing(resultd, testrail):
    known(testrail, 20)
    resultd.deliver_to(testrail, batch=5)
    plain = testrail.handle
    posts = []

    def handle(request):
        posts.append(request.endpoint == "add_results_for_cases")
        return testrail.error(403) if sum(posts) >= 2 else plain(request)
    testrail.handle = handle
    done = resultd.imports("--timeout", "2s", resultd.write("a.xml", numbered(20)), code=3)
    assert (done.delivery()["state"], done.delivery()["parked"]) == ("waiting", 0), done
    testrail.handle = plain
    resultd.delivers()
    each_case_once(testrail, 20)
    one_closed_run(testrail, cases=20)


def test_row_45_what_is_forbidden_is_parked_by_the_next_process_too(resultd, testrail):
    known(testrail, 3)
    resultd.deliver_to(testrail)
    testrail.always("add_results_for_cases", 403)
    resultd.imports(resultd.write("a.xml", numbered(3)), code=4)
    # the first thing that the next process asks for is the one that is forbidden
    assert resultd("queue", "retry").code == 0
    assert resultd("deliver", "--timeout", "5s").code == 4


def test_row_45_no_permission_on_the_project_parks_what_needs_it(resultd, testrail):
    known(testrail, 3)
    resultd.deliver_to(testrail)
    testrail.always("add_run", 403)
    done = resultd.imports(resultd.write("a.xml", numbered(3)), code=4)
    assert testrail.results() == [] and "permission" in done.delivery()["last_error"]
    assert len(testrail.calls("add_run")) <= 2


def test_row_49_a_batch_that_is_too_large_is_halved_and_the_size_remembered(resultd, testrail):
    known(testrail, 100)
    testrail.body_max = 12_000
    resultd.deliver_to(testrail, batch=100)
    text = "x" * 500
    resultd.imports(resultd.write("a.xml", junit(*[case(f"test_{number:05d}", failure=text)
                                                   for number in range(1, 101)])))
    each_case_once(testrail, 100)
    refused = [call for call in testrail.calls("add_results_for_cases") if call.status == 413]
    accepted = [call for call in testrail.calls("add_results_for_cases") if call.applied]
    assert 1 <= len(refused) <= 7
    assert len(accepted) <= 30
    assert testrail.calls("add_results_for_cases")[:len(refused)] == refused, "only until the size was found"


def test_row_49_the_size_is_remembered_by_the_next_process(resultd, testrail):
    known(testrail, 100)
    testrail.body_max = 12_000
    resultd.deliver_to(testrail, batch=100)
    for name in ("a", "b"):
        resultd.imports("--run-key", name, resultd.write("a.xml", junit(*[
            case(f"test_{number:05d}", failure="x" * 500) for number in range(1, 101)])))
        if name == "a":
            refused = [call for call in testrail.calls("add_results_for_cases") if call.status == 413]
    assert refused == [call for call in testrail.calls("add_results_for_cases") if call.status == 413] != []


def test_row_49_a_long_text_alone_does_not_make_all_requests_small(resultd, testrail):
    known(testrail, 300)
    testrail.body_max = 20_000
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", junit(
        *[case(f"test_{number:05d}", failure="x" * 40_000 if number == 7 else None)
          for number in range(1, 301)])), code=4)
    each_case_once(testrail, 299)
    calls = testrail.calls("add_results_for_cases")
    assert len([call for call in calls if call.status == 413]) <= 4 and len(calls) <= 8


@pytest.mark.parametrize("bad", [{37}, {2, 99}, {50, 51}])
def test_row_47_a_bad_result_is_found_by_halves_and_the_rest_arrives(resultd, testrail, bad):
    cases = known(testrail, 100)
    bad_ids = {cases[number - 1]["id"] for number in bad}
    testrail.refuse_result = lambda body: ("Field :results.custom_severity is a required field."
                                           if body["case_id"] in bad_ids else None)
    resultd.deliver_to(testrail, batch=100)
    done = resultd.imports(resultd.write("a.xml", numbered(100)), code=4)
    each_case_once(testrail, 100 - len(bad))
    assert (done.delivery()["posted"], done.delivery()["parked"]) == (100 - len(bad), len(bad))
    # two more ask whether the first and the last alone are refused for the same reason
    assert len(testrail.calls("add_results_for_cases")) <= 3 + len(bad) * 2 * 8
    listed = resultd("queue", "list").out
    assert "custom_severity" in listed
    assert not testrail.only_run["is_completed"]


def test_row_47_a_batch_that_is_refused_for_one_reason_is_parked_as_one(resultd, testrail):
    known(testrail, 200)
    testrail.refuse_result = lambda body: "Field :results.custom_severity is a required field."
    resultd.deliver_to(testrail, batch=200)
    done = resultd.imports(resultd.write("a.xml", numbered(200)), code=4)
    assert testrail.results() == [] and done.delivery()["parked"] == 200
    assert len(testrail.calls("add_results_for_cases")) <= 20, "not one request a result"


def test_row_48_a_run_closed_by_somebody_else_is_said(resultd, testrail):
    known(testrail, 10)
    resultd.deliver_to(testrail, batch=5)
    held = testrail.fault("add_results_for_cases", before="hang", call=2)
    importing = resultd.spawn("import", "--json", "--timeout", "20h", resultd.write("a.xml", numbered(10)))
    testrail.wait_for("add_results_for_cases", count=2)
    testrail.only_run["is_completed"] = True
    held.release()
    done = importing.wait()
    assert done.code == 4, done
    assert "completed" in done.delivery()["last_error"]
    each_case_once(testrail, 5)
    assert len(testrail.calls("add_results_for_cases")) == 2, "recognised before any halving"


def test_row_53_an_outage_costs_nothing_but_time(resultd, testrail):
    known(testrail, 3)
    resultd.deliver_to(testrail)
    testrail.down()
    done = resultd.imports(resultd.write("a.xml", numbered(3)), code=3, options=["--timeout", "3s"])
    assert done.files("accepted") == ["a.xml"] and done.delivery()["state"] == "waiting"
    testrail.up()
    resultd.delivers()
    each_case_once(testrail, 3)
    one_closed_run(testrail, cases=3)


def test_row_53_an_outage_in_the_middle_is_waited_out(resultd, testrail):
    known(testrail, 20)
    resultd.deliver_to(testrail, batch=5)
    held = testrail.fault("add_results_for_cases", before="hang", call=3)
    importing = resultd.spawn("import", "--timeout", "20h", resultd.write("a.xml", numbered(20)))
    testrail.wait_for("add_results_for_cases", count=3)
    testrail.down()
    held.release()
    importing.says("refused|connect", timeout=30)
    testrail.up()
    assert importing.wait().code == 0
    each_case_once(testrail, 20)
    one_closed_run(testrail, cases=20)


def test_row_41_an_answer_that_never_ends_is_cut_off(resultd, testrail):
    report = creating(resultd, testrail)
    testrail.fault("get_cases", after="endless")
    testrail.fault("add_run", after="endless")
    resultd.imports(report)
    all_there_once(testrail)


@pytest.mark.parametrize("endpoint", ["get_cases", "close_run"])
@pytest.mark.parametrize("text", ["", "null", "{}", "7"])
def test_row_41_a_good_answer_without_sense_is_asked_for_less_and_less(resultd, testrail, endpoint, text):
    """2,000 s of the tests' clock: a try each 5 s would be some hundreds."""
    known(testrail, 2)
    resultd.deliver_to(testrail)
    testrail.always(endpoint, Answer(200, text, {"Content-Type": "application/json"}))
    done = resultd.imports(resultd.write("a.xml", numbered(2)), code=3,
                           options=["--timeout", f"{2000 // resultd.scale}s"])
    # By its steps: where the next try has just begun, the receipt has no error.
    assert "HTTP 200" in resultd("queue", "show", str(done.receipt["runs"][0]["id"])).out
    assert len(testrail.calls(endpoint)) < 60
    testrail.calm()
    resultd.delivers()
    each_case_once(testrail, 2)
    one_closed_run(testrail, cases=2)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_row_50_a_redirect_is_not_followed(resultd, make_testrail, status):
    testrail, elsewhere = make_testrail(), make_testrail()
    known(testrail, 1)
    resultd.deliver_to(testrail)
    testrail.always("*", Answer(status, "", {"Location": f"{elsewhere.url}/index.php?/api/v2/get_current_user"}))
    done = resultd.imports(resultd.write("a.xml", numbered(1)), code=3, options=["--timeout", "3s"])
    assert elsewhere.calls() == []
    assert str(status) in done.delivery()["last_error"] and done.delivery()["state"] == "waiting"
    testrail.calm()
    resultd.delivers()
    each_case_once(testrail, 1)


def test_one_bad_sink_does_not_delay_another(resultd, make_testrail):
    good, bad = make_testrail(), make_testrail()
    known(good, 3)
    bad.always("*", 503)
    resultd.configure({"bad": resultd.rail(bad), "good": resultd.rail(good)})
    done = resultd.imports(resultd.write("a.xml", numbered(3)), code=3, options=["--timeout", "5s"])
    each_case_once(good, 3)
    one_closed_run(good, cases=3)
    assert done.delivery("good")["state"] == "delivered" and done.delivery("bad")["state"] == "waiting"
