# SPDX-License-Identifier: Apache-2.0
"""The run over there: where it stands, what it is called, who finds it again; each as the vendor's command line
offers it."""

import pytest

from reports import case, junit
from standins.http_server import Answer


@pytest.fixture
def rail(testrail):
    for number in range(1, 7):
        testrail.case(f"t{number}", automation=f"shop.Cart.t{number}")
    return testrail


def imports(resultd, *names, key="k", code=0, options=(), file=None, **keys):
    report = resultd.write(file or f"{'-'.join(names)}.xml", junit(*[case(name, **keys) for name in names]))
    return resultd.imports(report, code=code, options=["--run-key", key, "--run-name", "nightly", *options])


def cases_of(testrail, run):
    return sorted(testrail.store.cases[number]["title"] for number in testrail.store.tests_of_run[run["id"]])


# ---- title, run-description, run-refs, run-assigned-to, run-start-date, run-end-date ----

def test_title_and_description(resultd, rail):
    resultd.deliver_to(rail, run={"name": "{job} on {os}", "description": "see {link}"})
    imports(resultd, "t1", options=["--set", "job=Nightly", "--set", "os=linux", "--set", "link=https://ci/1"])
    assert rail.only_run["name"] == "Nightly on linux"
    assert rail.only_run["description"].startswith("see https://ci/1\n")


def test_run_refs(resultd, rail):
    resultd.deliver_to(rail, refs="{ticket}, REQ-2, REQ-2")
    imports(resultd, "t1", options=["--set", "ticket=REQ-1"])
    assert rail.only_run["refs"] == "REQ-1, REQ-2"


def test_run_refs_are_cut_between_references(resultd, rail):
    resultd.deliver_to(rail, refs=",".join(f"REQUIREMENT-{number}" for number in range(60)))
    imports(resultd, "t1")
    refs = rail.only_run["refs"].split(", ")
    assert refs[0] == "REQUIREMENT-0" and all(ref.startswith("REQUIREMENT-") and ref[12:].isdigit() for ref in refs)


def test_run_assigned_to(resultd, rail):
    ann = rail.store.add_user("ann@example.com")
    resultd.deliver_to(rail, run={"assigned_to": "{who}"})
    imports(resultd, "t1", options=["--set", "who=ann@example.com"])
    assert rail.only_run["assignedto_id"] == ann["id"]


@pytest.mark.parametrize("start, due, seconds", [
    ("2026-12-01", "2026-12-15T12:30:00+01:00", (1796083200, 1797334200)),
    ("12/01/2026", "1797334200", (1796083200, 1797334200))])
def test_run_start_date_and_run_end_date(resultd, rail, start, due, seconds):
    resultd.deliver_to(rail, run={"start_on": start, "due_on": due})
    imports(resultd, "t1")
    assert (rail.only_run["start_on"], rail.only_run["due_on"]) == seconds


def test_run_end_date_may_count_from_the_run(resultd, rail):
    resultd.deliver_to(rail, run={"due_on": "+14d"})
    imports(resultd, "t1", timestamp="2026-11-20T10:00:00Z")
    due = rail.only_run["due_on"]
    assert abs(due - rail.only_run["created_on"] - 14 * 86400) < 3 * 86400


@pytest.mark.parametrize("run", [{"due_on": "soon"}, {"start_on": "2026-13-01"}])
def test_a_date_that_is_none_is_a_fault_of_the_configuration(resultd, rail, run):
    resultd.deliver_to(rail, run=run)
    done = resultd("check")
    assert done.code == 2 and "is no date" in done.err


# ---- run-include-all ----

def test_run_include_all(resultd, rail):
    resultd.deliver_to(rail, run={"include_all": True, "close": False})
    imports(resultd, "t1", options=["--keep-open"])
    imports(resultd, "t2")
    assert rail.only_run["include_all"] and len(cases_of(rail, rail.only_run)) == 6
    assert len(rail.results()) == 2 and rail.calls("update_run") == []


def test_a_run_holds_exactly_its_cases(resultd, rail):
    resultd.deliver_to(rail)
    imports(resultd, "t2", "t5")
    assert cases_of(rail, rail.only_run) == ["t2", "t5"] and not rail.only_run["include_all"]


# ---- run-id, and runs by their name ----

