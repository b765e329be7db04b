# SPDX-License-Identifier: Apache-2.0
"""Administration of AIO Tests, many things at once and files that AIO Tests reads, on Cloud and on Server."""

import pytest

from reports import case as junit_case
from reports import junit, method, testng
from tables import card, rows, said

FEATURE = """Feature: Cart
  @AT-TC-1 @smoke
  Scenario: Pay by card
    Given a cart
  Scenario: Refund
    Given a bill
"""


@pytest.fixture
def feature(resultd):
    path = resultd.folder / "cart.feature"
    path.write_text(FEATURE)
    return path


# ---- features ----

def test_features_make_and_change_cases(tcms, site, feature):
    site.case("old title", description="kept")
    tcms("cases", "import", feature)
    titles = [case["title"] for case in site.only_project.cases.values()]
    assert titles == ["Pay by card", "Refund"]
    call, = site.calls("import_feature")
    assert set(call.form) == {"file"} and call.form["file"].filename == "cart.feature"


def test_cases_of_features_are_given_what_is_said(tcms, site, feature):
    site.case("old title")
    site.store.add_field(site.only_project, "Team", where="case")
    told = tcms("cases", "import", feature, "--folder", "Shop", "--folder", "Cart", "--status", "Published",
                "--priority", "High", "--type", "Integration", "--automation-status", "Automated", "--tag", "bdd",
                "--precondition", "a shop", "--release", "10000", "--component", "10001", "--requirement", "10700",
                "--field", "Team=red", "--update-existing", "--automation-owner", "someone", "--wait")
    assert card(told.out)["Status"] == "COMPLETED"
    old, new = site.only_project.cases.values()
    assert (new["status"]["name"], new["priority"]["name"], new["type"]["name"]) == (
        "Published", "High", "Integration")
    assert site.store.folder_path(site.only_project, "case", new["folder"]["ID"]) == ["Shop", "Cart"]
    assert [tag["tag"]["name"] for tag in new["tags"]] == ["bdd"] and new["precondition"] == "a shop"
    assert (new["jiraReleaseIDs"], new["jiraComponentIDs"], new["jiraRequirementIDs"]) == ([10000], [10001], [10700])
    assert new["customFields"][0]["value"] == "red" and new["automationOwnerID"] == "someone"
    assert old["priority"]["name"] == "High" and "folder" not in old
    fields = site.calls("import_feature")[0].form["featureFileFields"]
    assert fields.content_type == "application/json"


def test_a_feature_that_cannot_be_read_is_refused_in_words(tcms, site, resultd):
    broken = resultd.write("broken.feature", "nothing of the kind")
    assert "could not be parsed" in tcms("cases", "import", broken, code=2).err
    assert "No such file" in tcms("cases", "import", "nothing.feature", code=2).err


# ---- reports ----

@pytest.fixture
def cycle(site):
    """A cycle with two of three cases."""
    cases = [site.case(title, automation=f"shop.Cart.{title}") for title in ("pay", "ship", "refund")]
    return site.cycle("c", cases[:2])


def test_a_report_is_imported_into_a_cycle(tcms, site, resultd, cycle):
    report = resultd.write("a.xml", junit(junit_case("pay"), junit_case("ship", failure="no"), junit_case("refund")))
    done = tcms("runs", "import", cycle["key"], report, "--new-run", "no")
    assert {row["NAME"]: row["STATUS"] for row in rows(done.out.split("3 cases")[0].strip())} == {
        "pay": "PASSED", "ship": "FAILED", "refund": "PASSED"}
    assert site.statuses_by_key() == {"AT-TC-1": ["Passed"], "AT-TC-2": ["Failed"], "AT-TC-3": ["Passed"]}
    call, = site.calls("import_results")
    assert call.query["type"] == "JUnit"
    assert said(tcms("runs", "import", cycle["key"], report, "--json"))["successCount"] == 3
    assert site.statuses_by_key()["AT-TC-1"] == ["Passed", "Passed"]


def test_flags_of_an_import_are_handed_on(tcms, site, resultd, cycle):
    report = resultd.write("b.xml", testng(method("pay"),
                                           class_name="shop.Cart"))
    tcms("runs", "import", cycle["key"], report, "--create-cases", "yes", "--add-cases", "no", "--ignore-class", "yes",
         "--update-datasets", "no", "--update-cases", "yes", "--update-steps", "yes", "--examples-as-cases", "yes",
         "--status-only", "yes", "--folder", "New", code=2)
    call, = site.calls("import_results")
    flags = {name: part.data.decode() for name, part in call.form.items() if name != "file"}
    folder, = site.only_project.folders["case"]
    assert call.query["type"] == "TestNG" and flags == {
        "createNewRun": "true", "addCaseToCycle": "false", "createCase": "true", "ignoreClassInAutoKey": "true",
        "updateDatasets": "false", "forceUpdateCase": "true", "bddForceUpdateCase": "true",
        "examplesAsCases": "true", "updateOnlyRunStatus": "true", "defaultFolder": str(folder)}


