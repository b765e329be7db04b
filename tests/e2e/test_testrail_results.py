# SPDX-License-Identifier: Apache-2.0
"""What is posted for a test: comment, fields, steps, assignee; each as the vendor's command line offers it."""

import pytest

from reports import case, junit, method, numbered, testng

STEPS = 11


def properties(*pairs):
    inside = "".join(f'<property name="{key}" value="{value}"/>' for key, value in pairs)
    return f"<properties>{inside}</properties>"


def reported(name, *pairs, **keys):
    return case(name, inside=properties(*pairs), **keys)


def posted(testrail):
    """The one result there is."""
    results = testrail.results()
    assert len(results) == 1, testrail.story()
    return results[0]


@pytest.fixture
def rail(testrail):
    for number in range(1, 7):
        testrail.case(f"t{number}", automation=f"shop.Cart.t{number}")
    return testrail


# ---- result-fields ----

def test_result_fields_option_gives_every_result_a_value_of_its_type(resultd, rail):
    rail.result_field("browser", 6, items=["Firefox", "Chrome"])
    rail.result_field("tags", 12, items=["smoke", "slow", "net"])
    rail.result_field("attempts", 2)
    rail.result_field("automated", 5)
    rail.result_field("build", 1)
    rail.result_field("owner", 7)
    resultd.deliver_to(rail, result={"fields": {
        "custom_browser": "chrome", "Tags": "smoke, net", "attempts": "3", "automated": "yes",
        "build": "{run.name}", "owner": rail.user}})
    resultd.imports(resultd.write("a.xml", junit(case("t1"))), options=["--run-name", "nightly 17"])
    row = posted(rail)
    assert (row["custom_browser"], row["custom_tags"], row["custom_attempts"]) == (2, [1, 3], 3)
    assert (row["custom_automated"], row["custom_build"], row["custom_owner"]) == (True, "nightly 17", rail.me["id"])


@pytest.mark.parametrize("fields, words", [
    ({"nothing": "x"}, 'no field "nothing"'), ({"browser": "Opera"}, "Firefox, Chrome"),
    ({"attempts": "many"}, "whole number"), ({"automated": "perhaps"}, "true or false")])
def test_a_wrong_result_field_is_found_before_the_first_post(resultd, rail, fields, words):
    rail.result_field("browser", 6, items=["Firefox", "Chrome"])
    rail.result_field("attempts", 2)
    rail.result_field("automated", 5)
    resultd.deliver_to(rail, result={"fields": fields})
    done = resultd.imports(resultd.write("a.xml", junit(case("t1"))), code=4)
    assert words in done.delivery()["last_error"], done
    assert rail.runs == []
    checked = resultd("check", "--online")
    assert checked.code == 2 and words in checked.err


def test_a_field_of_another_project_is_none_of_this_one(resultd, rail):
    rail.result_field("elsewhere", 1, projects=[99])
    resultd.deliver_to(rail, result={"fields": {"elsewhere": "x"}})
    done = resultd.imports(resultd.write("a.xml", junit(case("t1"))), code=4)
    assert 'no field "elsewhere"' in done.delivery()["last_error"]


@pytest.mark.parametrize("key", ["testrail_result_field", "testrail_result_field_1", "TESTRAIL_RESULT_FIELD.a"])
def test_testrail_result_field_property_goes_before_the_configuration(resultd, rail, key):
    rail.result_field("browser", 6, items=["Firefox", "Chrome"])
    rail.result_field("build", 1)
    resultd.deliver_to(rail, result={"fields": {"browser": "Firefox", "build": "b1"}})
    resultd.imports(resultd.write("a.xml", junit(reported("t1", (key, "custom_browser:Chrome"),
                                                          ("testrail_result_field", "version:2.0"),
                                                          ("testrail_result_field", "defects:TR-1,TR-2")))))
    row = posted(rail)
    assert (row["custom_browser"], row["custom_build"]) == (2, "b1")
    assert (row["version"], row["defects"]) == ("2.0", "TR-1, TR-2")


def test_a_wrong_property_is_told_in_the_comment_and_costs_nothing(resultd, rail):
    rail.result_field("attempts", 2)
    resultd.deliver_to(rail)
    resultd.imports(resultd.write("a.xml", junit(
        reported("t1", ("testrail_result_field", "attempts:many"), ("testrail_result_field", "colour:red"),
                 ("testrail_result_field", "elapsed:soon")))))
    row = posted(rail)
    assert row["custom_attempts"] is None and row["elapsed"] == "1s"
    for words in ('custom_attempts needs a whole number, not "many"', 'no field "colour"', '"soon" is no time span'):
        assert words in row["comment"]


