# SPDX-License-Identifier: Apache-2.0
"""Administration of AIO Tests from the command line, on Cloud and on Server."""

import zipfile

import pytest

from standins.http_server import Answer
from tables import card, rows, said


# ---- configuration ----

def test_the_configuration_in_one(tcms, site):
    found = rows(tcms("config").out)
    assert {row["LIST"] for row in found} >= {"run status", "step status", "case type", "script type", "adhoc cycle"}
    default, = [row for row in found if row["LIST"] == "case type" and row["NOTE"] == "default"]
    assert default["NAME"] == "Functional"
    assert said(tcms("config", "--json"))["runStatuses"] == site.only_project.run_statuses


@pytest.mark.parametrize("of, first", [(None, "Not Run"), ("run", "Not Run"), ("step", "Not Run"), ("case", "Draft"),
                                       ("automation", "Manual"), ("type", "Functional"), ("priority", "Critical"),
                                       ("script", "Classic")])
def test_each_list_by_itself(tcms, of, first):
    assert rows(tcms("statuses", *(["--of", of] if of else [])).out)[0]["NAME"] == first


def test_custom_fields_say_for_what_they_are_required(tcms, site):
    site.store.add_field(site.only_project, "Browser", "SINGLE_SELECT_LIST", statuses=["Failed", "Blocked"],
                         values=["Firefox", "Chromium"])
    row, = rows(tcms("fields").out)
    assert (row["NAME"], row["OF"], row["REQUIRED FOR"], row["VALUES"]) == (
        "Browser", "run", "Failed, Blocked", "Firefox, Chromium")


def test_tags_are_listed_and_made_once(tcms, site):
    assert "no tags" in tcms("tags").out
    assert [row["NAME"] for row in rows(tcms("tags", "add", "nightly", "linux").out)] == ["nightly", "linux"]
    tcms("tags", "add", "nightly")
    assert [tag["name"] for tag in said(tcms("tags", "--json"))] == ["nightly", "linux"]


def test_folders_are_a_tree(tcms, site):
    tcms("folders", "add", "CI", "nightly")
    tcms("folders", "add", "CI", "weekly")
    tcms("folders", "add", "--of", "cases", "Shop")
    assert [row["PATH"] for row in rows(tcms("folders").out)] == ["CI", "CI / nightly", "CI / weekly"]
    assert [row["PATH"] for row in rows(tcms("folders", "--of", "cases").out)] == ["Shop"]
    assert said(tcms("folders", "--json"))[0]["children"][1]["name"] == "weekly"
    assert "cycles and cases only" in tcms("folders", "add", "--of", "sets", "x", code=2).err


def test_what_a_server_lacks_is_said(tcms, site):
    site.missing.add("set_folders")
    assert "Not Found (HTTP 404)" in tcms("folders", "--of", "sets", code=2).err


# ---- cycles ----

def test_cycles_are_listed_searched_and_shown(tcms, site):
    for number in range(3):
        site.cycle(f"nightly {number}", objective="o", jiraTaskIDs=[f"AT-{number}"])
    assert [row["TITLE"] for row in rows(tcms("cycles", "list").out)][1:] == [f"nightly {n}" for n in range(3)]
    assert [row["key"] for row in said(tcms("cycles", "search", "--title", "nightly", "--json"))] == [
        "AT-CY-1", "AT-CY-2", "AT-CY-3"]
    assert "no such cycles" in tcms("cycles", "search", "--title", "nightly", "--exact").out
    assert [row["KEY"] for row in rows(tcms("cycles", "search", "--task", "AT-1", "--task", "AT-2").out)] == [
        "AT-CY-2", "AT-CY-3"]
    site.cycles[0]["isClosed"] = True
    assert [row["KEY"] for row in rows(tcms("cycles", "search", "--closed", "yes").out)] == ["AT-CY-1"]
    shown = card(tcms("cycles", "show", "AT-CY-2").out)
    assert (shown["Title"], shown["Objective"], shown["Tasks"], shown["Closed"]) == ("nightly 1", "o", "AT-1", "no")
    assert shown["Created (UTC)"].startswith("20")
    missing = tcms("cycles", "show", "AT-CY-9", code=2)
    assert "Cycle AT-CY-9 does not exist" in missing.err


