# SPDX-License-Identifier: Apache-2.0
"""Results carried to AIO Tests, on Cloud and on Server: cycles, marks, cases, closing."""

import pytest

from reports import case, junit, numbered, suite
from standins.http_server import Answer


@pytest.fixture(params=["cloud", "server"])
def either(request, make_aio):
    return make_aio(request.param, "/jira" if request.param == "server" else "")


def keys(aio, count, **more):
    return [aio.case(f"case {number}", **more)["key"] for number in range(count)]


def named(*names, **attributes):
    return junit(*[case(name, **attributes) for name in names])


def known(aio, count):
    """Cases that the tests of reports.numbered() find by their automation keys."""
    return [aio.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}") for number in range(1, count + 1)]


# ---- the plain way ----

def test_results_reach_the_cases_that_their_names_tell(resultd, either):
    one, two = keys(either, 2)
    resultd.deliver_to_aio(either)
    done = resultd.imports(resultd.write("a.xml", junit(
        case(f"{one} pays"), case(f"ships_{two.replace('-', '_')}", failure="too late", time="2.6"))),
        options=["--run-name", "N 1"])
    cycle = either.only_cycle
    assert cycle["title"] == "N 1" and not cycle["isClosed"]
    assert either.statuses_by_key() == {one: ["Passed"], two: ["Failed"]}
    assert done.delivery("aio")["posted"] == 2 and done.delivery("aio")["remote_id"] == cycle["key"]
    passed, failed = either.runs()
    assert "too late" in either.comments(failed)[0] and not either.comments(passed)
    assert failed["effort"] == 3 and failed["isAutomated"]
    assert len(either.calls()) == 3             # configuration, cycle, marks


def test_results_reach_cases_by_automation_key(resultd, either):
    cases = known(either, 3)
    resultd.deliver_to_aio(either)
    resultd.imports(resultd.write("a.xml", numbered(3)))
    assert either.statuses_by_key() == {one["key"]: ["Passed"] for one in cases}


def test_a_title_finds_a_case_where_that_is_asked_for(resultd, aio):
    wanted = aio.case("pays by <card> & more")
    resultd.deliver_to_aio(aio, match=["title"])
    resultd.imports(resultd.write("a.xml", named("pays by <card> & more")))
    assert aio.statuses_by_key() == {wanted["key"]: ["Passed"]}


def test_a_token_pat_or_password_logs_in_and_a_wrong_one_pauses(resultd, aio_server):
    one, = keys(aio_server, 1)
    entry = resultd.aio(aio_server)
    pat = resultd.folder / "pat"
    pat.write_text(aio_server.pat)
    pat.chmod(0o600)
    del entry["user"], entry["password"]
    resultd.configure({"aio": {**entry, "pat": {"file": str(pat)}}})
    resultd.imports(resultd.write("a.xml", named(one)))
    assert aio_server.statuses_by_key() == {one: ["Passed"]}


@pytest.mark.parametrize("wrong, words", [
    ({"user": "x"}, "the cloud takes token only"),
    ({"deployment": "server"}, "token is for the cloud"),
    ({"create": {"cases": True}, "match": ["ref"]}, "create.cases needs automation or title"),
    ({"cycle": {"key": "AT-CY-1", "reuse": True}}, "cycle.reuse"),
    ({"cycle": {"releases": ["1.0"]}}, "is no number"),
    ({"statuses": {"passed": ""}}, "statuses.passed is empty"),
])
def test_what_cannot_work_is_refused_at_the_start(resultd, aio, wrong, words):
    resultd.deliver_to_aio(aio, **wrong)
    done = resultd("check")
    assert done.code == 2 and words in done.err and not aio.calls()


def test_check_online_verifies_the_project_and_the_statuses(resultd, aio):
    resultd.deliver_to_aio(aio, statuses={"skipped": "Skipped"})
    done = resultd("check", "--online")
    assert done.code == 2 and 'statuses.skipped: no run status "Skipped"' in done.err + done.out
    assert "Blocked" in done.err + done.out
    resultd.deliver_to_aio(aio, project="NO")
    assert resultd("check", "--online").code == 2
    resultd.deliver_to_aio(aio, statuses={"skipped": "blocked", "error": "5"})
    assert resultd("check", "--online").code == 0
    assert not [call for call in aio.calls() if call.applied]


