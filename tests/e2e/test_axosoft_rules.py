# SPDX-License-Identifier: Apache-2.0
"""The ten rules against floods, each by its number."""

import threading

import pytest

from defects import again, configure, failing, local, make_one, run
from reports import case, junit, suite
from standins.http_server import Answer

MANY = [f"Cause{chr(65 + number)}" for number in range(20)]


def crowd(count, classname="shop.Cart", passing=True):
    """count tests of one class that fail in as many ways."""
    rows = [case(f"t{number}", classname, failure=f"{MANY[number]} is broken") for number in range(count)]
    return junit(*rows, *([case("fine", classname)] if passing else []))


def only(axosoft):
    assert len(axosoft.items) == 1, axosoft.titles()
    return next(iter(axosoft.items.values()))


def at(commit):
    return ["--set", f"ci.commit={commit}"]


# ---- 1: off by default; a dry run first ----

def test_rule_1_without_a_mode_nothing_is_asked_of_the_tracker(resultd, axosoft):
    configure(resultd, axosoft, mode=None)
    done = run(resultd, "1", failing(3))
    assert [one["sink"] for one in done.receipt["runs"][0]["deliveries"]] == ["home"] and not axosoft.calls()


@pytest.mark.parametrize("mode", ["dry-run", "link-only"])
def test_rule_1_a_dry_run_says_what_it_would_do_and_writes_nothing(resultd, axosoft, mode):
    configure(resultd, axosoft, mode=mode)
    run(resultd, "1", failing(3))
    assert not [call for call in axosoft.calls() if call.method == "POST"] and not axosoft.items
    configure(resultd, axosoft)
    run(resultd, "2", failing(3, salt=2))
    assert len(axosoft.items) == 3              # its count of runs went on meanwhile


# ---- 2: a fingerprint, in the title ----

def test_rule_2_the_title_carries_the_fingerprint_and_changing_parts_change_nothing(resultd, axosoft):
    configure(resultd, axosoft)
    run(resultd, "1", failing(9))
    marks = {title[title.rindex("[fp-"):] for title in axosoft.titles()}
    assert len(marks) == 3 and all(len(mark) == 25 for mark in marks)
    run(resultd, "2", failing(9, salt=77))      # other numbers, nodes and GUIDs
    assert len(axosoft.items) == 3


# ---- 3: local store first, search second, create last ----

def test_rule_3_what_is_known_here_is_not_searched_for(resultd, axosoft):
    make_one(resultd, axosoft)
    before = len(axosoft.calls())
    again(resultd)
    asked = axosoft.calls()[before:]
    assert not [call for call in asked if "search_string" in call.target], [call.target for call in asked]
    assert len(axosoft.items) == 1


def test_rule_3_what_is_known_there_only_is_found_by_search(make_resultd, axosoft):
    make_one(make_resultd(), axosoft)
    other = make_resultd()
    configure(other, axosoft)
    again(other)
    assert len(axosoft.items) == 1
    searches = [call for call in axosoft.calls() if "search_string" in call.target]
    assert len(searches) == 2                   # one before each of: the create, and what was no create


# ---- 4: thresholds, branches, caps ----

def test_rule_4_two_runs_in_a_row_by_default(resultd, axosoft):
    configure(resultd, axosoft, after=None)
    run(resultd, "1", failing(3))
    assert not axosoft.items
    run(resultd, "2", failing(3, salt=1))
    assert len(axosoft.items) == 3


def test_rule_4_age_counts_from_the_beginning_of_the_streak(resultd, axosoft):
    bad, good = junit(case("pays", failure="no answer")), junit(case("pays"))
    configure(resultd, axosoft, after={"runs": 1, "age": "365d"})
    run(resultd, "1", bad)
    run(resultd, "2", junit(case("pays", failure="no answer"), case("x")))
    assert not axosoft.items                    # not for long enough
    configure(resultd, axosoft, after={"runs": 1, "age": "0s"})
    run(resultd, "3", good)
    run(resultd, "4", junit(case("pays", failure="no answer"), case("y")))
    assert len(axosoft.items) == 1


