# SPDX-License-Identifier: Apache-2.0
"""What is posted: the run, the batches, the values of a result."""

import math

import pytest

from expect import each_case_once, one_closed_run
from reports import case, junit, numbered, suite
from standins.testrail_rules import seconds


def known(testrail, count):
    return [testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
            for number in range(1, count + 1)]


def test_a_run_holds_exactly_its_cases_and_is_closed(resultd, testrail):
    known(testrail, 20)
    resultd.deliver_to(testrail)
    done = resultd.imports(resultd.write("a.xml", numbered(5)), options=["--run-name", "nightly #17"])
    run = one_closed_run(testrail, cases=5)
    assert run["name"] == "nightly #17" and run["include_all"] is False
    assert done.delivery()["url"] == f"{testrail.address}/index.php?/runs/view/{run['id']}"
    assert len(testrail.calls("add_run")) == 1 and len(testrail.calls("add_results_for_cases")) == 1


def test_the_token_for_look_ups_stays_out_of_sight(resultd, testrail):
    known(testrail, 1)
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", numbered(1)))
    run = testrail.only_run
    assert "rd-" in run["description"] and "rd-" not in run["name"] and not run["refs"]
    assert "rd-" not in (testrail.results()[0]["comment"] or "")


def test_the_remote_run_stays_open_where_that_is_wanted(resultd, testrail):
    known(testrail, 1)
    resultd.deliver_to(testrail, run={"close": False})
    resultd.imports(resultd.write("a.xml", numbered(1)))
    each_case_once(testrail, 1)
    assert not testrail.only_run["is_completed"] and testrail.calls("close_run") == []


def test_results_leave_in_batches(resultd, testrail):
    known(testrail, 23)
    resultd.deliver_to(testrail, batch=10)
    resultd.imports(resultd.write("a.xml", numbered(23)))
    each_case_once(testrail, 23)
    sizes = [len(call.json["results"]) for call in testrail.calls("add_results_for_cases")]
    assert sizes == [10, 10, 3]


def test_results_of_many_small_reports_cost_batches_not_files(resultd, testrail):
    """Several times, because reports are read while what they need is asked: the end must wait for the last."""
    known(testrail, 60)
    resultd.deliver_to(testrail, batch=50)
    for build in range(6):
        for number in range(1, 61):
            resultd.write(f"{build}/TEST-{number}.xml", numbered(1, first=number))
        resultd.imports(resultd.folder / "reports" / str(build))
        run = testrail.runs[-1]
        each_case_once(testrail, 60, run)
        assert run["is_completed"] and len(testrail.runs) == build + 1
        # two batches hold them; the end of the run may send a third beside a report that just came in
        assert len([call for call in testrail.calls("add_results_for_cases") if call.args == [str(run["id"])]]) <= 3


@pytest.mark.parametrize("time, elapsed", [
    ("0", None), ("0.004", 1), ("0.25", 1), ("1.0", 1), ("1.2", 2), ("65", 65), ("3723.4", 3724), ("90061", 90061),
    ("1,234.5", 1235), ("NaN", None), ("-4", None), ("", None), ("1e-9", None), ("1e300", "any")])
def test_elapsed_is_a_time_span_or_absent(resultd, testrail, time, elapsed):
    known(testrail, 1)
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", numbered(1, time=time)))
    posted = testrail.results()[0]["elapsed"]
    if elapsed is None:
        assert posted is None or posted == "1s"
    elif elapsed != "any":
        assert seconds(posted) == math.ceil(elapsed)


def test_elapsed_is_given_where_the_server_demands_it(resultd, testrail):
    known(testrail, 1)
    testrail.require_of_results("elapsed")
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", numbered(1, time="0")))
    assert testrail.results()[0]["elapsed"] == "1s"


def test_each_outcome_has_its_status(resultd, testrail):
    names = {"passes": "passed", "fails": "failed", "breaks": "failed", "is skipped": "retest",
             "is known to fail": "retest"}
    cases = {name: testrail.case(name, automation=f"shop.Cart.{name}") for name in names}
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", junit(
        case("passes"), case("fails", failure="1 is not 2"), case("breaks", error="no such file"),
        case("is skipped", skipped="not today"), case("is known to fail", skipped="xfail", failure="still"))))
    assert {name: testrail.status_names(cases[name]) for name in names} == {
        name: [status] for name, status in names.items()}
    assert "1 is not 2" in testrail.results(cases["fails"])[0]["comment"]


def test_a_status_may_be_none_or_another(resultd, testrail):
    testrail.store.statuses.append({"id": 6, "name": "custom_status1", "label": "Muted", "is_system": False,
                                    "is_untested": False, "is_final": True})
    passing = testrail.case("a", automation="shop.Cart.passes")
    failing = testrail.case("b", automation="shop.Cart.fails")
    skipped = testrail.case("c", automation="shop.Cart.skips")
    resultd.deliver_to(testrail, statuses={"skipped": "none", "failed": "custom_status1"})
    resultd.imports(resultd.write("a.xml", junit(case("passes"), case("fails", failure="x"),
                                                 case("skips", skipped="y"))))
    assert testrail.status_names(passing) == ["passed"]
    assert testrail.status_names(failing) == ["custom_status1"]
    assert testrail.status_names(skipped) == []
    one_closed_run(testrail)