def test_keys_of_other_projects_and_of_no_case_are_left_alone(resultd, aio):
    one, = keys(aio, 1)
    aio.project("XY", 10020)
    other = aio.case("foreign", project=aio.store.projects[1])
    found = aio.case("by key", automation="shop.Cart.AT-TC-4711 gone")
    resultd.deliver_to_aio(aio)
    done = resultd.imports(resultd.write("a.xml", named(one, f"{other['key']} foreign", "AT-TC-4711 gone",
                                                        "AT-TC-4712 nobody")), code=4)
    assert aio.statuses_by_key() == {one: ["Passed"], found["key"]: ["Passed"]}
    assert done.delivery("aio")["parked"] == 2


def test_a_key_of_no_case_is_looked_for_in_the_list_once_where_only_keys_match(resultd, aio):
    one, = keys(aio, 1)
    resultd.deliver_to_aio(aio, match=["ref"])
    for number in range(2):
        done = resultd.imports(resultd.write(f"{number}.xml", named(f"{one} {number}", f"AT-TC-4711 {number}")), code=4)
        assert done.delivery("aio")["posted"] == 1 and done.delivery("aio")["parked"] == 1
    assert len(aio.calls("list_cases")) == 1 and len(aio.calls("mark_bulk")) == 2


def test_one_test_may_name_several_cases_and_several_tests_one(resultd, aio):
    one, two = keys(aio, 2)
    resultd.deliver_to_aio(aio)
    resultd.imports(resultd.write("a.xml", junit(case(f"{one} {two} both"), case(f"{two} other", failure="no"))))
    assert aio.statuses_by_key() == {one: ["Passed"], two: ["Failed"]}


def test_a_project_may_be_given_by_its_number(resultd, aio):
    one, = keys(aio, 1)
    resultd.deliver_to_aio(aio, project="10010")
    resultd.imports(resultd.write("a.xml", named(one)))
    assert aio.statuses_by_key() == {one: ["Passed"]}


# ---- cycles ----

def test_a_cycle_gets_what_the_configuration_says(resultd, either):
    one, = keys(either, 1)
    either.store.add_field(either.only_project, "Stage", where="cycle")
    either.store.add_field(either.only_project, "Kind", "SINGLE_SELECT_LIST", where="cycle", values=["Auto", "Hand"])
    resultd.deliver_to_aio(either, cycle={
        "name": "{job} {run.name}", "folder": ["CI", "{job}"], "objective": "By CI", "tags": ["nightly", "{job}"],
        "tasks": ["AT-9"], "releases": ["10100"], "due_on": "2026-12-01", "close": True, "lock": True,
        "fields": {"stage": "{job}", "Kind": "auto"}})
    for number in (1, 2):
        resultd.imports(resultd.write(f"{number}.xml", named(f"{one} {number}")),
                        options=["--run-name", f"N {number}", "--set", "job=shop"])
    first, second = either.cycles
    assert [first["title"], second["title"]] == ["shop N 1", "shop N 2"]
    assert first["isClosed"] and first["isLockedForEdit"]
    assert first["objective"].startswith("By CI\n\nrd-")
    assert first["jiraTaskIDs"] == ["AT-9"] and first["jiraReleaseIDs"] == [10100]
    assert [(field["name"], field["value"]) for field in first["customFields"]] == [
        ("Stage", "shop"), ("Kind", {"ID": 1, "value": "Auto"})]
    assert [tag["tag"]["name"] for tag in first["tags"]] == ["nightly", "shop"]
    assert first["folder"]["ID"] == second["folder"]["ID"] and first["folder"]["name"] == "shop"
    assert len(either.calls("cycle_folder_path")) == 1 and len(either.calls("add_tags")) == 1
    assert len(either.calls("get_config")) == 1


def test_a_named_cycle_gets_new_runs_first_and_is_not_overwritten(resultd, either):
    one, two = keys(either, 2)
    yesterday = either.cycle("Regression", cases=list(either.only_project.cases.values())[:1])
    either.runs()[0]["testRunStatus"] = either.only_project.status("Failed")
    resultd.deliver_to_aio(either, cycle={"key": yesterday["key"]})
    resultd.imports(resultd.write("a.xml", named(one, two)))
    assert either.statuses_by_key() == {one: ["Failed", "Passed"], two: ["Passed"]}
    assert either.cycles == [yesterday]


