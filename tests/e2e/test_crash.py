# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every request, before and after the server has done what it was asked: nothing lost, nothing twice.

Rows 4 to 7 each at their own place, with the outcome that the table expects; all places: test_crash_points.py."""

import sqlite3
from contextlib import closing

import pytest

from expect import each_case_once, one_closed_run
from reports import case, junit, numbered, suite
from resultd import wait_until
from test_crash_points import DIED, Points

COUNT, BATCH = 8, 3
BATCHES = 3


@pytest.fixture
def arrange(make_resultd, make_testrail):
    def one():
        testrail, resultd = make_testrail(), make_resultd()
        resultd.deliver_to(testrail, batch=BATCH, create={"cases": True, "sections": True})
        report = resultd.write("a.xml", junit(suite(
            suite(*[case(f"a{number}") for number in range(COUNT // 2)], name="A"),
            suite(*[case(f"b{number}") for number in range(COUNT // 2)], name="B"), name="Shop")))
        return testrail, resultd, report
    return one


# ---- rows 4 to 7 ----

class Dying:
    """A delivery that ends at a point that lies at the first request of an endpoint; then it is begun again."""

    def __init__(self, binary, folder, make_testrail, world):
        self.testrail = make_testrail()
        self.resultd = world.add(Points(binary, folder / "dying"))
        self.twin = Points(binary, folder / "twin")
        self.twin_rail = make_testrail()
        self.looked = 0

    def scene(self, resultd, testrail):
        resultd.deliver_to(testrail, batch=BATCH)
        for number in range(1, COUNT + 1):
            testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
        return resultd.write("a.xml", numbered(COUNT))

    def number(self, endpoint):
        """Of that request; a delivery that nothing happens to tells it."""
        self.twin.imports(self.scene(self.twin, self.twin_rail))
        return next(index for index, call in enumerate(self.twin_rail.calls(), 1) if call.endpoint == endpoint)

    def dies(self, point, endpoint):
        number = self.number(endpoint)
        self.report = self.scene(self.resultd, self.testrail)
        self.resultd.environment["RESULTD_CRASH"] = f"{point}:{number}"
        done = self.resultd("import", "--timeout", "20h", self.report)
        del self.resultd.environment["RESULTD_CRASH"]
        assert done.code == DIED, done
        assert len(self.testrail.calls()) == number - (point == "send-before")
        assert self.sending(), "what is sent is on disk before"

    def sending(self):
        with closing(sqlite3.connect(f"file:{self.resultd.state / 'queue.db'}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM intent").fetchone() == (1,)

    def goes_on(self, look_up):
        """How often the endpoint was looked up."""
        before = len(self.testrail.calls(look_up))
        self.resultd.imports(self.report)
        each_case_once(self.testrail, COUNT)
        one_closed_run(self.testrail, cases=COUNT)
        return len(self.testrail.calls(look_up)) - before


@pytest.fixture
def dying(points_binary, tmp_path, make_testrail, world):
    one = Dying(points_binary, tmp_path, make_testrail, world)
    yield one
    one.resultd.close()
    one.twin.close()


def test_row_4_died_before_a_byte_was_sent_looks_it_up_and_sends_it_once(dying):
    dying.dies("send-before", "add_results_for_cases")
    assert dying.testrail.results() == []
    assert dying.goes_on("get_results_for_run") >= 1
    assert len(dying.testrail.calls("add_results_for_cases")) == BATCHES


def test_row_5_killed_while_the_answer_is_awaited_finds_it_and_posts_nothing_again(dying):
    report = dying.scene(dying.resultd, dying.testrail)
    hanging = dying.testrail.fault("add_results_for_cases", after="hang")
    importing = dying.resultd.spawn("import", "--timeout", "20h", report)
    dying.testrail.wait_until(lambda: len(dying.testrail.results()) == BATCH, what="the first batch to be there")
    importing.kill()
    hanging.release()
    dying.report = report
    assert dying.sending() and dying.goes_on("get_results_for_run") >= 1
    assert len(dying.testrail.calls("add_results_for_cases")) == BATCHES


def test_row_6_died_with_the_answer_in_hand_finds_it_and_posts_nothing_again(dying):
    dying.dies("answer", "add_results_for_cases")
    assert len(dying.testrail.results()) == BATCH
    assert dying.goes_on("get_results_for_run") >= 1
    assert len(dying.testrail.calls("add_results_for_cases")) == BATCHES


@pytest.mark.parametrize("point, endpoint, looks", [("answer", "add_run", 1), ("send-before", "add_results_for_cases", 0)],
                         ids=["by its token", "by the bookmark"])
def test_row_7_died_between_the_run_and_its_results_uses_the_same_run(dying, point, endpoint, looks):
    dying.dies(point, endpoint)
    run = dying.testrail.only_run["id"]
    assert dying.testrail.results() == []
    assert dying.goes_on("get_runs") == looks
    assert dying.testrail.only_run["id"] == run and len(dying.testrail.calls("add_run")) == 1


# ---- every request ----

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
def test_rows_4_to_7_killed_at_any_request_everything_arrives_once(arrange, when, residue):
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


def test_rows_4_to_7_killed_again_and_again_everything_arrives_once(arrange):
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