def test_run_id_keeps_the_tests_of_others(resultd, rail):
    run = rail.store.add_run(1, 11, {"name": "theirs", "include_all": False}, [1006])
    resultd.deliver_to(rail, run={"id": run["id"], "close": False})
    imports(resultd, "t1")
    assert cases_of(rail, run) == ["t1", "t6"] and not run["is_completed"]


def test_run_reuse_finds_the_open_run_of_that_name(resultd, make_resultd, rail):
    old = rail.store.add_run(1, 11, {"name": "nightly", "include_all": False, "is_completed": True}, [1001])
    theirs = rail.store.add_run(1, 11, {"name": "nightly", "include_all": False}, [1006])
    rail.store.add_run(1, 11, {"name": "nightly 2", "include_all": False}, [1002])
    for number, one in enumerate((resultd, make_resultd("other"))):
        one.deliver_to(rail, run={"reuse": True, "close": False})
        imports(one, f"t{number + 1}", key=f"k{number}")
    assert len(rail.runs) == 3 and cases_of(rail, theirs) == ["t1", "t2", "t6"]
    assert cases_of(rail, old) == ["t1"]


def test_run_reuse_makes_the_run_where_there_is_none(resultd, rail):
    resultd.deliver_to(rail, run={"reuse": True, "close": False})
    imports(resultd, "t1", key="a")
    imports(resultd, "t2", key="b")
    assert cases_of(rail, rail.only_run) == ["t1", "t2"] and len(rail.results()) == 2


def test_run_reuse_behind_the_first_page(resultd, rail):
    theirs = rail.store.add_run(1, 11, {"name": "nightly", "include_all": False}, [1006])
    for number in range(300):
        rail.store.add_run(1, 11, {"name": f"r{number}", "include_all": False}, [1001])
    resultd.deliver_to(rail, run={"reuse": True, "close": False})
    imports(resultd, "t1")
    assert cases_of(rail, theirs) == ["t1", "t6"]


@pytest.mark.parametrize("kind", ["runs", "plans"])
def test_what_moves_from_page_to_page_is_found(resultd, rail, kind):
    """Another run (or plan) is completed between the two pages: ours is on neither of them."""
    if kind == "runs":
        theirs = rail.store.add_run(1, 11, {"name": "nightly", "include_all": False}, [1006])
        others = [rail.store.add_run(1, 11, {"name": f"r{number}", "include_all": False}, [1001])
                  for number in range(250)]
        resultd.deliver_to(rail, run={"reuse": True, "close": False})
    else:
        theirs = rail.store.add_plan(1, {"name": "Release 1"})
        others = [rail.store.add_plan(1, {"name": f"p{number}"}) for number in range(250)]
        resultd.deliver_to(rail, plan="Release 1", run={"close": False})
    held = rail.fault(f"get_{kind}", before="hang", call=2)
    importing = resultd.spawn("import", "--timeout", "20h", "--run-name", "nightly",
                              resultd.write("t1.xml", junit(case("t1"))))
    rail.wait_for(f"get_{kind}", count=2)
    others[7]["is_completed"] = True
    held.release()
    assert importing.wait().code == 0
    if kind == "runs":
        assert cases_of(rail, theirs) == ["t1", "t6"]
    assert not rail.calls("add_run") and not rail.calls("add_plan") and len(rail.results()) == 1
    assert len(rail.calls(f"get_{kind}")) == 3


# ---- close-run ----

@pytest.mark.parametrize("close", [True, False])
def test_close_run(resultd, rail, close):
    resultd.deliver_to(rail, run={"close": close})
    imports(resultd, "t1")
    assert rail.only_run["is_completed"] == close


# ---- late parts ----

def test_a_late_part_keeps_what_somebody_added_by_hand(resultd, rail):
    resultd.deliver_to(rail)
    imports(resultd, "t1", options=["--keep-open"])
    rail.store.set_run_cases(rail.only_run, [1001, 1006])
    imports(resultd, "t2")
    assert cases_of(rail, rail.only_run) == ["t1", "t2", "t6"] and len(rail.results()) == 2