def test_a_cycle_is_found_by_its_title_and_the_oldest_of_several_is_said(resultd, either):
    one, = keys(either, 1)
    closed = either.cycle("Weekly")
    closed["isClosed"] = True
    first, _second = either.cycle("Weekly"), either.cycle("Weekly")
    either.cycle("weekly")
    resultd.deliver_to_aio(either, cycle={"name": "Weekly", "reuse": True})
    done = resultd.imports(resultd.write("a.xml", named(one)))
    assert either.statuses_by_key(first) == {one: ["Passed"]} and len(either.cycles) == 4
    assert f"the oldest, {first['key']}" in done.err
    resultd.deliver_to_aio(either, cycle={"name": "Monthly", "reuse": True})
    for number in (1, 2):
        resultd.imports(resultd.write(f"{number}.xml", named(f"{one} {number}")))
    assert len(either.cycles) == 5 and either.statuses_by_key(either.cycles[-1]) == {one: ["Passed", "Passed"]}


@pytest.mark.parametrize("state, words", [("isClosed", "closed"), ("isArchived", "archived")])
def test_a_named_cycle_that_takes_nothing_parks_the_run(resultd, aio, state, words):
    one, = keys(aio, 1)
    cycle = aio.cycle("Old")
    cycle[state] = True
    resultd.deliver_to_aio(aio, cycle={"key": cycle["key"]})
    done = resultd.imports(resultd.write("a.xml", named(one)), code=4)
    assert words in done.delivery("aio")["last_error"] and not aio.runs()


def test_a_locked_cycle_takes_results_of_its_own_cases_only(resultd, aio):
    one, two = keys(aio, 2)
    cycle = aio.cycle("Locked", cases=list(aio.only_project.cases.values())[:1])
    cycle["isLockedForEdit"] = True
    resultd.deliver_to_aio(aio, cycle={"key": cycle["key"]})
    done = resultd.imports(resultd.write("a.xml", named(one, two)), code=4)
    assert aio.statuses_by_key() == {one: ["Not Run", "Passed"]} and done.delivery("aio")["parked"] == 1


def test_a_read_only_cycle_is_parked_with_its_reason(resultd, aio):
    one, = keys(aio, 1)
    cycle = aio.cycle("Theirs")
    cycle["_permission"] = 1
    resultd.deliver_to_aio(aio, cycle={"key": cycle["key"]})
    done = resultd.imports(resultd.write("a.xml", named(one)), code=4)
    assert "read-only" in done.delivery("aio")["last_error"]
    assert not [call for call in aio.calls() if call.applied]


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_site_that_cannot_make_folders_gets_its_cycle_without(resultd, aio, status):
    one, = keys(aio, 1)
    aio.refuse_folders = status
    resultd.deliver_to_aio(aio, cycle={"folder": ["CI"]})
    done = resultd.imports(resultd.write("a.xml", named(one)))
    assert aio.statuses_by_key() == {one: ["Passed"]} and "without its folder" in done.err


# ---- marks ----

def test_refusals_inside_an_answer_of_200_are_settled_key_by_key(resultd, either):
    names = keys(either, 4)
    draft = either.case("draft", published=False)["key"]
    either.refuse_mark = lambda key, body: "Case execution is not allowed" if key == names[1] else None
    resultd.deliver_to_aio(either)
    done = resultd.imports(resultd.write("a.xml", named(*names, draft)), code=4)
    assert sorted(either.statuses_by_key()) == sorted([names[0], *names[2:]])
    assert done.delivery("aio")["parked"] == 2 and len(either.calls("mark_bulk")) == 1
    shown = resultd("queue", "show", str(done.receipt["runs"][0]["id"])).out
    assert "not allowed" in shown and "not published" in shown


def test_a_batch_that_is_refused_as_a_whole_costs_the_culprit_only(resultd, aio):
    names = keys(aio, 20)
    aio.fail_bulk = lambda bodies: "Something is wrong here" if any(
        body["testCaseKey"] == names[7] for body in bodies) else None
    resultd.deliver_to_aio(aio)
    done = resultd.imports(resultd.write("a.xml", named(*names)), code=4)
    assert sorted(aio.statuses_by_key()) == sorted(names[:7] + names[8:]) and done.delivery("aio")["parked"] == 1
    assert len(aio.calls("mark_bulk")) <= 14


