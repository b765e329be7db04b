# SPDX-License-Identifier: Apache-2.0
"""What new cases hold, and what becomes of those that are there; each as the vendor's command line offers it."""

import pytest

from reports import case, junit, suite
from standins.http_server import Answer
from test_testrail_results import reported

CREATE = {"cases": True}


def only_case(testrail):
    assert len(testrail.store.cases) == 1, testrail.story()
    return next(iter(testrail.store.cases.values()))


# ---- case-fields, template, type, priority ----

def test_case_fields_option_fills_new_cases(resultd, testrail):
    testrail.case_field("area", 6, items=["Cart", "Till"], label="Area of work")
    testrail.case_field("plain", 3)
    resultd.deliver_to(testrail, create={**CREATE, "template": "Test Case (Steps)", "type": "automated",
                                         "priority": "4",
                                         "fields": {"Area of work": "till", "plain": "of {class}"}})
    resultd.imports(resultd.write("a.xml", junit(case("t1"))))
    row = only_case(testrail)
    assert (row["template_id"], row["type_id"], row["priority_id"]) == (2, 3, 4)
    assert (row["custom_area"], row["custom_plain"]) == (2, "of shop.Cart")


@pytest.mark.parametrize("create, words", [
    ({"template": "Nothing"}, "Test Case (Text)"), ({"type": "Nothing"}, "Automated"), ({"priority": "9"}, "Medium"),
    ({"fields": {"area": "Moon"}}, "Cart, Till"), ({"fields": {"colour": "x"}}, 'no field "colour"')])
def test_a_wrong_case_field_is_found_before_anything_is_made(resultd, testrail, create, words):
    testrail.case_field("area", 6, items=["Cart", "Till"])
    resultd.deliver_to(testrail, create={**CREATE, **create})
    done = resultd.imports(resultd.write("a.xml", junit(case("t1"))), code=4)
    assert words in done.delivery()["last_error"] and testrail.store.cases == {}
    checked = resultd("check", "--online")
    assert checked.code == 2 and words in checked.err


def test_a_required_case_field_without_a_value_is_found_by_check(resultd, testrail):
    testrail.case_field("area", 6, required=True, items=["Cart", "Till"])
    resultd.deliver_to(testrail, create=CREATE)
    checked = resultd("check", "--online")
    assert checked.code == 2 and "custom_area is required" in checked.err and "create.fields" in checked.err


@pytest.mark.parametrize("key", ["testrail_case_field", "testrail_case_field_a"])
def test_testrail_case_field_property_goes_before_the_configuration(resultd, testrail, key):
    testrail.case_field("area", 6, items=["Cart", "Till"])
    resultd.deliver_to(testrail, create={**CREATE, "priority": "Medium", "fields": {"area": "Cart"}})
    resultd.imports(resultd.write("a.xml", junit(
        reported("t1", (key, "custom_area:Till"), (key, "priority_id:1"), (key, "type_id:3"), (key, "estimate:2m 5s"),
                 (key, "refs:REQ-1, REQ-2,REQ-1")))))
    row = only_case(testrail)
    assert (row["custom_area"], row["priority_id"], row["type_id"], row["estimate"]) == (2, 1, 3, "2m 5s")
    assert row["refs"] == "REQ-1, REQ-2"


def test_a_wrong_case_property_is_told_in_the_comment(resultd, testrail):
    resultd.deliver_to(testrail, create=CREATE)
    resultd.imports(resultd.write("a.xml", junit(reported("t1", ("testrail_case_field", "colour:red")))))
    only_case(testrail)
    assert "testrail_case_field: colour is no field of this project" in testrail.results()[0]["comment"]


def test_two_imports_make_no_case_twice(resultd, testrail):
    resultd.deliver_to(testrail, create=CREATE)
    report = junit(suite(case("t1"), case("t2"), name="A"), suite(case("t3"), name="B"))
    resultd.imports(resultd.write("a.xml", report))
    resultd.imports(resultd.write("a.xml", report), options=["--run-key", "again"])
    assert len(testrail.store.cases) == 3 and len(testrail.store.sections) == 2 and len(testrail.runs) == 2


# ---- case-matcher ----

@pytest.mark.parametrize("name", ["C77 pays", "pays C77", "C77_pays", "pays_C77", "[C77] pays", "pays [C77]"])
def test_case_matcher_name(resultd, testrail, name):
    testrail.case("anything", number=77)
    resultd.deliver_to(testrail, match=["ref"])
    resultd.imports(resultd.write("a.xml", junit(case(name))))
    assert [row["_case"] for row in testrail.results()] == [77]


@pytest.mark.parametrize("value", ["C77", "77", "c77", "C77, C78"])
def test_case_matcher_property(resultd, testrail, value):
    testrail.case("anything", number=77)
    testrail.case("something", number=78)
    resultd.deliver_to(testrail, match=["ref"])
    resultd.imports(resultd.write("a.xml", junit(reported("pays", ("test_id", value)))))
    assert [row["_case"] for row in testrail.results()] == [77, 78][:1 + value.count(",")]