def test_a_run_that_is_deleted_is_made_again_with_all_its_results(resultd, rail):
    resultd.deliver_to(rail)
    imports(resultd, "t1", "t2", options=["--keep-open"])
    rail.store.delete_run(rail.only_run["id"])
    done = imports(resultd, "t3")
    assert cases_of(rail, rail.only_run) == ["t1", "t2", "t3"]
    assert sorted(row["_case"] for row in rail.results()) == [1001, 1002, 1003]
    assert done.delivery()["posted"] == 3 and rail.only_run["is_completed"]


# ---- milestone-id ----

@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("said", ["Beta", "2.0 / Beta", "2.0 / beta", "id"])
def test_milestone_by_name_or_id(resultd, rail, said, flat):
    rail.flat_milestones = flat
    rail.milestone("1.0")
    beta = rail.milestone("Beta", rail.milestone("2.0"))
    resultd.deliver_to(rail, milestone=str(beta["id"]) if said == "id" else said)
    imports(resultd, "t1", key="a")
    imports(resultd, "t2", key="b")
    assert [run["milestone_id"] for run in rail.runs] == [beta["id"]] * 2
    assert len(rail.calls("get_milestones")) == 1


def test_a_milestone_that_is_not_there_is_said(resultd, rail):
    rail.milestone("1.0")
    resultd.deliver_to(rail, milestone="3.0")
    done = imports(resultd, "t1", code=4)
    assert 'no open milestone "3.0"' in done.delivery()["last_error"] and '"1.0"' in done.delivery()["last_error"]
    checked = resultd("check", "--online")
    assert checked.code == 2 and "create.milestones" in checked.err


@pytest.mark.parametrize("lost", [False, True])
def test_milestones_are_made_where_that_is_allowed(resultd, rail, lost):
    rail.milestone("2.0")
    if lost:
        rail.fault("add_milestone", after="reset")
    resultd.deliver_to(rail, milestone="2.0 / {stage} / x", create={"milestones": True})
    imports(resultd, "t1", options=["--set", "stage=Beta"])
    names = [row["name"] for row in rail.store.milestones.values()]
    assert names == ["2.0", "Beta", "x"]
    assert rail.only_run["milestone_id"] == max(rail.store.milestones)


def test_a_milestone_that_went_away_is_looked_for_again(resultd, rail):
    first = rail.milestone("2.0")
    resultd.deliver_to(rail, milestone="2.0")
    imports(resultd, "t1", key="a")
    del rail.store.milestones[first["id"]]
    second = rail.milestone("2.0")
    imports(resultd, "t2", key="b")
    assert rail.runs[-1]["milestone_id"] == second["id"]


# ---- plan-id, config-ids ----

def plan_runs(testrail, plan):
    return [testrail.store.runs[number] for entry in plan["_entries"] for number in entry["_runs"]]


@pytest.mark.parametrize("said", ["name", "id"])
def test_plan_by_name_or_id(resultd, rail, said):
    rail.plan("Release 1", is_completed=True)
    plan = rail.plan("Release 1")
    resultd.deliver_to(rail, plan="Release {version}" if said == "name" else str(plan["id"]))
    imports(resultd, "t1", "t2", options=["--set", "version=1"])
    run, = plan_runs(rail, plan)
    assert run["name"] == "nightly" and cases_of(rail, run) == ["t1", "t2"] and len(rail.results()) == 2
    assert not plan["is_completed"] and rail.calls("add_plan") == []


@pytest.mark.parametrize("where", ["add_plan", "add_plan_entry"])
def test_a_plan_is_made_on_demand_and_only_once(resultd, rail, where):
    rail.fault(where, after="reset")
    milestone = rail.milestone("2.0")
    resultd.deliver_to(rail, plan={"name": "Release 1", "description": "all of it"}, milestone="2.0",
                       run={"due_on": "2026-12-01"})
    imports(resultd, "t1", key="a")
    imports(resultd, "t2", key="b")
    plan, = rail.plans
    assert plan["milestone_id"] == milestone["id"] and plan["description"].startswith("all of it\n")
    assert [cases_of(rail, run) for run in plan_runs(rail, plan)] == [["t1"], ["t2"]] and len(rail.results()) == 2


