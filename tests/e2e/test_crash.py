# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every request, before and after the server has done what it was asked: nothing lost, nothing twice."""

import pytest

from expect import each_case_once, one_closed_run
from reports import case, junit, numbered, suite
from resultd import wait_until

COUNT = 8


@pytest.fixture
def arrange(make_resultd, make_testrail):
    def one():
        testrail, resultd = make_testrail(), make_resultd()
        resultd.deliver_to(testrail, batch=3, create={"cases": True, "sections": True})
        report = resultd.write("a.xml", junit(suite(
            suite(*[case(f"a{number}") for number in range(COUNT // 2)], name="A"),
            suite(*[case(f"b{number}") for number in range(COUNT // 2)], name="B"), name="Shop")))
        return testrail, resultd, report
    return one


def killed_at(testrail, resultd, report, number, when):
    """Kills an import at its number-th request; False where it ended before."""
    testrail.fault_at(number, **{when: "hang"})
    importing = resultd.spawn("import", "--timeout", "20h", report)
    wait_until(lambda: len(testrail.requests) >= number or not importing.running, timeout=60,
               what=f"request {number}")
    if len(testrail.requests) < number:
        assert importing.wait().code == 0
        return False
    if when == "after":
        testrail.wait_until(lambda: testrail.requests[number - 1].applied
                            or testrail.requests[number - 1].method == "GET", what="the work to be done")
    importing.kill()
    testrail.calm()
    return True


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("residue", [0, 1, 2])
def test_killed_at_any_request_everything_arrives_once(arrange, when, residue):
    """Every third request from `residue` on; the three together are all of them."""
    number = residue + 1
    while True:
        testrail, resultd, report = arrange()
        killed = killed_at(testrail, resultd, report, number, when)
        if killed:
            resultd.imports(report)
        each_case_once(testrail, COUNT)
        one_closed_run(testrail, cases=COUNT)
        assert len(testrail.store.cases) == COUNT and len(testrail.store.sections) == 3
        if not killed:
            break
        number += 3
    assert number > 12, "a delivery of this kind takes more requests"


def test_killed_again_and_again_everything_arrives_once(arrange):
    testrail, resultd, report = arrange()
    for number in (6, 4, 3, 2, 2, 1):
        testrail.fault_at(number, after="hang")
        before = len(testrail.requests)
        importing = resultd.spawn("import", "--timeout", "20h", report)
        wait_until(lambda: len(testrail.requests) >= before + number or not importing.running, timeout=60,
                   what="the next death")
        importing.kill()
        testrail.calm()
    resultd.imports(report)
    each_case_once(testrail, COUNT)
    one_closed_run(testrail, cases=COUNT)


def test_a_report_that_was_accepted_survives_the_workspace(arrange):
    testrail, resultd, report = arrange()
    assert resultd.imports(report, options=["--no-wait"]).files("accepted") == ["a.xml"]
    report.unlink()
    testrail.fault("add_results_for_cases", after="hang")
    delivering = resultd.spawn("deliver", "--timeout", "20h")
    testrail.wait_until(lambda: testrail.results() != [], what="the first results")
    delivering.kill()
    testrail.calm()
    resultd.delivers()
    each_case_once(testrail, COUNT)
    one_closed_run(testrail, cases=COUNT)


def test_killed_while_reading_a_report_takes_it_once(make_resultd, make_testrail):
    testrail, resultd = make_testrail(), make_resultd()
    resultd.deliver_to(testrail)
    testrail.always("*", 503)
    count = 60_000
    report = resultd.write("big.xml", numbered(count))
    for _ in range(3):
        importing = resultd.spawn("import", "--no-wait", "--json", report)
        wait_until(lambda: not importing.running or any(
            path.stat().st_size > 200_000 for path in resultd.state.rglob("*") if path.is_file()),
            timeout=60, what="the queue to grow")
        importing.kill()
    done = resultd.imports(report, options=["--no-wait"])
    assert done.receipt["runs"][0]["counts"]["passed"] == count
    assert len(done.receipt["runs"]) == 1