def test_case_matcher_auto(resultd, testrail):
    wanted = testrail.case("anything", automation="shop.Cart.pays")
    resultd.deliver_to(testrail, match=["automation"])
    resultd.imports(resultd.write("a.xml", junit(case("pays"))))
    assert [row["_case"] for row in testrail.results()] == [wanted["id"]]


def test_a_title_is_the_last_resort(resultd, testrail):
    by_title = testrail.case("pays")
    by_id = testrail.case("ships", automation="shop.Cart.pays")
    resultd.deliver_to(testrail, match=["ref", "automation", "title"])
    resultd.imports(resultd.write("a.xml", junit(case("pays"), case("ships"))))
    # "pays" is found by its id, though another case is called so; "ships" by the title of the same case
    assert [row["_case"] for row in testrail.results()] == [by_id["id"]]
    assert by_title["custom_automation_id"] is None


# ---- update-existing-cases, update-strategy ----

def updated(resultd, testrail, policy, *pairs, code=0, key="k"):
    resultd.deliver_to(testrail, update=policy)
    return resultd.imports(resultd.write(f"{key}.xml", junit(reported("t1", *pairs))), options=["--run-key", key],
                           code=code)


def test_a_lost_answer_to_an_update_changes_the_case_once(resultd, testrail):
    wanted = testrail.case("t1", automation="shop.Cart.t1", refs="REQ-1")
    testrail.fault("update_case", after="reset")
    updated(resultd, testrail, {"cases": "fields", "refs": "append"}, ("testrail_case_field", "refs:REQ-2"))
    assert wanted["refs"].replace(" ", "") == "REQ-1,REQ-2" and len(testrail.results()) == 1


@pytest.mark.parametrize("strategy, refs", [("append", "REQ-1, REQ-2"), ("replace", "REQ-2")])
def test_update_existing_cases_with_the_strategy_for_references(resultd, testrail, strategy, refs):
    testrail.case_field("area", 6, items=["Cart", "Till"])
    wanted = testrail.case("t1", automation="shop.Cart.t1", refs="REQ-1", custom_area=1)
    pairs = [("testrail_case_field", "refs:REQ-2"), ("testrail_case_field", "area:Till"),
             ("testrail_case_field", "priority_id:4")]
    updated(resultd, testrail, {"cases": "fields", "refs": strategy}, *pairs)
    assert (wanted["refs"], wanted["custom_area"], wanted["title"]) == (refs, 2, "t1")
    updated(resultd, testrail, {"cases": "fields", "refs": strategy}, *pairs, ("x", "y"), key="again")
    assert len(testrail.calls("update_case")) == 1 and len(testrail.results()) == 2


def test_cases_are_not_updated_unless_that_is_asked_for(resultd, testrail):
    wanted = testrail.case("t1", automation="shop.Cart.t1", refs="REQ-1")
    updated(resultd, testrail, {"cases": "none"}, ("testrail_case_field", "refs:REQ-2"))
    assert wanted["refs"] == "REQ-1" and len(testrail.results()) == 1


def test_updating_may_begin_with_cases_that_are_known_already(resultd, testrail):
    wanted = testrail.case("t1", automation="shop.Cart.t1", refs="REQ-1")
    wanted["updated_on"] -= 86400
    updated(resultd, testrail, {"cases": "none"}, ("testrail_case_field", "refs:REQ-2"))
    updated(resultd, testrail, {"cases": "fields"}, ("testrail_case_field", "refs:REQ-2"), key="b")
    assert wanted["refs"] == "REQ-1, REQ-2"


def test_a_case_that_cannot_be_updated_keeps_no_result_back(resultd, testrail):
    testrail.case("t1", automation="shop.Cart.t1")
    testrail.always("update_case", 403)
    updated(resultd, testrail, {"cases": "fields"}, ("testrail_case_field", "refs:REQ-2"))
    assert "The case was not updated" in testrail.results()[0]["comment"]


def test_every_batch_has_its_cases_updated(resultd, testrail):
    for number in range(7):
        testrail.case(f"t{number}", automation=f"shop.Cart.t{number}")
    resultd.deliver_to(testrail, update={"cases": "fields"}, batch=2)
    resultd.imports(resultd.write("a.xml", junit(*[reported(f"t{number}", ("testrail_case_field", f"refs:R-{number}"))
                                                   for number in range(7)])))
    assert [row["refs"] for row in testrail.store.cases.values()] == [f"R-{number}" for number in range(7)]
    assert len(testrail.results()) == 7 and len(testrail.calls("update_case")) == 7


ALIKE = ("testrail_case_field", "priority_id:1")