# ---- required fields ----

def test_a_required_field_without_a_value_is_known_before_the_first_post(resultd, rail):
    rail.result_field("browser", 6, required=True, items=["Firefox", "Chrome"])
    resultd.deliver_to(rail)
    report = junit(reported("t1", ("testrail_result_field", "browser:Chrome")), case("t2"))
    done = resultd.imports(resultd.write("a.xml", report), code=4)
    assert posted(rail)["custom_browser"] == 2 and done.delivery()["parked"] == 1
    assert len(rail.calls("add_results_for_cases")) == 1
    checked = resultd("check", "--online")
    assert checked.code == 2 and "custom_browser is required" in checked.err and "result.fields" in checked.err
    resultd.deliver_to(rail, result={"fields": {"browser": "Firefox"}})
    assert resultd("check", "--online").code == 0


@pytest.mark.parametrize("name, given", [("elapsed", "1s"), ("comment", "passed")])
def test_a_required_system_field_has_always_a_value(resultd, rail, name, given):
    rail.require_of_results(name)
    resultd.deliver_to(rail)
    resultd.imports(resultd.write("a.xml", junit(case("t1", time=None))))
    assert posted(rail)[name] == given


def test_a_field_that_becomes_required_later_is_learned_from_the_refusal(resultd, rail):
    rail.result_field("build", 1)
    resultd.deliver_to(rail)
    resultd.imports(resultd.write("a.xml", junit(case("t1"))))
    rail.store.result_fields[0]["configs"][0]["options"]["is_required"] = True
    done = resultd.imports(resultd.write("b.xml", junit(case("t2"))), code=4)
    assert done.delivery()["parked"] == 1 and len(rail.results()) == 1


def test_a_field_that_is_no_longer_required_is_not_asked_for_again(resultd, rail):
    rail.result_field("build", 1, required=True)
    resultd.deliver_to(rail)
    done = resultd.imports(resultd.write("a.xml", junit(case("t1"))), code=4)
    assert done.delivery()["parked"] == 1 and rail.results() == []
    rail.store.result_fields[0]["configs"][0]["options"]["is_required"] = False
    assert resultd("queue", "retry").code == 0
    resultd.delivers()
    assert len(rail.results()) == 1


# ---- result-comment, sauce-session ----

def test_testrail_result_comment_property_stands_before_the_failure(resultd, rail):
    resultd.deliver_to(rail)
    resultd.imports(resultd.write("a.xml", junit(
        reported("t1", ("testrail_result_comment", "first word"), ("testrail_result_comment_2", "second word"),
                 ("testrail_sauce_session", "https://sauce.example/1"), failure="boom"))))
    comment = posted(rail)["comment"]
    places = [comment.index(word) for word in ("first word", "second word", "https://sauce.example/1", "boom")]
    assert places == sorted(places)


# ---- result-steps ----

def test_testrail_result_step_properties_become_steps(resultd, rail):
    rail.result_field("step_results", STEPS)
    resultd.deliver_to(rail)
    resultd.imports(resultd.write("a.xml", junit(
        reported("t1", ("testrail_result_step", "pass:opens the page"),
                 ("testrail_result_step_2", "fail: pays: by card"), ("testrail_result_step", "skip:ships"),
                 ("testrail_result_step", "not run:bills"), failure="no"))))
    assert posted(rail)["custom_step_results"] == [
        {"content": "opens the page", "status_id": 1}, {"content": "pays: by card", "status_id": 5},
        {"content": "ships", "status_id": 4}, {"content": "bills", "status_id": 3}]


def test_steps_of_the_published_conventions_become_steps(resultd, rail):
    rail.result_field("step_results", STEPS)
    resultd.deliver_to(rail)
    resultd.imports(resultd.write("a.xml", junit(
        reported("t1", ("step[passed]", "opens"), ("step", "looks"), ("step[failure]", "pays"), ("stepping", "no"),
                 failure="no"))))
    assert [(step["content"], step["status_id"]) for step in posted(rail)["custom_step_results"]] == [
        ("opens", 1), ("looks", 1), ("pays", 5)]