def test_long_lists_come_in_pages(tcms, site):
    for number in range(230):
        site.case(f"case {number}")
    first = tcms("cases", "list", "--json")
    assert len(said(first)) == 100 and "--offset 100" in first.err and len(site.calls("list_cases")) == 1
    every = said(tcms("cases", "list", "--all", "--json"))
    assert [row["title"] for row in every] == [f"case {number}" for number in range(230)]
    assert len(site.calls("list_cases")) == 4
    few = tcms("cases", "list", "--limit", "3", "--offset", "225", "--json")
    assert [row["title"] for row in said(few)] == ["case 225", "case 226", "case 227"]
    site.no_is_last = True
    assert len(said(tcms("cases", "list", "--all", "--json"))) == 230


def test_a_cycle_is_made_with_all_that_it_can_have(tcms, site):
    site.store.add_field(site.only_project, "Build", "NUMBER", where="cycle")
    site.store.add_field(site.only_project, "Browser", "SINGLE_SELECT_LIST", where="cycle", values=["Firefox"])
    made = said(tcms("cycles", "create", "Release 1", "--objective", "o", "--folder", "CI", "--folder", "rel",
                     "--tag", "a", "--tag", "b", "--task", "AT-7", "--release", "10000", "--component", "10001",
                     "--starts", "2026-11-21", "--ends", "2026-11-22T10:00:00Z", "--field", "Build=17",
                     "--field", "browser=firefox", "--owner", "someone", "--json"))
    cycle = site.only_cycle
    assert made["key"] == cycle["key"] and (cycle["title"], cycle["objective"]) == ("Release 1", "o")
    assert site.store.folder_path(site.only_project, "cycle", cycle["folder"]["ID"]) == ["CI", "rel"]
    assert [tag["tag"]["name"] for tag in cycle["tags"]] == ["a", "b"]
    assert (cycle["jiraTaskIDs"], cycle["jiraReleaseIDs"], cycle["jiraComponentIDs"]) == (["AT-7"], [10000], [10001])
    assert (cycle["startDate"], cycle["endDate"]) == ("2026-11-21T00:00:00.000Z", "2026-11-22T10:00:00.000Z")
    assert [field["value"] for field in cycle["customFields"]] == [17, {"ID": 1, "value": "Firefox"}]
    assert cycle["ownedByID"] == "someone"


@pytest.mark.parametrize("options, words", [
    (["--release", "one"], "an id is meant"), (["--starts", "soon"], "no date"), (["--field", "x"], "NAME=VALUE"),
    (["--field", "Nothing=x"], "no custom field"), (["--field", "Build=x"], "is a number"), ([], "wants TITLE")])
def test_a_cycle_that_makes_no_sense_is_not_made(tcms, site, options, words):
    site.store.add_field(site.only_project, "Build", "NUMBER", where="cycle")
    assert words in tcms("cycles", "create", *(["T"] if options else []), *options, code=2).err
    assert site.cycles == []


def test_a_cycle_is_made_from_sets(tcms, site):
    cases = [site.case("a"), site.case("b"), site.case("draft", published=False)]
    smoke = site.store.add_set(site.only_project, {"title": "smoke"}, cases)
    assert rows(tcms("sets", "list").out)[0]["KEY"] == smoke["key"]
    assert "no such sets" in tcms("sets", "list", "--title", "nothing").out
    assert [row["CASE"] for row in rows(tcms("sets", "cases", smoke["key"]).out)] == [case["key"] for case in cases]
    tcms("cycles", "create-from-set", "from set", "--set", smoke["key"], "--folder", "CI")
    cycle = site.only_cycle
    assert len(cycle["_cases"]) == 2 and cycle["folder"]["name"] == "CI"
    assert "--set KEY" in tcms("cycles", "create-from-set", "T", code=2).err


def test_a_cycle_sums_up(tcms, site):
    cases = [site.case(title) for title in "abc"]
    cycle = site.cycle("c", cases)
    site.runs(cases[0])[0].update(testRunStatus=site.only_project.run_statuses[2], effort=3700)
    shown = card(tcms("cycles", "summary", cycle["key"]).out)
    assert (shown["Cases"], shown["Runs"], shown["Spent"]) == ("3", "3", "1h 1m 40s")
    assert sorted(shown["Latest"].split(", ")) == ["1 Passed", "2 Not Run"]
    assert said(tcms("cycles", "summary", cycle["key"], "--json"))["totalTests"] == 3
    listed = rows(tcms("cycles", "cases", cycle["key"]).out)
    assert [(row["CASE"], row["LATEST"]) for row in listed] == [
        ("AT-TC-1", "Passed"), ("AT-TC-2", "Not Run"), ("AT-TC-3", "Not Run")]