def many(resultd, testrail, *odd, key="k", code=0):
    """Six tests that say the same of their cases, and what else is given."""
    resultd.deliver_to(testrail, update={"cases": "fields"})
    report = junit(*[reported(f"t{number}", ALIKE) for number in range(6)], *odd)
    return resultd.imports(resultd.write(f"{key}.xml", report), options=["--run-key", key], code=code)


@pytest.fixture
def six(testrail):
    return [testrail.case(f"t{number}", automation=f"shop.Cart.t{number}") for number in range(6)]


def test_cases_that_are_given_the_same_are_updated_in_one_request(resultd, testrail, six):
    odd = testrail.case("odd", automation="shop.Cart.odd", refs="A")
    many(resultd, testrail, reported("odd", ALIKE, ("testrail_case_field", "refs:B")))
    assert [row["priority_id"] for row in [*six, odd]] == [1] * 7 and odd["refs"] == "A, B"
    assert (len(testrail.calls("update_cases")), len(testrail.calls("update_case"))) == (1, 1)
    many(resultd, testrail, key="again")
    assert len(testrail.calls("update_cases")) == 1 and len(testrail.results()) == 13


def test_a_lost_answer_to_update_cases_is_simply_asked_again(resultd, testrail, six):
    testrail.fault("update_cases", after="reset")
    many(resultd, testrail)
    assert [row["priority_id"] for row in six] == [1] * 6 and len(testrail.results()) == 6


def test_a_server_without_update_cases_updates_one_by_one(resultd, testrail, six):
    testrail.missing.add("update_cases")
    many(resultd, testrail)
    assert [row["priority_id"] for row in six] == [1] * 6
    assert (len(testrail.calls("update_cases")), len(testrail.calls("update_case"))) == (1, 6)


def test_updates_that_are_too_large_keep_no_result_back(resultd, testrail, six):
    testrail.always("update_cases", Answer(413, "too large"))
    testrail.always("update_case", Answer(413, "too large"))
    many(resultd, testrail)
    assert len(testrail.results()) == 6 and len(testrail.calls("add_results_for_cases")) == 1
    assert (len(testrail.calls("update_cases")), len(testrail.calls("update_case"))) == (1, 6)
    assert all("The case was not updated" in result["comment"] for result in testrail.results())


def test_sections_that_cannot_be_read_park_the_delivery(resultd, testrail):
    resultd.deliver_to(testrail, create={"cases": True})
    testrail.always("get_sections", Answer(413, "too large"))
    resultd.imports(resultd.write("a.xml", junit(reported("t1"))), code=4)
    assert len(testrail.calls("get_sections")) == 1 and testrail.results() == []
    testrail.calm()
    assert resultd("queue", "retry").code == 0
    resultd.delivers()
    assert len(testrail.results()) == 1


def test_one_case_that_refuses_update_cases_costs_that_case_only(resultd, testrail, six):
    number = six[3]["id"]
    testrail.answers("update_cases", Answer(400, {"error": f"Field :case_ids contains an invalid ID ({number})."}))
    testrail.answers("update_case", None, None, None, Answer(400, {"error": "Field :priority_id is locked."}))
    many(resultd, testrail)
    assert [row["priority_id"] for row in six] == [1, 1, 1, 4, 1, 1]
    words = [row["comment"] or "" for row in testrail.results()]
    assert ["is locked" in word for word in words] == [False, False, False, True, False, False]


# ---- create.field, and what `check --online` says of the account ----

@pytest.mark.parametrize("lost", [False, True])
def test_the_automation_field_is_made_where_that_is_allowed(resultd, make_testrail, lost):
    testrail = make_testrail(automation=False)
    testrail.me["is_admin"] = True
    if lost:
        testrail.fault("add_case_field", after="reset")
    resultd.deliver_to(testrail, create={**CREATE, "field": True})
    assert resultd("check", "--online").code == 0 and testrail.store.case_fields == []
    resultd.imports(resultd.write("a.xml", junit(case("t1"))))
    field, = testrail.store.case_fields
    assert (field["system_name"], field["type_id"]) == ("custom_automation_id", 1)
    assert only_case(testrail)["custom_automation_id"] == "shop.Cart.t1"


def test_a_field_that_may_not_be_made_is_said(resultd, make_testrail):
    testrail = make_testrail(automation=False)
    resultd.deliver_to(testrail, create={**CREATE, "field": True})
    done = resultd.imports(resultd.write("a.xml", junit(case("t1"))), code=4)
    assert "create.field" in done.delivery()["last_error"] and testrail.store.cases == {}


def test_an_account_that_may_only_read_is_found_by_check(resultd, testrail):
    testrail.me["role"] = "Read-only"
    resultd.deliver_to(testrail)
    checked = resultd("check", "--online")
    assert checked.code == 2 and 'role "Read-only"' in checked.err