def test_steps_of_testng_become_steps(resultd, rail):
    rail.result_field("step_results", STEPS)
    attributes = "".join(f'<attribute name="{name}"><![CDATA[{value}]]></attribute>' for name, value in (
        ("testrail_result_step", "pass:opens"), ("step[failed]", "pays"), ("test_id", "C1001")))
    written = method("t1", "FAIL", message="no").replace("</test-method>",
                                                         f"<attributes>{attributes}</attributes></test-method>")
    resultd.deliver_to(rail)
    resultd.imports(resultd.write("testng-results.xml", testng(written)))
    assert posted(rail)["_case"] == 1001 and posted(rail)["custom_step_results"] == [
        {"content": "opens", "status_id": 1}, {"content": "pays", "status_id": 5}]


def test_steps_without_a_field_for_them_are_told_in_the_comment(resultd, rail):
    resultd.deliver_to(rail)
    resultd.imports(resultd.write("a.xml", junit(reported("t1", ("testrail_result_step", "pass:opens")))))
    assert "- pass: opens" in posted(rail)["comment"]


def test_steps_that_a_case_does_not_take_are_told_in_the_comment(resultd, rail):
    rail.result_field("step_results", STEPS)
    words = "Field :results.custom_step_results is not supported by the template of the case."
    rail.refuse_result = lambda body: (words
                                       if "custom_step_results" in body else None)
    resultd.deliver_to(rail)
    resultd.imports(resultd.write("a.xml", junit(reported("t1", ("testrail_result_step", "fail:opens")), case("t2"))))
    assert len(rail.results()) == 2
    assert "- fail: opens" in rail.results()[0]["comment"]


# ---- assign-failed ----

def test_assign_failed_goes_round_the_people_named(resultd, rail):
    ann, bob = rail.store.add_user("ann@example.com"), rail.store.add_user("bob@example.com")
    resultd.deliver_to(rail, result={"assign_failed": ["ann@example.com", str(bob["id"])]}, batch=2)
    resultd.imports(resultd.write("a.xml", junit(case("t1", failure="x"), case("t2", error="x"), case("t3"),
                                                 case("t4", failure="x"), case("t5", skipped="x"),
                                                 case("t6", failure="x"))))
    owners = [row["assignedto_id"] for row in rail.results()]
    assert owners == [ann["id"], bob["id"], None, ann["id"], None, bob["id"]]
    assert len(rail.calls("get_user_by_email")) == 1


def test_assign_failed_to_nobody_that_is_known_is_said_before_the_run_is_made(resultd, rail):
    resultd.deliver_to(rail, result={"assign_failed": ["gone@example.com"]})
    done = resultd.imports(resultd.write("a.xml", junit(case("t1"))), code=4)
    assert "gone@example.com" in done.delivery()["last_error"] and rail.runs == []
    checked = resultd("check", "--online")
    assert checked.code == 2 and "result.assign_failed" in checked.err


def test_people_are_found_in_the_project_where_addresses_may_not_be_asked_for(resultd, rail):
    ann = rail.store.add_user("ann@example.com")
    rail.always("get_user_by_email", 403)
    resultd.deliver_to(rail, result={"assign_failed": ["ann@example.com"]})
    resultd.imports(resultd.write("a.xml", junit(case("t1", failure="x"))))
    assert posted(rail)["assignedto_id"] == ann["id"]


# ---- version, defects, statuses ----

def test_defects_come_from_a_property_of_the_report(resultd, rail):
    resultd.deliver_to(rail, result={"defects": "{prop.issue|''}"})
    resultd.imports(resultd.write("a.xml", junit(reported("t1", ("issue", "TR-1, TR-2,TR-1")))))
    assert posted(rail)["defects"] == "TR-1, TR-2"


def test_a_status_of_none_posts_nothing(resultd, rail):
    resultd.deliver_to(rail, statuses={"skipped": "none"})
    done = resultd.imports(resultd.write("a.xml", junit(case("t1"), case("t2", skipped="later"))))
    assert [row["status_id"] for row in rail.results()] == [1] and done.delivery()["parked"] == 0


def test_fields_cost_no_request_in_the_next_run(resultd, rail):
    rail.result_field("build", 1)
    resultd.deliver_to(rail, result={"fields": {"build": "1"}, "assign_failed": [rail.user]})
    resultd.imports(resultd.write("a.xml", numbered(3)), code=4)
    resultd.imports(resultd.write("b.xml", junit(case("t1"))))
    assert len(rail.calls("get_result_fields")) == 1 and len(rail.calls("get_user_by_email")) == 1