def test_a_cycle_is_locked_closed_and_opened_again(tcms, site):
    cycle = site.cycle("c")
    for verb, field, value in (("lock", "isLockedForEdit", True), ("unlock", "isLockedForEdit", False),
                               ("close", "isClosed", True), ("reopen", "isClosed", False)):
        tcms("cycles", verb, cycle["key"])
        assert cycle[field] is value


def test_a_cycle_is_deleted_by_its_title(tcms, site):
    cycle = site.cycle("Nightly", [site.case("a")])
    tcms("cycles", "delete", cycle["key"], code=2, stdin="nightly\n")
    assert "not empty" in tcms("cycles", "delete", cycle["key"], code=2, stdin="Nightly\n").err
    assert site.only_cycle is cycle
    tcms("cycles", "delete", cycle["key"], "--with-cases", "--confirm", "Nightly")
    assert site.cycles == [] and site.runs() == []


# ---- cases ----

def test_cases_are_searched_and_shown(tcms, site):
    site.case("Pay by card", automation="shop.Pay.card")
    site.case("Pay cash", published=False)
    assert [row["KEY"] for row in rows(tcms("cases", "search", "--title", "Pay").out)] == ["AT-TC-1", "AT-TC-2"]
    assert [row["KEY"] for row in rows(tcms("cases", "search", "--status", "Draft").out)] == ["AT-TC-2"]
    found, = said(tcms("cases", "search", "--automation-key", "shop.Pay.card", "--exact", "--json"))
    assert found["key"] == "AT-TC-1"
    assert [row["KEY"] for row in rows(tcms("cases", "search", "--key", "AT-TC-2", "--archived", "no").out)] == [
        "AT-TC-2"]
    assert "no case status" in tcms("cases", "search", "--status", "draft", code=2).err
    shown = card(tcms("cases", "show", "AT-TC-1").out)
    assert (shown["Title"], shown["Status"], shown["Automation key"]) == ("Pay by card", "Published", "shop.Pay.card")


def test_a_case_is_made(tcms, site):
    tcms("cases", "create", "Refund", "--automation-key", "shop.Refund", "--priority", "High", "--folder", "Shop",
         "--step", "open => it opens", "--step", "close", "--tag", "slow", "--requirement", "AT-3",
         "--description", "d")
    case, = site.only_project.cases.values()
    assert (case["status"]["name"], case["priority"]["name"], case["scriptType"]["name"]) == (
        "Published", "High", "Classic")
    assert case["automationStatus"]["name"] == "Automated" and case["folder"]["name"] == "Shop"
    assert [(step["step"], step.get("expectedResult")) for step in case["steps"]] == [
        ("open", "it opens"), ("close", None)]
    twin = tcms("cases", "create", "Again", "--automation-key", "shop.Refund", code=2)
    assert "already used" in twin.err and len(site.only_project.cases) == 1
    tcms("cases", "create", "By hand", "--status", "Draft")
    assert list(site.only_project.cases.values())[1]["automationStatus"]["name"] == "Manual"


# ---- runs ----

@pytest.fixture
def ran(site):
    """A cycle with one case of two steps, run once."""
    case = site.case("a", scriptType={"name": "Classic"}, steps=[{"stepType": "TEXT", "step": step} for step in "xy"])
    return site.cycle("c", [case]), case, site.runs(case)[0]


def test_a_case_is_marked(tcms, site, ran):
    cycle, case, run = ran
    site.store.add_field(site.only_project, "Reason")
    shown = card(tcms("runs", "update", cycle["key"], case["key"], "--status", "Failed", "--comment", "why",
                      "--comment", "how", "--effort", "2m", "--defect", "10500", "--field", "Reason=123",
                      "--automated", "no").out)
    assert (shown["Status"], shown["Run"], shown["Comments"]) == ("Failed", str(run["ID"]), "why, how")
    assert (run["effort"], run["jiraDefectIDs"], run["isAutomated"]) == (120, [10500], False)
    assert run["customFields"][0]["value"] == "123"
    tcms("runs", "update", cycle["key"], case["key"], "--status", "Passed", "--new-run")
    assert site.status_names(case) == ["Failed", "Passed"]
    assert "Run status Nope does not exist" in tcms("runs", "update", cycle["key"], case["key"], "--status", "Nope",
                                                    code=2).err
    assert "what to change" in tcms("runs", "update", cycle["key"], case["key"], code=2).err


