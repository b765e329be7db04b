# SPDX-License-Identifier: Apache-2.0
"""`several: each`: a case with several results in one run, and the files of each test at its own result.

Which result is whose its comment tells: each test fails with words of its own, which its file holds, too.
"""

import pytest

from reports import case, junit, method, testng

ROWS = 4
LATER = "2026-11-20T11:00:00Z"


def row(number, stamp=None, what="first"):
    """A row of a data provider that fails with its own words, and names a file that holds them."""
    text = method("pays", status="FAIL", params=[number], message=f"{what} row {number}")
    if stamp:
        text = text.replace("2026-11-20T10:00:00Z", stamp)
    return text.replace("</test-method>", f"<reporter-output><line><![CDATA[<a href='shots/{what}-{number}.log'/>]]>"
                                          "</line></reporter-output></test-method>")


def provider(resultd, name, *rows, what="first", stamp=None):
    for number in rows:
        resultd.write(f"shots/{what}-{number}.log", f"{what} row {number}")
    return resultd.write(name, testng(*(row(number, stamp, what) for number in rows)))


class Rail:
    post, attach = "add_results_for_cases", "add_attachment_to_result"

    def __init__(self, resultd, server, **keys):
        self.server = server
        server.case("pays", automation="shop.CartTest.pays")
        resultd.deliver_to(server, match=["automation"], several="each", **keys)

    def pairs(self):
        """[(comment of the result, content of its file)] of all files; and how many results there are"""
        of = {result["id"]: result["comment"] for result in self.server.results()}
        return [(of[file["result_id"]], file["_data"].decode()) for file in self.server.files()], len(of)


class Aio:
    post, attach = "mark_bulk", "attach_run"

    def __init__(self, resultd, server, **keys):
        self.server = server
        server.case("pays", automation="shop.CartTest.pays")
        resultd.deliver_to_aio(server, match=["automation"], several="each", **keys)

    def pairs(self):
        runs = self.server.runs()
        return [("\n".join(self.server.comments(run)), data.decode())
                for run in runs for _, _, data in self.server.attached(run)], len(runs)


@pytest.fixture(params=[Rail, Aio], ids=["testrail", "aio"])
def make_target(request, resultd, make_testrail, make_aio):
    return lambda **keys: request.param(resultd, make_testrail() if request.param is Rail else make_aio(), **keys)


def each_at_its_own(target, wanted, results=None):
    pairs, count = target.pairs()
    assert sorted(content for _, content in pairs) == sorted(wanted)
    for comment, content in pairs:
        assert content in comment, pairs
    assert count == (len(wanted) if results is None else results)
    assert target.server.violations == []


def test_each_row_of_a_data_provider_has_its_file_at_its_own_result(resultd, make_target):
    target = make_target()
    resultd.imports(provider(resultd, "testng-results.xml", *range(ROWS)))
    each_at_its_own(target, [f"first row {number}" for number in range(ROWS)])


@pytest.mark.parametrize("how", ["reset", "empty", 502])
def test_rows_38_40_41_a_lost_answer_does_not_mix_them_up(resultd, make_target, how):
    target = make_target()
    server = target.server
    server.fault(target.post, after=how if isinstance(how, str) else server.error(how))
    resultd.imports(provider(resultd, "testng-results.xml", *range(ROWS)))
    each_at_its_own(target, [f"first row {number}" for number in range(ROWS)])


@pytest.mark.parametrize("how", ["reset", 503])
def test_row_39_what_did_not_arrive_is_sent_again_with_its_files(resultd, make_target, how):
    target = make_target()
    server = target.server
    server.fault(target.post, before=how if isinstance(how, str) else server.error(how))
    resultd.imports(provider(resultd, "testng-results.xml", *range(ROWS)))
    each_at_its_own(target, [f"first row {number}" for number in range(ROWS)])


