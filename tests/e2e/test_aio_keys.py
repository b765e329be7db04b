# SPDX-License-Identifier: Apache-2.0
"""Keys of a sink for AIO Tests, one by one: what each asks for happens, on Cloud and on Server.

Those of cycles' folders, tags and ends, of matching and of statuses are in test_aio_delivery.py.
"""

import pytest

from reports import case, junit, method, suite, testng


def known(site, count):
    return [site.case(f"case {number}", automation=f"shop.Cart.t{number}")["key"] for number in range(count)]


def tests(count, **attributes):
    return [case(f"t{number}", **attributes) for number in range(count)]


def delivers(resultd, site, report=None, code=0, options=(), **keys):
    resultd.deliver_to_aio(site, **keys)
    return resultd.imports(resultd.write("a.xml", report or junit(*tests(1))), code=code, options=options)


# ---- cycle ----

def test_a_cycle_has_owner_components_dates_and_objective(resultd, site):
    known(site, 1)
    delivers(resultd, site, cycle={"owner": "someone", "components": ["10001", "10002"], "releases": ["10003"],
                                   "start_on": "2026-11-01", "due_on": "2026-11-30T12:00:00Z",
                                   "objective": "of {run.name}", "tasks": ["AT-7", "{issue}"]},
             options=["--run-name", "N 1", "--set", "issue=AT-8"])
    cycle = site.only_cycle
    assert (cycle["ownedByID"], cycle["jiraComponentIDs"], cycle["jiraReleaseIDs"]) == (
        "someone", [10001, 10002], [10003])
    assert (cycle["startDate"], cycle["endDate"]) == ("2026-11-01T00:00:00.000Z", "2026-11-30T12:00:00.000Z")
    assert cycle["objective"].startswith("of N 1\n\nrd-") and cycle["jiraTaskIDs"] == ["AT-7", "AT-8"]


def test_a_cycle_begins_when_its_run_did(resultd, site):
    known(site, 1)
    delivers(resultd, site, junit(suite(*tests(1), timestamp="2026-11-20T10:00:00Z")))
    assert site.only_cycle["startDate"] == "2026-11-20T10:00:00.000Z" and "endDate" not in site.only_cycle


@pytest.mark.parametrize("cycle, words", [({"start_on": "soon"}, 'cycle.start_on: "soon" is no date'),
                                          ({"name": "{nothing}"}, "nothing"),
                                          ({"fields": {"Nothing": "x"}}, 'no custom field "Nothing"')])
def test_a_cycle_that_cannot_be_described_parks_the_run_with_its_reason(resultd, site, cycle, words):
    known(site, 1)
    done = delivers(resultd, site, code=4, cycle=cycle)
    assert words in done.delivery("aio")["last_error"] and not site.cycles


@pytest.mark.parametrize("kind, text, value", [
    ("SINGLE_LINE_TEXT", "{run.name}", "N"), ("NUMBER", "17", 17), ("NUMBER", "-3.5", -3.5), ("BOOLEAN", "yes", True),
    ("BOOLEAN", "no", False), ("SINGLE_SELECT_LIST", "auto", {"ID": 1, "value": "Auto"}),
    ("MULTI_SELECT_LIST", "hand, AUTO", [{"ID": 2, "value": "Hand"}, {"ID": 1, "value": "Auto"}]),
    ("MULTI_USER_SELECTOR", "a1, b2", ["a1", "b2"]), ("URL", "http://x/{run.name}", "http://x/N")])
def test_custom_fields_are_written_as_their_type_wants_it(resultd, site, kind, text, value):
    known(site, 1)
    values = ["Auto", "Hand"] if "LIST" in kind else []
    for where in ("cycle", "run"):
        site.store.add_field(site.only_project, f"Of {where}", kind, where=where, values=values)
    delivers(resultd, site, options=["--run-name", "N"], cycle={"fields": {"of cycle": text}},
             result={"fields": {"of run": text}})
    assert site.only_cycle["customFields"][0]["value"] == value
    assert site.runs()[0]["customFields"][0]["value"] == value


def test_a_cycle_is_made_from_sets_and_marked(resultd, site):
    one, two, three = known(site, 3)
    cases = list(site.only_project.cases.values())
    smoke = site.store.add_set(site.only_project, {"title": "smoke"}, cases[:2])
    delivers(resultd, site, junit(*tests(1)), cycle={"sets": [smoke["key"]], "folder": ["CI"]})
    assert site.statuses_by_key() == {one: ["Passed"], two: ["Not Run"]}
    assert site.only_cycle["folder"]["name"] == "CI" and three not in site.statuses_by_key()


# ---- cases that are made ----

def test_a_case_that_is_made_is_given_what_is_configured(resultd, site):
    delivers(resultd, site, create={"cases": True, "type": "integration", "priority": "Low", "status": "Published",
                                    "automation_status": "In Progress", "script_type": "BDD"})
    made, = site.only_project.cases.values()
    assert [made[name]["name"] for name in ("type", "priority", "status", "automationStatus", "scriptType")] == [
        "Integration", "Low", "Published", "In Progress", "BDD"]


@pytest.mark.parametrize("key, name", [("type", "Odd"), ("priority", "Odd"), ("status", "Odd"),
                                       ("automation_status", "Odd"), ("script_type", "Odd")])