def test_runs_are_shown_with_steps_and_comments(tcms, site, ran):
    cycle, case, run = ran
    tcms("runs", "comment", cycle["key"], case["key"], "seen")
    tcms("runs", "comment", cycle["key"], str(run["ID"]), "twice")
    for done in (tcms("runs", "latest", cycle["key"], case["key"]), tcms("runs", "show", cycle["key"], str(run["ID"]))):
        head, steps, comments = done.out.split("\n\n")
        assert card(head)["Status"] == "Not Run"
        assert [row["ACTION"] for row in rows(steps)] == ["x", "y"]
        assert [row["COMMENT"] for row in rows(comments)] == ["seen", "twice"]
    assert said(tcms("runs", "latest", cycle["key"], case["key"], "--json"))["ID"] == run["ID"]


def test_all_runs_of_a_cycle(tcms, site, ran):
    cycle, case, run = ran
    second = site.store.add_run(cycle["_cases"][case["ID"]])
    assert [row["RUN"] for row in rows(tcms("runs", "list", cycle["key"]).out)] == [str(second["ID"]), str(run["ID"])]
    listed, = said(tcms("runs", "list", cycle["key"], "--json"))
    assert [one["ID"] for one in listed["runs"]] == [second["ID"], run["ID"]]


def test_runs_are_wiped_by_their_number_only(tcms, site, ran):
    cycle, case, run = ran
    tcms("runs", "update", cycle["key"], case["key"], "--status", "Failed", "--comment", "c")
    tcms("runs", "reset", cycle["key"], str(run["ID"]), code=2, stdin="yes\n")
    assert site.status_names(case) == ["Failed"]
    done = tcms("runs", "reset", cycle["key"], str(run["ID"]), stdin=f"{run['ID']}\n")
    assert "wipes" in done.err and site.status_names(case) == ["Not Run"] and site.comments(run) == []
    assert "latest run" in tcms("runs", "delete", cycle["key"], str(run["ID"]), "--confirm", str(run["ID"]), code=2).err
    site.store.add_run(cycle["_cases"][case["ID"]])
    tcms("runs", "delete", cycle["key"], str(run["ID"]), "--confirm", str(run["ID"]))
    assert run not in site.runs()


def test_what_may_only_be_read_says_so(tcms, site, ran):
    cycle, case, _ = ran
    site.only_project.permission, site.only_project.permission_error = 1, "JIRA_PROJ_NO_ACCESS"
    assert card(tcms("cycles", "show", cycle["key"]).out)["Restricted"] == "JIRA_PROJ_NO_ACCESS"
    assert "do not have permission" in tcms("runs", "update", cycle["key"], case["key"], "--status", "Passed",
                                            code=2).err


def test_a_requirement_is_traced(tcms, site):
    covered = site.case("a", jiraRequirementIDs=["AT-7"])
    site.case("b", jiraRequirementIDs=["AT-7"])
    site.cycle("c", [covered])
    found = rows(tcms("traceability", "AT-7", "--runs", "5", "--days", "3").out)
    assert [(row["CASE"], row["STATUS"]) for row in found] == [("AT-TC-1", "Not Run"), ("AT-TC-2", "")]
    assert len(said(tcms("traceability", "AT-7", "--json", "--all-versions"))) == 2
    assert "No case covers it" in tcms("traceability", "AT-8").out


# ---- documents that are replaced whole ----

def test_a_cycle_keeps_what_is_not_named(tcms, site):
    site.store.add_field(site.only_project, "Build", "NUMBER", where="cycle")
    tcms("cycles", "create", "One", "--objective", "o", "--tag", "a", "--task", "AT-1", "--field", "Build=1",
         "--folder", "CI")
    cycle = site.only_cycle
    tcms("cycles", "update", cycle["key"], "--title", "Two", "--tag", "b", "--field", "Build=2")
    assert (cycle["title"], cycle["objective"], cycle["jiraTaskIDs"]) == ("Two", "o", ["AT-1"])
    assert [tag["tag"]["name"] for tag in cycle["tags"]] == ["a", "b"]
    assert [field["value"] for field in cycle["customFields"]] == [2] and cycle["folder"]["name"] == "CI"
    assert said(tcms("cycles", "update", cycle["key"], "--task", "AT-2", "--json"))["jiraTaskIDs"] == ["AT-2"]
    assert "what to change" in tcms("cycles", "update", cycle["key"], code=2).err
    assert all(call.query["needDataInRTF"] == "true" for call in site.calls("put_cycle"))