def test_a_late_part_extends_an_entry(resultd, rail):
    resultd.deliver_to(rail, plan="Release 1")
    imports(resultd, "t1", options=["--keep-open"])
    imports(resultd, "t2", "t3")
    run, = plan_runs(rail, rail.plans[0])
    assert cases_of(rail, run) == ["t1", "t2", "t3"] and len(rail.results()) == 3
    assert len(rail.calls("update_plan_entry")) == 1


def test_config_ids_by_name(resultd, rail):
    firefox, chrome = rail.configuration("Browser", "Firefox", "Chrome")
    linux, = rail.configuration("System", "Linux")
    resultd.deliver_to(rail, plan="Release 1", configs=["Browser / {browser}", "linux", "{nothing|''}"])
    imports(resultd, "t1", key="a", options=["--set", "browser=Firefox", "--keep-open"])
    imports(resultd, "t1", key="b", options=["--set", "browser=chrome"])
    imports(resultd, "t2", key="a")
    first, second = plan_runs(rail, rail.plans[0])
    assert sorted(first["config_ids"]) == [firefox, linux] and sorted(second["config_ids"]) == [chrome, linux]
    assert cases_of(rail, first) == ["t1", "t2"] and len(rail.calls("update_run_in_plan_entry")) == 1


@pytest.mark.parametrize("lost", [None, "add_config", "add_config_group"])
def test_configurations_are_made_where_that_is_allowed(resultd, rail, lost):
    rail.configuration("Browser", "Firefox")
    if lost:
        rail.fault(lost, after="reset")
    resultd.deliver_to(rail, plan="Release 1", configs=["Browser / Chrome", "System / Linux", "System / BSD"],
                       create={"configs": True})
    imports(resultd, "t1")
    groups = {group["name"]: [config["name"] for config in group["configs"]] for group in rail.store.groups.values()}
    assert groups == {"Browser": ["Firefox", "Chrome"], "System": ["Linux", "BSD"]}
    assert len(plan_runs(rail, rail.plans[0])[0]["config_ids"]) == 3


@pytest.mark.parametrize("said, words", [("Opera", "Browser / Firefox"), ("Firefox", "in 2 groups")])
def test_a_configuration_that_is_not_there_is_said(resultd, rail, said, words):
    rail.configuration("Browser", "Firefox")
    rail.configuration("Other", "Firefox")
    resultd.deliver_to(rail, plan="Release 1", configs=[said])
    done = imports(resultd, "t1", code=4)
    assert words in done.delivery()["last_error"] and rail.plans == []
    checked = resultd("check", "--online")
    assert checked.code == 2 and words in checked.err


def test_run_reuse_in_a_plan(resultd, rail):
    resultd.deliver_to(rail, plan="Release 1", run={"reuse": True})
    imports(resultd, "t1", key="a")
    imports(resultd, "t2", key="b")
    run, = plan_runs(rail, rail.plans[0])
    assert cases_of(rail, run) == ["t1", "t2"] and len(rail.calls("update_plan_entry")) == 1


def test_run_id_of_a_run_in_a_plan(resultd, rail):
    plan = rail.plan("theirs")
    entry = {"id": "0a1b-2c", "suite_id": 11, "name": "e", "description": None, "include_all": False, "refs": None}
    run = rail.store.add_run(1, 11, {"name": "e", "include_all": False}, [1006], plan_id=plan["id"])
    plan["_entries"].append({**entry, "_runs": [run["id"]]})
    resultd.deliver_to(rail, run={"id": run["id"]})
    imports(resultd, "t1")
    assert cases_of(rail, run) == ["t1", "t6"] and not run["is_completed"]


# ---- closing a plan ----

def test_a_lost_answer_to_the_close_of_a_plan_is_taken_for_what_it_is(resultd, rail):
    rail.fault("close_plan", after="reset")
    resultd.deliver_to(rail, plan={"name": "Release 1", "close": True})
    done = imports(resultd, "t1")
    assert rail.plans[0]["is_completed"] and len(rail.plans) == 1 and len(rail.results()) == 1
    assert done.delivery()["state"] == "delivered"


def test_a_plan_of_ours_is_closed_with_its_last_run(resultd, rail):
    resultd.deliver_to(rail, plan={"name": "Release 1", "close": True})
    imports(resultd, "t1", key="a", options=["--keep-open"])
    imports(resultd, "t2", key="b")
    assert not rail.plans[0]["is_completed"]
    imports(resultd, "t3", key="a")
    assert rail.plans[0]["is_completed"] and len(rail.results()) == 3
    imports(resultd, "t4", key="c")
    assert [plan["is_completed"] for plan in rail.plans] == [True, True]