def test_rule_4_only_the_branches_that_are_named(resultd, axosoft):
    configure(resultd, axosoft, branches=["main", "release/*"])
    for number, branch in enumerate(("topic/x", "release", "main", "release/2.0")):
        run(resultd, str(number), junit(case(f"t{number}", failure=MANY[number])), options=["--set", f"ci.branch={branch}"])
        assert len(axosoft.items) == max(0, number - 1), branch
    run(resultd, "none", junit(case("t9", failure=MANY[9])))
    assert len(axosoft.items) == 2              # a branch that nobody knows is none of them


def test_rule_4_skipped_and_known_failures_never_count(resultd, axosoft):
    configure(resultd, axosoft)
    run(resultd, "1", junit(case("a", skipped="later"), case("b", skipped="known", failure="JIRA-1"), case("c")))
    assert not axosoft.items


def test_rule_4_past_the_cap_of_a_run_one_summary_lists_the_rest(resultd, axosoft):
    configure(resultd, axosoft, caps={"per_run": 2})
    run(resultd, "N 1", failing(80, MANY[:8]))
    assert len(axosoft.items) == 3
    summary = [item for item in axosoft.items.values() if "Many different failures in N 1" in item["name"]]
    assert len(summary) == 1 and summary[0]["description"].count("<b>Test:</b>") == 6


def test_rule_4_past_the_cap_of_a_day_there_is_none_until_the_next(resultd, axosoft):
    configure(resultd, axosoft, caps={"per_day": 2})
    for number in range(4):
        run(resultd, str(number), junit(case(f"t{number}", failure=MANY[number])))
    assert len(axosoft.items) == 2
    configure(resultd, axosoft)                 # the cap is lifted: what still fails is made up for
    run(resultd, "more", junit(*[case(f"t{number}", failure=MANY[number]) for number in range(4)]))
    assert len(axosoft.items) == 4


# ---- 5: groups ----

def test_rule_5_ten_different_failures_of_a_suite_are_one_item(resultd, axosoft):
    configure(resultd, axosoft, caps={"per_run": 100})
    run(resultd, "1", crowd(9))
    assert len(axosoft.items) == 9
    run(resultd, "2", crowd(12, "shop.Other").replace("broken", "wrong"))
    assert len(axosoft.items) == 10
    grouped = [item for item in axosoft.items.values() if "Many different failures in shop.Other" in item["name"]]
    assert len(grouped) == 1 and "</b> 12<br" in grouped[0]["description"]
    before = len(axosoft.comments)
    run(resultd, "3", crowd(13, "shop.Other").replace("broken", "wrong"))       # one more joins it
    assert len(axosoft.items) == 10 and len(axosoft.comments) == before + 1


def test_rule_5_the_item_of_a_suite_is_made_once_though_the_answer_is_lost(resultd, axosoft):
    configure(resultd, axosoft)
    axosoft.fault("POST features", after="close")
    run(resultd, "1", crowd(12))
    only(axosoft)


def test_rule_5_a_suite_that_is_one_by_test_too(resultd, axosoft):
    configure(resultd, axosoft, by="test")
    run(resultd, "1", junit(*[case(f"t{number}", failure="no answer") for number in range(11)], case("fine")))
    only(axosoft)


def test_rule_5_the_same_error_in_many_tests_is_one_item(resultd, axosoft):
    configure(resultd, axosoft)
    run(resultd, "1", junit(*[case(f"t{number}", f"shop.C{number}", failure=f"no answer {number}") for number in range(40)],
                            case("fine")))
    assert "40 tests in this run" in only(axosoft)["description"]


@pytest.mark.parametrize("group, items", [(None, 1), ({"outage_summary": False}, 0), ({"outage": 0}, 8)])
def test_rule_5_a_run_in_which_nothing_passed_makes_one_item_or_none(resultd, axosoft, group, items):
    configure(resultd, axosoft, group=group, caps={"per_run": 100})
    rows = [case(f"t{number}", f"shop.C{number}", failure=f"{MANY[number]} is down") for number in range(8)]
    run(resultd, "N 1", junit(*rows))
    assert len(axosoft.items) == items, axosoft.titles()
    if items == 1:
        assert "Many different failures in N 1" in only(axosoft)["name"]


def test_rule_5_three_causes_are_three_items_also_where_nothing_passed(resultd, axosoft):
    configure(resultd, axosoft)
    text = failing(500)
    run(resultd, "1", text.replace(case("passes"), ""))
    assert len(axosoft.items) == 3