def test_a_case_keeps_what_is_not_named(tcms, site):
    tcms("cases", "create", "Pay", "--automation-key", "shop.Pay", "--step", "go", "--description", "d", "--tag", "t")
    tcms("cases", "update", "AT-TC-1", "--title", "Pay all", "--priority", "Low", "--tag", "t", "--status", "Draft")
    case, = site.only_project.cases.values()
    assert (case["title"], case["priority"]["name"], case["status"]["name"]) == ("Pay all", "Low", "Draft")
    assert (case["automationKey"], case["description"], case["steps"][0]["step"]) == ("shop.Pay", "d", "go")
    assert [tag["tag"]["name"] for tag in case["tags"]] == ["t"]
    assert "priority Huge does not exist" in tcms("cases", "update", "AT-TC-1", "--priority", "Huge", code=2).err


def test_steps_of_a_run_are_marked(tcms, site, ran):
    cycle, case, run = ran
    tcms("runs", "comment", cycle["key"], case["key"], "before")
    tcms("runs", "steps", cycle["key"], case["key"], "1=passed", "2=Failed: no such page", "--status", "Failed")
    assert [step["testRunStepStatus"]["name"] for step in run["testRunSteps"]] == ["Passed", "Failed"]
    assert run["testRunSteps"][1]["actualResult"] == "no such page" and site.status_names(case) == ["Failed"]
    tcms("runs", "steps", cycle["key"], str(run["ID"]), "2=Blocked")
    assert [step["testRunStepStatus"]["name"] for step in run["testRunSteps"]] == ["Passed", "Blocked"]
    assert site.comments(run) == ["before"] and site.status_names(case) == ["Failed"]
    for change, words in (("3=Passed", "no step 3"), ("0=Passed", "no step 0"), ("1=Great", "no status of a step"),
                          ("Passed", "N=STATUS")):
        assert words in tcms("runs", "steps", cycle["key"], case["key"], change, code=2).err


# ---- files, batches, sets ----

def test_files_are_attached_once(tcms, site, resultd, ran):
    cycle, case, run = ran
    shot = resultd.folder / "shot.png"
    shot.write_bytes(b"\x89PNG\r\n\x1a\n pixels")
    text = resultd.folder / "server.log"
    text.write_text("one line\n")
    sent = rows(tcms("runs", "attach", cycle["key"], case["key"], shot, text).out)
    assert [(row["NAME"], row["TYPE"]) for row in sent] == [("shot.png", "image/png"), ("server.log", "text/plain")]
    again = tcms("runs", "attach", cycle["key"], str(run["ID"]), shot)
    assert "there already" in again.err and len(site.attached(run)) == 2
    tcms("runs", "attach", cycle["key"], str(run["ID"]), shot, "--again")
    assert [name for name, _, _ in site.attached(run)] == ["shot.png", "server.log", "shot.png"]
    step = run["testRunSteps"][1]
    tcms("runs", "attach", cycle["key"], case["key"], shot, "--step", str(step["ID"]))
    assert site.attached(step)[0][2] == shot.read_bytes()
    assert "no step" in tcms("runs", "attach", cycle["key"], case["key"], shot, "--step", "1", code=2).err
    tcms("cycles", "attach", cycle["key"], text)
    tcms("cases", "attach", case["key"], text)
    assert len(site.attached(cycle)) == len(site.attached(case)) == 1
    assert "there already" in tcms("cycles", "attach", cycle["key"], text).err
    assert "No such file" in tcms("cycles", "attach", cycle["key"], "nothing.png", code=2).err
    assert "not a file" in tcms("cycles", "attach", cycle["key"], resultd.folder, code=2).err
    program = resultd.folder / "a.exe"
    program.write_bytes(b"MZ\0\0")
    assert "nsupported" in tcms("cycles", "attach", cycle["key"], program, code=2).err


def test_a_file_is_fetched_and_overwrites_nothing(tcms, site, resultd, ran):
    cycle, _, run = ran
    data = bytes(range(256)) * 100
    (resultd.folder / "a.zip").write_bytes(data)
    tcms("cycles", "attach", cycle["key"], resultd.folder / "a.zip")
    number = str(cycle["_attachments"][0]["ID"])
    target = resultd.folder / "back.zip"
    tcms("attachments", "get", number, target)
    assert target.read_bytes() == data
    assert "File exists" in tcms("attachments", "get", number, target, code=2).err
    assert "does not exist" in tcms("attachments", "get", "1", resultd.folder / "b", code=2).err