def test_rows_that_come_later_and_a_rerun_have_theirs(resultd, make_target):
    """The second report brings two rows more and one row again; nothing of the first is posted twice."""
    target = make_target()
    resultd.imports(provider(resultd, "one.xml", 0, 1), options=["--run-key", "k", "--keep-open"])
    second = provider(resultd, "two.xml", 1, 2, 3, what="second", stamp=LATER)
    resultd.imports(second, options=["--run-key", "k"])
    each_at_its_own(target, ["first row 0", "first row 1"] + [f"second row {number}" for number in (1, 2, 3)])


def test_a_row_whose_status_is_not_sent_takes_no_result_and_no_file_goes_elsewhere(resultd, make_target):
    target = make_target(statuses={"passed": "none"}, evidence={"results": "all"})
    passed = row(1).replace('status="FAIL"', 'status="PASS"').replace("first-1", "passed-1")
    passed = passed[:passed.index("<exception")] + passed[passed.index("</exception>") + len("</exception>"):]
    for name in ("first-0", "passed-1", "first-2"):
        resultd.write(f"shots/{name}.log", name.replace("-", " row "))
    done = resultd.imports(resultd.write("testng-results.xml", testng(row(0), passed, row(2))))
    each_at_its_own(target, ["first row 0", "first row 2"])
    delivery = done.delivery("rail" if isinstance(target, Rail) else "aio")
    assert (delivery["posted"], delivery["parked"], delivery["evidence"]) == (2, 0, 2)


@pytest.mark.parametrize("lost", [False, True])
def test_a_backfill_of_several_runs_of_a_case_has_the_files_at_their_runs(resultd, make_aio, lost):
    target = Aio(resultd, make_aio())
    if lost:
        target.server.fault("migrate_runs", after="reset")
    resultd.imports(provider(resultd, "testng-results.xml", *range(ROWS)), options=["--backfill"])
    each_at_its_own(target, [f"first row {number}" for number in range(ROWS)])
    assert len(target.server.calls("migrate_runs")) == 1


def test_attempts_as_runs_have_the_file_at_the_last_run_of_their_own_test(resultd, make_aio):
    """Two tests of one case, one of them run twice: three runs, and each file at its test's last one."""
    aio = make_aio()
    key = aio.case("pays")["key"]
    resultd.deliver_to_aio(aio, attempts="each")
    again = '<rerunFailure message="red again" type="E"/>'
    for name in ("red", "blue"):
        resultd.write(f"{name}.log", name)
    marks = {name: f"<system-out>[[ATTACHMENT|{name}.log]]\n</system-out>" for name in ("red", "blue")}
    resultd.imports(resultd.write("a.xml", junit(
        case(f"{key} red", failure="red first", inside=again + marks["red"]),
        case(f"{key} blue", failure="blue", inside=marks["blue"]))))
    runs = aio.runs()
    assert len(runs) == 3
    told = [("\n".join(aio.comments(run)), [data for _, _, data in aio.attached(run)]) for run in runs]
    assert [files for _, files in told] == [[], [b"red"], [b"blue"]], told


def test_a_result_takes_max_files_and_a_rerun_is_another_result(resultd, testrail):
    """Three rows fail into one result, which takes two files; a later attempt is a result with room of its own."""
    testrail.case("pays", automation="shop.CartTest.pays")
    resultd.deliver_to(testrail, match=["automation"], evidence={"max_files": 2})
    resultd.imports(provider(resultd, "one.xml", 0, 1, 2), options=["--run-key", "k", "--keep-open"])
    resultd.imports(provider(resultd, "two.xml", 0, 1, what="second", stamp=LATER), options=["--run-key", "k"])
    first, second = sorted(result["id"] for result in testrail.results())
    files = [(file["result_id"], file["_data"].decode()) for file in testrail.files()]
    assert files == [(first, "first row 0"), (first, "first row 1"),
                     (second, "second row 0"), (second, "second row 1")]