def test_rule_5_an_item_of_many_is_not_closed_by_one_that_passes(resultd, axosoft):
    configure(resultd, axosoft, close_step="Fixed", known={"close_after": 1})
    run(resultd, "1", crowd(12))
    item = only(axosoft)
    run(resultd, "2", junit(case("t1"), case("t2")))
    assert item["workflow_step"]["id"] == 40


# ---- 6: known ones ----

def test_rule_6_an_open_item_gets_one_comment_a_run_with_where_it_failed(resultd, axosoft, testrail):
    sinks = {**local(resultd), "rail": resultd.rail(testrail, create={"cases": True, "sections": True})}
    configure(resultd, axosoft, sinks=sinks)
    run(resultd, "1", junit(case("pays", failure="no answer 1"), case("x")))
    assert "http" in only(axosoft)["description"] and "/runs/view/" in only(axosoft)["description"]
    run(resultd, "N 2", junit(case("pays", failure="no answer 2"), case("y")),
        options=["--set", "ci.url=https://ci.example.com/job/2"])
    assert len(axosoft.comments) == 1
    text = axosoft.comments[0]["comment_text"]
    assert "N 2" in text and "2 runs in a row" in text and "https://ci.example.com/job/2" in text and "/runs/view/" in text


def test_rule_6_comments_can_be_left_out(resultd, axosoft):
    make_one(resultd, axosoft, known={"comment": False})
    again(resultd)
    assert len(axosoft.items) == 1 and not axosoft.comments


def test_rule_6_closed_lately_is_reopened_and_long_ago_is_replaced_by_one_that_names_it(resultd, axosoft):
    item = make_one(resultd, axosoft, reopen_step="Reopened", known={"within": "3650d"})
    axosoft.move(item, 42, completed=True)
    again(resultd)
    assert item["workflow_step"]["id"] == 43 and len(axosoft.items) == 1
    axosoft.move(item, 42, completed=True)
    configure(resultd, axosoft, reopen_step="Reopened", known={"within": "0s"})
    again(resultd, "long after")
    assert len(axosoft.items) == 2 and item["workflow_step"]["id"] == 42
    newer = [one for one in axosoft.items.values() if one is not item][0]
    assert "Earlier item" in newer["description"] and f"viewitem?id={item['number']}" in newer["description"]


# ---- 7: passes ----

def test_rule_7_a_pass_says_nothing_by_default(resultd, axosoft):
    item = make_one(resultd, axosoft, close_step="Fixed")
    for number in range(3):
        run(resultd, f"good {number}", junit(case("pays"), case(f"x{number}")))
    assert item["workflow_step"]["id"] == 40 and not axosoft.comments


def test_rule_7_closed_after_so_many_passes_in_a_row(resultd, axosoft):
    item = make_one(resultd, axosoft, close_step="Fixed", known={"close_after": 2})
    run(resultd, "good 1", junit(case("pays"), case("x1")))
    assert item["workflow_step"]["id"] == 40
    again(resultd)
    run(resultd, "good 2", junit(case("pays"), case("x2")))
    assert item["workflow_step"]["id"] == 40    # the row was broken
    run(resultd, "good 3", junit(case("pays"), case("x3")))
    assert item["workflow_step"]["id"] == 42


@pytest.mark.parametrize("by_hand", ["moved", "marked"])
def test_rule_7_never_one_that_a_person_moved_or_marked(resultd, axosoft, by_hand):
    item = make_one(resultd, axosoft, close_step="Fixed", known={"close_after": 1})
    if by_hand == "moved":
        axosoft.move(item, 41)
    else:
        item["percent_complete"] = 50
    run(resultd, "good", junit(case("pays")))
    assert item["workflow_step"]["id"] == (41 if by_hand == "moved" else 40) and not item["is_completed"]


def test_rule_7_one_that_we_reopened_is_still_ours(resultd, axosoft):
    keys = {"reopen_step": "Reopened", "close_step": "Fixed", "known": {"close_after": 1, "within": "3650d"}}
    item = make_one(resultd, axosoft, **keys)
    axosoft.move(item, 42, completed=True)
    again(resultd)
    assert item["workflow_step"]["id"] == 43
    run(resultd, "good", junit(case("pays")))
    assert item["workflow_step"]["id"] == 42