def test_cases_are_exported_as_features(tcms, site, resultd):
    site.case("Pay")
    site.case("Refund")
    target = resultd.folder / "features.zip"
    tcms("cases", "export", target, "--title", "Pay", "--group", "folder")
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["AT-TC-1.feature"]


def test_sets_are_made_and_filled(tcms, site):
    case = site.case("a")
    made = said(tcms("sets", "create", "smoke", "--objective", "o", "--tag", "t", "--json"))
    tcms("sets", "add", made["key"], case["key"])
    done = tcms("sets", "add", made["key"], case["key"], "AT-TC-99", code=2)
    assert "1 cases are in the set" in done.out and "AT-TC-99: Case AT-TC-99 does not exist" in done.err
    assert site.only_project.sets[made["ID"]]["_cases"] == [case["ID"]]


def test_old_runs_are_cleaned_up(tcms, site, ran):
    cycle, case, run = ran
    site.store.add_run(cycle["_cases"][case["ID"]])
    run["createdDate"] -= 40 * 86400000
    assert "--older-than" in tcms("cycles", "cleanup", cycle["key"], code=2).err
    tcms("cycles", "cleanup", cycle["key"], "--older-than", "30", code=2, stdin="no\n")
    assert len(site.runs(case)) == 2
    tcms("cycles", "cleanup", cycle["key"], "--older-than", "30", "--confirm", cycle["key"])
    assert len(site.runs(case)) == 1 and run not in site.runs(case)


def test_parameters_and_batches(tcms, site):
    site.only_project.parameters.append({"ID": 7, "name": "Login", "archived": False, "values": ["a", "b"]})
    assert rows(tcms("parameters").out)[0]["VALUES"] == "a, b"
    batch = site.new_batch("x.xml", 5, {"errorCount": 0})
    assert card(tcms("batch", batch["batchId"]).out)["Status"] == "RUNNING"
    assert said(tcms("batch", batch["batchId"], "--json"))["status"] == "COMPLETED"


# ---- what all of them share ----

def test_another_project_than_the_sinks(tcms, site):
    site.project("OTHER", 10020)
    assert rows(tcms("cycles", "list", "--project", "OTHER").out)[0]["KEY"] == "OTHER-CY-Adhoc"
    assert "NO" in tcms("tags", "--project", "NO", code=2).err


def test_a_disabled_project_is_no_wrong_login(tcms, site):
    site.only_project.enabled = False
    assert "not enabled for this project" in tcms("config", code=2).err


def test_the_login_is_refused_in_words(tcms, site):
    site.token = site.password = "another"
    assert "login is refused" in tcms("config", code=2).err


def test_a_429_without_a_word_is_waited_out(tcms, site):
    site.answers("create_cycle", Answer(429, "Too many requests"))
    assert "for 60 s" in tcms("cycles", "create", "x").err
    assert len(site.cycles) == 1


@pytest.mark.parametrize("endpoint, args", [("get_tags", ["tags"]), ("add_tags", ["tags", "add", "x"]),
                                            ("cycle_folder_path", ["folders", "add", "x"]),
                                            ("search_cycles", ["cycles", "search", "--title", "x"])])
def test_what_may_be_repeated_is_repeated(tcms, site, endpoint, args):
    site.fault(endpoint, after="empty")
    tcms(*args)
    assert len(site.calls(endpoint)) == 2


def test_a_lost_answer_of_a_write_is_said_and_not_repeated(tcms, site):
    site.fault("create_cycle", after="empty")
    assert "may have happened" in tcms("cycles", "create", "x", code=3).err
    assert len(site.cycles) == 1


def test_foreign_text_cannot_steer_a_terminal(tcms, site):
    site.cycle("evil\x1b[2J\x9b31m\nline")
    done = tcms("cycles", "list")
    assert "\x1b" not in done.out and "\x9b" not in done.out and len(done.out.splitlines()) == 3
    assert "\x1b" not in tcms("cycles", "show", "AT-CY-1").out


def test_help_tells_verbs_and_options(resultd):
    every = resultd("aio", "--help")
    assert every.code == 0 and "cycles create-from-set TITLE" in every.out and "traceability ISSUE" in every.out
    assert "--automation-key" in resultd("aio", "cases", "create", "--help").out
    assert resultd("aio", "cycles").code == 2