def test_a_status_that_is_not_there_is_said_and_posts_nothing(resultd, testrail):
    known(testrail, 1)
    resultd.deliver_to(testrail, statuses={"passed": "splendid"})
    done = resultd.imports(resultd.write("a.xml", numbered(1)), code=4)
    assert testrail.results() == [] and testrail.runs == []
    assert "splendid" in done.delivery()["last_error"]


@pytest.mark.parametrize("status", ["untested", "Untested", "3"])
def test_a_status_that_no_result_can_have_is_a_fault_of_the_configuration(resultd, testrail, status):
    resultd.deliver_to(testrail, statuses={"passed": status})
    done = resultd("import", resultd.write("a.xml", numbered(1)))
    assert done.code == 2 and "untested" in done.err.lower() and testrail.calls() == []


def test_repeats_of_a_test_are_attempts_of_one_result(resultd, testrail):
    flaky = testrail.case("flaky", automation="shop.Cart.flaky")
    worse = testrail.case("worse", automation="shop.Cart.worse")
    resultd.deliver_to(testrail, statuses={"flaky": "blocked"})
    resultd.imports(resultd.write("a.xml", junit(suite(
        case("flaky", failure="first time"), case("flaky"), case("worse"), case("worse", failure="second time")))))
    assert testrail.status_names(flaky) == ["blocked"]
    assert "first time" in testrail.results(flaky)[0]["comment"]
    assert testrail.status_names(worse) == ["failed"]


def test_reruns_of_surefire_are_attempts(resultd, testrail):
    flaky = testrail.case("flaky", automation="shop.Cart.flaky")
    failing = testrail.case("failing", automation="shop.Cart.failing")
    resultd.deliver_to(testrail)
    once = '<flakyFailure message="timeout" type="T"><stackTrace>at shop.Cart</stackTrace></flakyFailure>'
    twice = ('<failure message="timeout" type="T">at shop.Cart</failure>'
             '<rerunFailure message="again" type="T"><stackTrace>at shop.Cart</stackTrace></rerunFailure>')
    resultd.imports(resultd.write("a.xml", junit(case("flaky", inside=once), case("failing", inside=twice))))
    assert testrail.status_names(flaky) == ["passed"] and testrail.status_names(failing) == ["failed"]
    assert "timeout" in testrail.results(flaky)[0]["comment"]
    assert "again" in testrail.results(failing)[0]["comment"]


def test_hostile_text_arrives_as_text(resultd, testrail):
    wanted = testrail.case("t", automation="shop.Cart.t")
    resultd.deliver_to(testrail)
    nasty = 'quote " backslash \\ <b>bold</b> \u2028 \U0001f600 {run.name} %s &#10;'
    broken = junit(case("t", failure=nasty)).encode() .replace(b"at line 1", b"\x1b[31mred\xff\x00&#27;")
    resultd.imports(resultd.write("a.xml", broken))
    comment = testrail.results(wanted)[0]["comment"]
    assert 'quote " backslash \\' in comment and "\U0001f600" in comment and "red" in comment


def test_a_huge_text_is_cut_on_a_character(resultd, testrail):
    wanted = testrail.case("t", automation="shop.Cart.t")
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", junit(case("t", failure="\u00e4\U0001f600" * 400_000))))
    comment = testrail.results(wanted)[0]["comment"]
    assert len(comment.encode()) <= 70_000 and "\ufffd" not in comment


def test_writes_use_a_connection_of_their_own(resultd, testrail):
    known(testrail, 30)
    resultd.deliver_to(testrail, batch=10)
    resultd.imports(resultd.write("a.xml", numbered(30)))
    posts = testrail.calls(method="POST")
    assert len(posts) >= 5 and {call.on_connection for call in posts} == {1}
    reads = testrail.calls(method="GET")
    assert len({call.connection for call in reads}) < len(reads), "reads share a connection"


def test_ten_thousand_results_cost_at_most_a_hundred_requests(resultd, testrail):
    known(testrail, 10_000)
    resultd.deliver_to(testrail)
    done = resultd.imports(resultd.write("a.xml", numbered(10_000)))
    each_case_once(testrail, 10_000)
    assert len(testrail.calls()) <= 100
    assert done.delivery()["requests"] == len(testrail.calls())


def test_a_second_run_reads_only_what_changed(resultd, testrail):
    for case in known(testrail, 1000):
        case["created_on"] = case["updated_on"] = case["updated_on"] - 86400     # known, not just made
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", numbered(10)))
    before = len(testrail.calls("get_cases"))
    resultd.imports(resultd.write("b.xml", numbered(12)))
    assert len(testrail.calls("get_cases")) - before <= 1
    assert len(testrail.results()) == 22


def test_the_rate_of_the_server_is_kept(resultd, testrail):
    """Four fifths of it, with a burst of three seconds' worth: so no minute holds more than it allows."""
    known(testrail, 60)
    resultd.scale = 1
    resultd.deliver_to(testrail, batch=2, rate="300/min")
    resultd.imports(resultd.write("a.xml", numbered(60)))
    each_case_once(testrail, 60)
    times = [call.at for call in testrail.calls()]
    assert len(times) > 30
    for first in range(len(times)):
        for last in range(first, len(times)):
            allowed = 15 + (times[last] - times[first]) * 300 / 60 * 0.8
            assert last - first + 1 <= allowed + 1, f"{last - first + 1} requests in {times[last] - times[first]:.2f} s"
