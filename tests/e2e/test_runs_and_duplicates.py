# SPDX-License-Identifier: Apache-2.0
"""What forms one run, and what is known already."""

from expect import each_case_once, one_closed_run
from reports import case, junit, numbered


def known(testrail, count):
    return [testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
            for number in range(1, count + 1)]


def test_two_reports_of_one_key_become_one_run(resultd, testrail):
    known(testrail, 6)
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", numbered(3)), options=["--run-key", "build/7", "--keep-open"])
    each_case_once(testrail, 3)
    assert not testrail.only_run["is_completed"]
    resultd.imports(resultd.write("elsewhere/b.xml", numbered(3, first=4)), options=["--run-key", "build/7"])
    each_case_once(testrail, 6)
    one_closed_run(testrail, cases=6)


def test_files_of_one_import_are_one_run(resultd, testrail):
    known(testrail, 4)
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("x/a.xml", numbered(2)), resultd.write("y/b.xml", numbered(2, first=3)))
    one_closed_run(testrail, cases=4)
    each_case_once(testrail, 4)


def test_the_same_file_again_is_a_duplicate_and_posts_nothing(resultd, testrail):
    known(testrail, 3)
    resultd.deliver_to(testrail)
    report = resultd.write("a.xml", numbered(3))
    assert resultd.imports(report).files("accepted") == ["a.xml"]
    posts = len(testrail.calls(method="POST"))
    assert resultd.imports(report).files("duplicate") == ["a.xml"]
    assert len(testrail.calls(method="POST")) == posts
    each_case_once(testrail, 3)


def test_a_file_that_broke_off_is_no_better_as_a_duplicate(resultd, testrail):
    """The same command goes on with an import that was interrupted: it must not end with 0 where the first would not."""
    known(testrail, 3)
    resultd.deliver_to(testrail)
    report = resultd.write("a.xml", numbered(3).rsplit("<testcase", 1)[0])
    for state in ("accepted", "duplicate"):
        done = resultd("import", "--json", "--run-key", "k", report)
        entry, = done.receipt["files"]
        assert done.code == 5 and "a.xml:" in done.err, done
        assert (entry["state"], entry["complete"], entry["cases"]) == (state, False, 2) and entry["reason"], done
    each_case_once(testrail, 2)
    whole = resultd("import", "--json", "--run-key", "whole", resultd.write("b.xml", numbered(3)))
    again = resultd("import", "--json", "--run-key", "whole", resultd.write("b.xml", numbered(3)))
    assert (whole.code, again.code) == (0, 0) and again.receipt["files"][0]["cases"] == 3, again


def test_the_same_content_under_another_key_is_another_run(resultd, testrail):
    known(testrail, 3)
    resultd.deliver_to(testrail)
    report = resultd.write("a.xml", numbered(3))
    for key in ("build/1", "build/2"):
        resultd.imports(report, options=["--run-key", key])
    assert len(testrail.runs) == 2 and len(testrail.results()) == 6


def test_new_content_under_a_key_that_has_ended_is_the_next_run(resultd, testrail):
    known(testrail, 3)
    resultd.deliver_to(testrail)
    options = ["--run-key", "build/1", "--run-name", "build 1"]
    resultd.imports(resultd.write("a.xml", numbered(1)), options=options)
    resultd.imports(resultd.write("b.xml", numbered(3)), options=options)
    assert [run["name"] for run in testrail.runs] == ["build 1", "build 1 (2)"]
    assert all(run["is_completed"] for run in testrail.runs)


def test_again_sends_what_was_sent(resultd, testrail):
    wanted = known(testrail, 1)[0]
    resultd.deliver_to(testrail)
    report = resultd.write("a.xml", numbered(1))
    resultd.imports(report)
    assert resultd.imports(report, options=["--again"]).files("accepted") == ["a.xml"]
    assert testrail.status_names(wanted) == ["passed", "passed"]


def test_a_sink_added_later_gets_what_the_first_has(resultd, make_testrail):
    first, second = make_testrail(), make_testrail()
    for server in (first, second):
        known(server, 3)
    report = resultd.write("a.xml", numbered(3))
    resultd.configure({"rail": resultd.rail(first)})
    resultd.imports(report)
    resultd.configure({"rail": resultd.rail(first), "other": resultd.rail(second)})
    resultd.imports(report)
    each_case_once(first, 3)
    each_case_once(second, 3)
    assert len(first.runs) == 1


def test_the_same_test_in_two_reports_of_a_run_is_one_result(resultd, testrail):
    wanted = testrail.case("t", automation="shop.Cart.t")
    resultd.deliver_to(testrail)
    first = resultd.write("1.xml", junit(case("t", failure="no", timestamp="2026-11-20T10:00:00Z")))
    second = resultd.write("2.xml", junit(case("t", time="2", timestamp="2026-11-20T11:00:00Z")))
    resultd.imports(first, second)
    assert testrail.status_names(wanted) == ["passed"]
    assert "no" in testrail.results(wanted)[0]["comment"]


def test_runs_of_two_imports_do_not_mix(resultd, testrail):
    known(testrail, 4)
    resultd.deliver_to(testrail)
    for number, key in ((1, "a"), (3, "b")):
        resultd.imports(resultd.write(f"{key}.xml", numbered(2, first=number)), options=["--run-key", key])
    for run in testrail.runs:
        assert len(testrail.store.tests_of_run[run["id"]]) == 2 == len(testrail.results(run=run))


def test_no_wait_accepts_and_deliver_delivers(resultd, testrail):
    known(testrail, 3)
    resultd.deliver_to(testrail)
    report = resultd.write("a.xml", numbered(3))
    done = resultd.imports(report, options=["--no-wait"])
    assert done.files("accepted") == ["a.xml"] and done.delivery()["state"] == "waiting"
    report.unlink()
    resultd.delivers()
    each_case_once(testrail, 3)
    one_closed_run(testrail, cases=3)