@pytest.mark.parametrize("text, tool", [
    ('<?xml version="1.0"?>\n<robot generator="Robot 7">', "Robot"), ('<test-run id="2">', "NUnit"),
    ('[{"uri":"a.feature"}]', "Cucumber"), ('{"collection":{}}', "Newman")])
def test_the_tool_is_seen_from_the_file(tcms, site, resultd, cycle, text, tool):
    tcms("runs", "import", cycle["key"], resultd.write("report.json" if text[0] in "[{" else "report.xml", text),
         code=2)
    assert site.calls("import_results")[0].query["type"] == tool


def test_a_report_of_no_known_tool_is_not_sent(tcms, site, resultd, cycle):
    report = resultd.write("a.xml", "<what/>")
    assert "which tool" in tcms("runs", "import", cycle["key"], report, code=2).err
    assert "--wait is for --batch" in tcms("runs", "import", cycle["key"], report, "--wait", code=2).err
    assert not site.calls("import_results")


def test_an_import_says_what_found_no_case(tcms, resultd, cycle):
    report = resultd.write("a.xml", junit(junit_case("pay"), junit_case("nobody")))
    done = tcms("runs", "import", cycle["key"], report, "--type", "junit", code=2)
    assert "1 cases are marked" in done.out and "shop.Cart.nobody: No case found" in done.err


def test_a_batch_is_followed_to_its_end(tcms, site, resultd, cycle):
    site.batch_polls = 4
    report = resultd.write("a.xml", junit(junit_case("pay")))
    done = tcms("runs", "import", cycle["key"], report, "--batch", "--wait")
    assert card(done.out)["Status"] == "COMPLETED" and len(site.calls("get_batch")) == 4
    later = card(tcms("runs", "import", cycle["key"], report, "--batch").out)
    assert later["Status"] == "QUEUED"
    assert card(tcms("batch", later["Batch"], "--wait").out)["Status"] == "COMPLETED"
    failed = resultd.write("f.xml", junit(junit_case("nobody")))
    done = tcms("runs", "import", cycle["key"], failed, "--batch", "--wait", code=2)
    assert (card(done.out)["Status"], card(done.out)["Cases in error"]) == ("FINISHED_WITH_ERROR", "1")


def test_a_batch_that_takes_longer_than_the_person_waits(tcms, site, resultd, cycle):
    site.batch_polls = 10000
    report = resultd.write("a.xml", junit(junit_case("pay")))
    done = tcms("runs", "import", cycle["key"], report, "--batch", "--wait", "--timeout", "60s", code=3)
    assert "is not over yet" in done.err and card(done.out)["Status"] == "RUNNING"


# ---- many runs ----

def test_fields_of_many_runs_are_changed(tcms, site, cycle):
    site.store.add_field(site.only_project, "Browser")
    done = tcms("runs", "change", cycle["key"], "--case", "AT-TC-1", "--case", "AT-TC-2", "--field", "Browser=fox",
                "--effort", "90s", "--status", "Blocked", "--defect", "10500", "--automated", "no")
    assert "2 runs are changed" in done.out
    for run in site.runs():
        assert (run["testRunStatus"]["name"], run["effort"], run["jiraDefectIDs"], run["isAutomated"]) == (
            "Blocked", 90, [10500], False)
        assert run["customFields"][0]["value"] == "fox"
    assert len(site.calls("update_fields")) == 1


@pytest.mark.parametrize("which, changed", [
    (["--was", "Failed"], ["AT-TC-2"]), (["--title", "pa"], ["AT-TC-1"]), (["--title", "pa", "--exact"], []),
    (["--automation-key", "shop.Cart.ship", "--exact"], ["AT-TC-2"]), (["--every"], ["AT-TC-1", "AT-TC-2"]),
    (["--was", "Failed", "--case", "AT-TC-1"], [])])
def test_runs_are_chosen_by_what_is_said(tcms, site, cycle, which, changed):
    site.runs()[1]["testRunStatus"] = site.only_project.status("Failed")
    told = said(tcms("runs", "change", cycle["key"], *which, "--effort", "7s", "--json"))
    assert sorted(told["processedData"]) == changed
    assert sorted(run["_association"]["_case"]["key"] for run in site.runs() if run["effort"] == 7) == changed


def test_runs_are_changed_in_a_batch(tcms, site, cycle):
    done = tcms("runs", "change", cycle["key"], "--run", str(site.runs()[0]["ID"]), "--status", "Passed", "--batch",
                "--wait")
    assert card(done.out)["Status"] == "COMPLETED" and site.statuses_by_key() == {
        "AT-TC-1": ["Passed"], "AT-TC-2": ["Not Run"]}