def test_a_batch_that_is_too_large_is_halved_and_that_is_remembered(resultd, aio):
    names = keys(aio, 80)
    aio.body_max = 6000
    resultd.deliver_to_aio(aio)
    resultd.imports(resultd.write("a.xml", named(*names)))
    assert sorted(aio.statuses_by_key()) == sorted(names)
    refused = [call for call in aio.calls("mark_bulk") if not call.applied]
    assert 1 <= len(refused) <= 3


@pytest.mark.parametrize("outside, calls", [("flag", 3), ("refuse", 3)])
def test_a_site_that_marks_only_what_stands_in_the_cycle(resultd, aio, outside, calls):
    names = keys(aio, 3)
    aio.outside = outside
    resultd.deliver_to_aio(aio)
    resultd.imports(resultd.write("a.xml", named(*names)))
    resultd.imports(resultd.write("b.xml", named(*[f"{name} again" for name in names])))
    assert [aio.statuses_by_key(cycle) for cycle in aio.cycles] == [{name: ["Passed"] for name in names}] * 2
    assert len(aio.calls("add_case")) == calls * 2


def test_the_run_that_adding_a_case_makes_is_the_one_that_is_marked(resultd, aio):
    names = keys(aio, 2)
    theirs = aio.cycle("theirs", cases=[aio.case("of theirs")])
    aio.outside = "refuse"
    resultd.deliver_to_aio(aio, cycle={"key": theirs["key"]})
    aio.fault("mark_bulk", before="reset", call=2)
    resultd.imports(resultd.write("a.xml", junit(case(names[0]), case(names[1], skipped="later", time="2"))))
    mine = [run for run in aio.runs(cycle=theirs) if run["_association"]["_case"]["key"] in names]
    assert [(run["testRunStatus"]["name"], run["effort"]) for run in mine] == [("Passed", 0), ("Not Run", 2)]
    assert "later" in aio.comments(mine[1])[0] and len(aio.calls("add_case")) == 2


def test_a_status_that_was_renamed_meanwhile_is_read_again(resultd, aio):
    one, = keys(aio, 1)
    resultd.deliver_to_aio(aio, statuses={"passed": "3", "flaky": "3"})
    resultd.imports(resultd.write("a.xml", named(one)))
    status = next(status for status in aio.only_project.run_statuses if status["ID"] == 3)
    old, status["name"] = status["name"], "Green"
    resultd.imports(resultd.write("b.xml", named(f"{one} b")))
    assert [run["testRunStatus"]["ID"] for run in aio.runs()] == [3, 3] and old != "Green"
    assert len(aio.calls("get_config")) == 2


def test_a_status_of_none_is_not_sent(resultd, aio):
    one, two = keys(aio, 2)
    resultd.deliver_to_aio(aio, statuses={"skipped": "none"})
    resultd.imports(resultd.write("a.xml", junit(case(one), case(two, skipped="later"))))
    assert aio.statuses_by_key() == {one: ["Passed"]}


def rerun(name):
    return case(name, inside='<rerunFailure message="first">one</rerunFailure>'
                             '<rerunFailure message="second">two</rerunFailure>', failure="last")


def test_attempts_are_one_run_or_each_its_own(resultd, make_aio, make_resultd):
    for attempts, runs in (("last", 1), ("each", 3)):
        aio, resultd = make_aio(), make_resultd()
        names = keys(aio, 3)
        resultd.deliver_to_aio(aio, attempts=attempts)
        resultd.imports(resultd.write("a.xml", junit(*[rerun(name) for name in names[:2]], case(names[2]))))
        assert aio.statuses_by_key() == {names[0]: ["Failed"] * runs, names[1]: ["Failed"] * runs,
                                         names[2]: ["Passed"]}


@pytest.mark.parametrize("several, statuses", [("worst", ["Passed", "Failed"]), ("last", ["Failed", "Passed"])])
def test_the_latest_of_all_attempts_is_that_of_the_test_which_decides(resultd, aio, several, statuses):
    one, = keys(aio, 1)
    resultd.deliver_to_aio(aio, attempts="each", several=several)
    resultd.imports(resultd.write("a.xml", junit(case(f"{one} Firefox", failure="no"), case(f"{one} Chrome"))))
    assert aio.statuses_by_key() == {one: statuses}