def test_what_a_project_does_not_know_is_said_with_what_it_knows(resultd, site, key, name):
    resultd.deliver_to_aio(site, create={"cases": True, key: name})
    done = resultd("check", "--online")
    assert done.code == 2 and f'create.{key}: no "Odd" in this project; there are: ' in done.err + done.out


# ---- results ----

def test_what_finds_no_case_is_parked_or_ignored(resultd, site):
    known(site, 1)
    done = delivers(resultd, site, junit(*tests(2)), code=4, unmatched="park")
    assert (done.delivery("aio")["posted"], done.delivery("aio")["parked"]) == (1, 1)
    done = delivers(resultd, site, junit(*tests(2)), unmatched="ignore", options=["--run-key", "second"])
    assert (done.delivery("aio")["posted"], done.delivery("aio")["ignored"]) == (1, 1)


@pytest.mark.parametrize("several, statuses", [("worst", ["Failed"]), ("last", ["Passed"]),
                                               ("each", ["Failed", "Passed"])])
def test_several_tests_of_one_case(resultd, site, several, statuses):
    key, = known(site, 1)
    delivers(resultd, site, junit(case(f"{key} first", failure="no"), case(f"{key} then")), several=several)
    assert site.statuses_by_key() == {key: statuses}


def test_a_case_that_may_only_be_read_is_parked_with_its_reason_and_not_retried(resultd, site):
    good, theirs = known(site, 2)
    list(site.only_project.cases.values())[1]["_permission"] = 1
    done = delivers(resultd, site, junit(*tests(2)), code=4)
    assert site.statuses_by_key() == {good: ["Passed"]} and done.delivery("aio")["parked"] == 1
    asked = len(site.calls())
    assert "do not have permission" in resultd("queue", "show", str(done.receipt["runs"][0]["id"])).out
    resultd.delivers()
    assert len(site.calls()) == asked


@pytest.mark.parametrize("time, effort", [("0.2", 0), ("0.5", 1), ("61.4", 61)])
def test_effort_is_in_whole_seconds(resultd, site, time, effort):
    known(site, 1)
    delivers(resultd, site, junit(*tests(1, time=time)))
    assert site.runs()[0]["effort"] == effort


def test_on_unknown_hold_leaves_the_decision_to_a_person(resultd, site):
    known(site, 1)
    resultd.deliver_to_aio(site, on_unknown="hold")
    site.fault("create_cycle", before="reset")
    done = resultd.imports(resultd.write("a.xml", junit(*tests(1))), code=4)
    assert "on_unknown: hold" in done.delivery("aio")["last_error"] and not site.cycles
    assert resultd("queue", "retry", "--reason", "unknown").code == 0
    resultd.delivers()
    assert len(site.cycles) == 1 and len(site.runs()) == 1


# ---- mode: import ----

def test_the_importer_is_told_what_is_configured(resultd, site):
    site.case("pay", automation="shop.CartTest.pay")
    delivers(resultd, site, testng(method("pay")), mode="import",
             **{"import": {"type": "testng", "update_datasets": False, "force_update": True}})
    call, = site.calls("import_results")
    flags = {name: part.data.decode() for name, part in call.form.items() if name != "file"}
    assert call.query["type"] == "TestNG" and flags == {
        "createNewRun": "false", "addCaseToCycle": "true", "createCase": "false", "ignoreClassInAutoKey": "false",
        "updateDatasets": "false", "forceUpdateCase": "true"}


@pytest.mark.parametrize("batch", [False, True])
def test_the_importer_finds_cases_by_the_method_alone(resultd, site, batch):
    """Their automation keys are not the ones that we know of the tests: its answer tells which case it was."""
    keys = [site.case(name, automation=name)["key"] for name in ("pay", "ship")]
    done = delivers(resultd, site, junit(case("pay"), case("ship", failure="no"), case("new")), mode="import", code=4,
                    **{"import": {"ignore_class": True, "batch": batch}})
    assert site.statuses_by_key() == {keys[0]: ["Passed"], keys[1]: ["Failed"]}
    assert (done.delivery("aio")["posted"], done.delivery("aio")["parked"]) == (2, 1)
    upload, = site.calls("import_batch" if batch else "import_results")
    assert upload.form["ignoreClassInAutoKey"].data == b"true"


def test_what_the_importer_finds_no_case_for_is_ignored_by_choice(resultd, site):
    known(site, 1)
    done = delivers(resultd, site, junit(*tests(2)), mode="import", unmatched="ignore")
    assert (done.delivery("aio")["posted"], done.delivery("aio")["ignored"]) == (1, 1)


@pytest.mark.parametrize("name, tool", [("testng-results.xml", "TestNG"), ("TEST-a.xml", "JUnit")])
def test_the_importer_is_told_the_tool_by_the_name_of_the_report(resultd, site, name, tool):
    site.case("pay", automation="shop.CartTest.pay" if tool == "TestNG" else "shop.Cart.pay")
    resultd.deliver_to_aio(site, mode="import")
    resultd.imports(resultd.write(name, testng(method("pay")) if tool == "TestNG" else junit(case("pay"))))
    assert site.calls("import_results")[0].query["type"] == tool and len(site.runs()) == 1