@pytest.mark.parametrize("options, words", [
    (["--status", "Passed"], "which runs?"), (["--every"], "what to change"),
    (["--every", "--status", "Passed", "--wait"], "--wait is for --batch"),
    (["--was", "Gone", "--status", "Passed"], "no run status"),
    ([word for number in range(101) for word in ("--case", f"AT-TC-{number}")] + ["--status", "Passed"],
     "at most 100")])
def test_a_change_that_makes_no_sense_is_not_made(tcms, site, cycle, options, words):
    assert words in tcms("runs", "change", cycle["key"], *options, code=2).err
    assert not site.calls("update_fields")


def test_what_a_change_is_refused_for_is_said(tcms, site, cycle):
    site.refuse_mark = lambda key, body: "Case execution is not allowed" if key == "AT-TC-2" else None
    done = tcms("runs", "change", cycle["key"], "--every", "--status", "Passed", code=2)
    assert "1 runs are changed" in done.out and "AT-TC-2: Case execution is not allowed" in done.err


def test_cases_are_brought_into_a_cycle_once(tcms, site, cycle):
    assert [row["CASE"] for row in rows(tcms("cycles", "add", cycle["key"], "AT-TC-3").out)] == ["AT-TC-3"]
    again = tcms("cycles", "add", cycle["key"], "AT-TC-3", "AT-TC-1")
    assert again.err.count("in the cycle already") == 2 and len(site.calls("add_case")) == 1
    tcms("cycles", "add", cycle["key"], "AT-TC-1", "--new-run", "--version", "1")
    assert site.statuses_by_key()["AT-TC-1"] == ["Not Run", "Not Run"]
    assert "AT-TC-99 does not exist" in tcms("cycles", "add", cycle["key"], "AT-TC-99", code=2).err


# ---- the past ----

def test_a_cycle_and_a_run_of_the_past(tcms, site):
    site.case("pay")
    site.store.add_field(site.only_project, "Browser")
    cycle = said(tcms("cycles", "create", "Release 1", "--created", "2025-03-01", "--json"))
    tcms("runs", "migrate", cycle["key"], "AT-TC-1", "--created", "2025-03-02T10:00:00Z", "--status", "Failed",
         "--effort", "2m", "--comment", "as it was", "--defect", "AT-7", "--executed-by", "someone",
         "--field", "Browser=fox", "--automated", "no")
    run, = site.runs()
    assert run["createdDate"] == run["updatedDate"] == 1740909600000
    assert (run["testRunStatus"]["name"], run["effort"], run["executedByID"], run["isAutomated"], run["_defects"]) == (
        "Failed", 120, "someone", False, ["AT-7"])
    assert site.comments(run) == ["as it was"] and site.only_cycle["createdDate"] == "2025-03-01T00:00:00.000Z"
    assert "when was it" in tcms("runs", "migrate", cycle["key"], "AT-TC-1", "--status", "Failed", code=2).err


# ---- files of fields and steps ----

def test_files_hang_on_fields_and_steps_once(tcms, site, resultd):
    case = site.case("pay", scriptType=site.only_project.script_types[0], steps=[{"stepType": "TEXT", "step": "open"}])
    cycle = site.cycle("c", [case])
    site.store.add_field(site.only_project, "Notes", "MULTI_LINE_TEXT", where="cycle")
    shot = resultd.folder / "shot.png"
    shot.write_bytes(b"\x89PNG\r\n\x1a\n pixels")
    step = str(case["steps"][0]["ID"])
    for args in (["cases", case["key"], "--field", "description"], ["cases", case["key"], "--field", "PRECONDITIONS"],
                 ["cases", case["key"], "--step", step],
                 ["cases", case["key"], "--step", step, "--field", "expected_results"],
                 ["cycles", cycle["key"], "--field", "OBJECTIVE"]):
        kind, key, *where = args
        tcms(kind, "attach", key, shot, *where)
        assert "there already" in tcms(kind, "attach", key, shot, *where).err
    tcms("cycles", "attach", cycle["key"], shot, "--field", "Notes")
    assert len(site.attached(case)) == 2 and len(site.attached(case["steps"][0])) == 2
    assert len(site.attached(cycle)) == 2
    assert "--field is one of STEP" in tcms("cases", "attach", case["key"], shot, "--step", step, "--field", "TITLE",
                                            code=2).err
    assert "no step" in tcms("cases", "attach", case["key"], shot, "--step", "1", code=2).err


def test_types_of_custom_fields(tcms):
    assert "MULTI_LINE_TEXT" in [row["TYPE"] for row in rows(tcms("fields", "types").out)]