@pytest.mark.parametrize("ours, close", [(True, False), (False, True)])
def test_a_plan_stays_open_unless_it_is_ours_and_that_is_asked_for(resultd, rail, ours, close):
    if not ours:
        rail.plan("Release 1")
    resultd.deliver_to(rail, plan={"name": "Release 1", "close": close})
    imports(resultd, "t1")
    assert not rail.plans[0]["is_completed"] and rail.calls("close_plan") == []


def test_a_plan_that_was_closed_meanwhile_is_followed_by_another(resultd, rail):
    resultd.deliver_to(rail, plan="Release 1")
    imports(resultd, "t1", key="a")
    rail.plans[0]["is_completed"] = True
    imports(resultd, "t2", key="b")
    assert [len(plan_runs(rail, plan)) for plan in rail.plans] == [1, 1]


# ---- in every mode of suites, and on old servers ----

@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("mode", [1, 3])
def test_plans_in_projects_of_any_kind(resultd, make_testrail, mode, bare):
    testrail = make_testrail(suite_mode=mode)
    testrail.bare_lists = testrail.bare_suites = bare
    project = next(iter(testrail.store.projects.values()))
    suite = testrail.suite_of(project) if mode == 1 else testrail.store.add_suite(project["id"], "Web")
    testrail.case("t1", testrail.section("S", suite=suite), automation="shop.Cart.t1")
    testrail.milestone("2.0")
    resultd.deliver_to(testrail, plan="Release 1", milestone="2.0", run={"reuse": True})
    imports(resultd, "t1")
    run, = plan_runs(testrail, testrail.plans[0])
    assert run["suite_id"] == suite["id"] and len(testrail.results()) == 1


def test_two_sinks_with_one_plan_make_it_once(resultd, rail):
    resultd.configure({name: resultd.rail(rail, plan="Release 1", milestone="2.0", create={"milestones": True},
                                          run={"name": name}) for name in ("a", "b", "c")})
    imports(resultd, "t1", "t2")
    plan, = rail.plans
    assert sorted(run["name"] for run in plan_runs(rail, plan)) == ["a", "b", "c"]
    assert len(rail.store.milestones) == 1 and len(rail.results()) == 6


@pytest.mark.parametrize("when", ["before", "after"])
def test_two_sinks_with_one_plan_make_it_once_though_an_answer_is_lost(resultd, rail, when):
    rail.fault("add_plan", **{when: "reset"})
    resultd.configure({name: resultd.rail(rail, plan="Release 1", run={"name": name}) for name in ("a", "b")})
    imports(resultd, "t1")
    plan, = rail.plans
    assert sorted(run["name"] for run in plan_runs(rail, plan)) == ["a", "b"] and len(rail.results()) == 2


def test_two_sinks_may_have_a_suite_each(resultd, make_testrail):
    testrail = make_testrail(suite_mode=3)
    project = next(iter(testrail.store.projects.values()))
    suites = [testrail.store.add_suite(project["id"], name) for name in ("Api", "Web")]
    cases = [testrail.case(f"t{number}", testrail.section("S", suite=suite), automation=f"shop.Cart.t{number}")
             for number, suite in enumerate(suites)]
    resultd.configure({suite["name"]: resultd.rail(testrail, suite=suite["name"], unmatched="ignore")
                       for suite in suites})
    imports(resultd, "t0", "t1")
    assert sorted((run["suite_id"], cases_of(testrail, run)[0]) for run in testrail.runs) == [
        (suites[0]["id"], "t0"), (suites[1]["id"], "t1")]
    assert [len(testrail.results(row)) for row in cases] == [1, 1]


def test_a_plan_that_cannot_be_made_parks_with_the_words(resultd, rail):
    rail.always("add_plan", Answer(403, {"error": "You are not allowed to add test plans (insufficient permissions)."}))
    resultd.deliver_to(rail, plan="Release 1")
    done = imports(resultd, "t1", code=4)
    assert "not allowed to add test plans" in done.delivery()["last_error"]