def test_an_attempt_that_comes_later_updates_the_run_that_is_there(resultd, aio):
    one, = keys(aio, 1)
    resultd.deliver_to_aio(aio)
    for name, failure in (("a", "no"), ("b", None)):
        resultd.imports(resultd.write(f"{name}.xml", named(one, failure=failure)),
                        options=["--run-key", "k", "--keep-open"])
    assert aio.statuses_by_key() == {one: ["Passed"]} and len(aio.cycles) == 1


def test_defects_fields_and_comments_go_along(resultd, aio):
    one, = keys(aio, 1)
    aio.store.add_field(aio.only_project, "Browser", where="run", statuses=["Passed"])
    inside = '<properties><property name="defects" value="10001, AT-77"/></properties>'
    report = resultd.write("a.xml", junit(case(one, inside=inside)))
    resultd.deliver_to_aio(aio)
    done = resultd.imports(report, options=["--run-key", "without"], code=4)
    assert 'the custom field "Browser" is required' in done.err and not aio.runs()
    resultd.deliver_to_aio(aio, result={"comment": "Build {build|'?'}", "defects": "10002",
                                        "fields": {"Browser": "{prop.browser|'fox'}"}})
    resultd.imports(report, options=["--run-key", "with", "--set", "build=17"])
    run, = aio.runs()
    assert run["jiraDefectIDs"] == [10002, 10001]
    assert "Build 17" in aio.comments(run)[0] and "AT-77" in aio.comments(run)[0]
    assert [field["value"] for field in run["customFields"]] == ["fox"]


def test_steps_of_a_report_reach_the_steps_of_its_run(resultd, aio):
    steps = [{"stepType": "TEXT", "step": text} for text in ("open", "pay")]
    one = aio.case("with steps", steps=steps, scriptType=aio.only_project.script_types[0])["key"]
    two, = keys(aio, 1)
    inside = ('<properties><property name="step[passed]" value="opened"/>'
              '<property name="step[failed]" value="no money"/></properties>')
    resultd.deliver_to_aio(aio, result={"steps": True})
    done = resultd.imports(resultd.write("a.xml", junit(case(one, inside=inside, failure="no"),
                                                        case(two, inside=inside))))
    run, _other = aio.runs()
    assert [(step["testRunStepStatus"]["name"], step["actualResult"]) for step in run["testRunSteps"]] == [
        ("Passed", "opened"), ("Failed", "no money")]
    assert run["testRunStatus"]["name"] == "Failed" and len(aio.comments(run)) == 1
    assert f"steps of {two} are left alone" in done.err


# ---- cases that are made ----

def test_missing_cases_are_made_once_with_their_folders(resultd, either):
    report = junit(suite(suite(case("pays"), case("ships"), name="Cart"), name="Shop"))
    resultd.deliver_to_aio(either, create={"cases": True, "folder": ["Auto", "{suite}"], "priority": "High"})
    resultd.imports(resultd.write("a.xml", report))
    resultd.imports(resultd.write("b.xml", report), options=["--again"])
    cases = list(either.only_project.cases.values())
    assert sorted(case["title"] for case in cases) == ["pays", "ships"]
    assert {case["automationKey"] for case in cases} == {"shop.Cart.pays", "shop.Cart.ships"}
    assert {case["status"]["name"] for case in cases} == {"Published"}
    assert {case["folder"]["name"] for case in cases} == {"Cart"}
    assert len(either.calls("create_case")) == 2 and len(either.calls("case_folder_path")) == 3


def test_a_case_that_somebody_made_meanwhile_is_taken(resultd, aio):
    """The list does not show it yet, and the server refuses a second case of its automation key."""
    resultd.deliver_to_aio(aio, create={"cases": True})
    hidden = known(aio, 1)[0]
    aio.answers("list_cases", Answer(200, {"items": [], "startAt": 0, "maxResults": 100, "isLast": True}))
    resultd.imports(resultd.write("a.xml", numbered(1)))
    assert list(aio.only_project.cases.values()) == [hidden]
    assert aio.statuses_by_key() == {hidden["key"]: ["Passed"]}