# ---- 8: flaky ----

def test_rule_8_a_test_that_passes_on_its_second_try_is_no_failure(resultd, axosoft):
    configure(resultd, axosoft)
    flaky = case("pays", inside='<flakyFailure type="T" message="no answer">x</flakyFailure>')
    run(resultd, "1", junit(flaky))
    assert not axosoft.items


def test_rule_8_tries_that_disagree_open_nothing_though_the_last_one_failed(resultd, axosoft):
    configure(resultd, axosoft)
    run(resultd, "1", junit(case("pays"), case("pays", failure="no answer"), case("x")))
    assert not axosoft.items


def test_rule_8_pass_and_fail_at_one_commit_open_and_close_nothing(resultd, axosoft):
    configure(resultd, axosoft, close_step="Fixed", known={"close_after": 1}, after={"runs": 1})
    run(resultd, "1", junit(case("pays")), options=at("abc"))
    run(resultd, "2", junit(case("pays", failure="no answer")), options=at("abc"))
    item = only(axosoft)                        # nobody could know yet
    run(resultd, "3", junit(case("pays"), case("x3")), options=at("abc"))
    assert item["workflow_step"]["id"] == 40    # the same code: nothing was mended
    run(resultd, "4", junit(case("pays", failure="no answer"), case("x4")), options=at("abc"))
    assert len(axosoft.items) == 1 and "Flaky" in axosoft.comments[-1]["comment_text"]
    run(resultd, "5", junit(case("pays"), case("x5")), options=at("def"))
    assert item["workflow_step"]["id"] == 42    # other code, and it passes


def test_rule_8_a_flaky_failure_gets_its_item_when_it_stays_at_another_commit(resultd, axosoft):
    configure(resultd, axosoft, after={"runs": 2})
    bad, good = junit(case("pays", failure="no answer")), junit(case("pays"))
    extra = 0
    for commit, text in (("a", bad), ("a", good), ("a", bad), ("a", bad)):
        extra += 1
        run(resultd, f"r{extra}", text.replace("</testsuites>", f"<!-- {extra} --></testsuites>"), options=at(commit))
    assert not axosoft.items
    run(resultd, "b", bad.replace("</testsuites>", "<!-- b --></testsuites>"), options=at("b"))
    assert len(axosoft.items) == 1


# ---- 9: failures of the ground that tests stand on ----

def test_rule_9_ignored_failures_by_type_message_and_stack(resultd, axosoft):
    configure(resultd, axosoft, ignore=["Connection refused", "^BlockedAccount$", "at com\\.infra\\."])
    rows = [case("a", failure="Connection refused by 10.0.0.1"),
            '<testcase classname="c" name="b"><failure type="BlockedAccount" message="x">x</failure></testcase>\n',
            '<testcase classname="c" name="d"><error type="E" message="y">y&#10;\tat com.infra.Pool.get(Pool.java:3)</error>'
            "</testcase>\n", case("fine")]
    run(resultd, "1", junit(suite(*rows)))
    assert not axosoft.items
    run(resultd, "2", junit(case("e", failure="really wrong"), case("fine 2")))
    assert len(axosoft.items) == 1


# ---- 10: one writer, and nobody waits ----

def test_rule_10_imports_at_one_time_make_each_item_once(resultd, axosoft):
    configure(resultd, axosoft)
    paths = [resultd.write(f"{number}.xml", failing(9, salt=number)) for number in range(4)]
    codes = []

    def one(number):
        codes.append(resultd("import", "--json", "--run-name", f"R{number}", paths[number], timeout=120).code)
    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0, 0] and len(axosoft.items) == 3


def test_rule_10_a_tracker_over_its_quota_stops_no_result(resultd, axosoft):
    configure(resultd, axosoft)
    axosoft.per_day = 0
    done = run(resultd, "1", failing(3), code=3, options=["--timeout", "3s"])
    assert done.delivery("home")["state"] == "delivered" and done.delivery("defects")["state"] == "waiting"
    axosoft.always("GET projects", Answer(503, "<html>Service Unavailable</html>"))
    done = run(resultd, "2", failing(3, salt=1), code=3, options=["--timeout", "3s"])
    assert done.delivery("home")["state"] == "delivered" and not axosoft.items
