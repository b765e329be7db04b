# SPDX-License-Identifier: Apache-2.0
"""Reports with cases of several suites: one plan, an entry for each, as the vendor's command line makes them with
its parser `multisuite`."""

import pytest

from reports import case, junit, suite


@pytest.fixture
def rail(make_testrail):
    """A project with the suites Api, Web and Old: t0, t2, ... lie in Api, t1, t3, ... in Web, old in Old."""
    testrail = make_testrail(suite_mode=3)
    project = next(iter(testrail.store.projects.values()))
    testrail.suite = {name: testrail.store.add_suite(project["id"], name) for name in ("Api", "Web", "Old")}
    sections = {name: testrail.section("S", suite=row) for name, row in testrail.suite.items()}
    testrail.known = [testrail.case(f"t{number}", sections["Web" if number % 2 else "Api"],
                                    automation=f"shop.Cart.t{number}") for number in range(8)]
    testrail.old = testrail.case("old", sections["Old"], automation="shop.Cart.old")
    return testrail


def imports(resultd, *names, key="k", code=0, options=(), **keys):
    report = resultd.write(f"{key}-{'-'.join(names[:4])}.xml", junit(*[case(name, **keys) for name in names]))
    return resultd.imports(report, code=code, options=["--run-key", key, "--run-name", "nightly", *options])


def entries(testrail, plan=0):
    """{suite: (name of the entry, its cases)}, each suite once."""
    found = {}
    for entry in testrail.plans[plan]["_entries"]:
        number, = entry["_runs"]
        name = testrail.store.suites[entry["suite_id"]]["name"]
        assert name not in found
        found[name] = (entry["name"], sorted(testrail.store.cases[one]["title"]
                                             for one in testrail.store.tests_of_run[number]))
    return found


def posted(testrail):
    """{case: results}, after it was looked that each stands in the run of its suite."""
    counts = {}
    for row in testrail.results():
        found = testrail.store.cases[row["_case"]]
        assert testrail.store.runs[row["_run"]]["suite_id"] == found["suite_id"]
        counts[found["title"]] = counts.get(found["title"], 0) + 1
    return counts


def test_special_parser_multisuite(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Web"])
    refs = [f"C{row['id']}" for row in rail.known[:4]]
    report = junit(*[case(f"case {number}", refs=[ref]) for number, ref in enumerate(refs)])
    done = resultd.imports(resultd.write("a.xml", report), options=["--run-name", "nightly"])
    plan, = rail.plans
    assert plan["name"] == "nightly" and plan["is_completed"]
    assert entries(rail) == {"Api": ("nightly - Api", ["t0", "t2"]), "Web": ("nightly - Web", ["t1", "t3"])}
    assert posted(rail) == {f"t{number}": 1 for number in range(4)}
    assert done.delivery()["url"].endswith(f"/plans/view/{plan['id']}")
    assert done.delivery()["remote_id"] == str(plan["id"])


def test_the_plan_is_called_as_the_run_is(resultd, rail):
    resultd.deliver_to(rail, suites="all", run={"name": "Nightly on {os}", "close": False})
    imports(resultd, "t0", "t1", options=["--set", "os=linux"])
    plan, = rail.plans
    assert plan["name"] == "Nightly on linux" and not plan["is_completed"]


@pytest.mark.parametrize("wanted", ["all", ["all"], ["Old", "Web", "Api"]])
def test_all_suites_and_suites_by_name(resultd, rail, wanted):
    resultd.deliver_to(rail, suites=wanted)
    imports(resultd, "t0", "t1", "old")
    assert {name: found[1] for name, found in entries(rail).items()} == {"Api": ["t0"], "Web": ["t1"], "Old": ["old"]}


def test_suites_by_id_and_only_those_that_have_results(resultd, rail):
    resultd.deliver_to(rail, suites=[str(row["id"]) for row in rail.suite.values()])
    imports(resultd, "t1", "t3")
    assert list(entries(rail)) == ["Web"] and posted(rail) == {"t1": 1, "t3": 1}


def test_cases_of_a_suite_that_is_not_named_are_not_known(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Web"])
    done = imports(resultd, "t0", "t1", "old", code=4)
    assert posted(rail) == {"t0": 1, "t1": 1} and done.delivery()["parked"] == 1
    assert not rail.plans[0]["is_completed"]


@pytest.mark.parametrize("mode, bare", [(1, False), (1, True), (2, False), (3, True)])
def test_suites_in_projects_of_any_mode(resultd, make_testrail, mode, bare):
    testrail = make_testrail(suite_mode=mode)
    testrail.bare_lists = testrail.bare_suites = bare
    project = next(iter(testrail.store.projects.values()))
    names = ["Master"] if mode == 1 else ["Api", "Web"]
    suites = [testrail.suite_of(project) if mode == 1 else testrail.store.add_suite(project["id"], name)
              for name in names]
    for number in range(4):
        testrail.case(f"t{number}", testrail.section("S", suite=suites[number % len(suites)]),
                      automation=f"shop.Cart.t{number}")
    resultd.deliver_to(testrail, suites="all")
    imports(resultd, "t0", "t1", "t2", "t3")
    assert sorted(entries(testrail)) == names and posted(testrail) == {f"t{number}": 1 for number in range(4)}


def test_later_parts_extend_the_entry_of_their_suite(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Web", "Old"])
    imports(resultd, "t0", "t1", options=["--keep-open"])
    assert not rail.plans[0]["is_completed"]
    imports(resultd, "t2", options=["--keep-open"])
    imports(resultd, "old", "t1")
    assert {name: found[1] for name, found in entries(rail).items()} == {
        "Api": ["t0", "t2"], "Web": ["t1"], "Old": ["old"]}
    assert posted(rail) == {"t0": 1, "t1": 2, "t2": 1, "old": 1}
    assert len(rail.plans) == 1 and rail.plans[0]["is_completed"]
    assert len(rail.calls("update_plan_entry")) == 1 and len(rail.calls("add_plan_entry")) == 3


def test_interleaved_results_cost_batches_by_suite(resultd, rail):
    sections = {name: rail.section("Many", suite=rail.suite[name]) for name in ("Api", "Web")}
    for number in range(600):
        rail.case(f"m{number}", sections["Web" if number % 2 else "Api"], automation=f"shop.Cart.m{number}")
    resultd.deliver_to(rail, suites=["Api", "Web"])
    imports(resultd, *[f"m{number}" for number in range(600)])
    assert len(rail.results()) == 600 and len(posted(rail)) == 600
    assert len(rail.calls("add_results_for_cases")) == 4      # 300 a suite, 250 a batch


def test_a_warm_cache_reads_one_page_a_suite(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Web"])
    imports(resultd, "t0", "t1", key="a")
    before = len(rail.requests)
    imports(resultd, "t2", "t3", key="b")
    calls = [request.endpoint for request in rail.requests[before:]]
    # the plan, its entries, results of each, the close; before them, where the lists are not fresh, cases of each
    assert calls.count("get_cases") in (0, 2)
    assert [call for call in calls if call != "get_cases"] == [
        "add_plan", "add_plan_entry", "add_plan_entry", "add_results_for_cases", "add_results_for_cases", "close_plan"]


# ---- plans ----

def test_a_plan_that_is_named_takes_the_entries_of_many_runs(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Web"], plan="Release 1")
    imports(resultd, "t0", "t1", key="a")
    report = resultd.write("b.xml", junit(case("t2")))
    resultd.imports(report, options=["--run-key", "b", "--run-name", "smoke"])
    plan, = rail.plans
    assert plan["name"] == "Release 1" and not plan["is_completed"]
    assert sorted(entry["name"] for entry in plan["_entries"]) == ["nightly - Api", "nightly - Web", "smoke - Api"]


def test_reuse_posts_into_the_entries_of_that_name(resultd, make_resultd, rail):
    for number, one in enumerate((resultd, make_resultd("other"))):
        one.deliver_to(rail, suites=["Api", "Web"], run={"reuse": True})
        imports(one, f"t{2 * number}", f"t{2 * number + 1}", key=f"k{number}")
    assert entries(rail) == {"Api": ("nightly - Api", ["t0", "t2"]), "Web": ("nightly - Web", ["t1", "t3"])}
    assert posted(rail) == {f"t{number}": 1 for number in range(4)}


def test_entries_with_configurations(resultd, rail):
    rail.configuration("Browser", "Firefox", "Chrome")
    resultd.deliver_to(rail, suites=["Api", "Web"], configs=["Firefox"])
    imports(resultd, "t0", "t1", options=["--keep-open"])
    imports(resultd, "t3")
    assert entries(rail)["Web"][1] == ["t1", "t3"]
    assert posted(rail) == {"t0": 1, "t1": 1, "t3": 1}


# ---- answers that are lost, and what vanishes ----

@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("endpoint", ["add_plan", "add_plan_entry", "add_results_for_cases", "close_plan"])
def test_a_lost_answer_doubles_nothing(resultd, rail, endpoint, call):
    rail.fault(endpoint, after="reset", call=call if endpoint.endswith(("entry", "cases")) else 1)
    resultd.deliver_to(rail, suites=["Api", "Web"])
    imports(resultd, "t0", "t1", "t2", "t3")
    assert len(rail.plans) == 1 and rail.plans[0]["is_completed"]
    assert entries(rail) == {"Api": ("nightly - Api", ["t0", "t2"]), "Web": ("nightly - Web", ["t1", "t3"])}
    assert posted(rail) == {f"t{number}": 1 for number in range(4)}


def test_an_entry_that_is_deleted_is_made_again_with_its_results_only(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Web"])
    imports(resultd, "t0", "t1", options=["--keep-open"])
    entry = next(entry for entry in rail.plans[0]["_entries"] if entry["suite_id"] == rail.suite["Web"]["id"])
    rail.store.delete_run(entry["_runs"][0])
    imports(resultd, "t3")
    assert entries(rail) == {"Api": ("nightly - Api", ["t0"]), "Web": ("nightly - Web", ["t1", "t3"])}
    assert posted(rail) == {"t0": 1, "t1": 1, "t3": 1}


def test_a_case_that_was_taken_out_of_its_entry_is_put_back(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Web"])
    imports(resultd, "t0", "t1", "t3", options=["--keep-open"])
    run = next(run for run in rail.runs if run["suite_id"] == rail.suite["Web"]["id"])
    rail.store.set_run_cases(run, [rail.known[3]["id"]])
    imports(resultd, "t1", time="3")
    assert entries(rail)["Web"][1] == ["t1", "t3"] and posted(rail) == {"t0": 1, "t1": 1, "t3": 1}


def test_a_suite_that_comes_later_is_noticed(resultd, rail):
    resultd.deliver_to(rail, suites=["Api"])
    imports(resultd, "t0", key="a")
    resultd.deliver_to(rail, suites=["Api", "Web"])
    imports(resultd, "t0", "t1", key="b")
    assert sorted(entries(rail, 1)) == ["Api", "Web"] and posted(rail) == {"t0": 2, "t1": 1}


# ---- cases that are made ----

def test_new_cases_go_to_the_suite_that_the_test_names(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Web"],
                       create={"cases": True, "suite": "{prop.area|'Api'}", "section": "{suite}"})
    prop = '<properties><property name="area" value="Web"/></properties>'
    report = junit(suite(suite(case("n1"), case("n2", inside=prop), name="Inner"), case("t0"), name="Outer"))
    resultd.imports(resultd.write("a.xml", report), options=["--run-name", "nightly"])
    made = {row["title"]: row for row in rail.store.cases.values() if row["title"].startswith("n")}
    assert {title: rail.store.suites[row["suite_id"]]["name"] for title, row in made.items()} == {
        "n1": "Api", "n2": "Web"}
    assert [rail.store.section_path(made[title]["section_id"]) for title in ("n1", "n2")] == [["Outer", "Inner"]] * 2
    assert posted(rail) == {"n1": 1, "n2": 1, "t0": 1}
    # known the next time, from another state directory's view too
    resultd.imports(resultd.write("b.xml", report.replace("0.25", "0.75")), options=["--run-name", "again"])
    assert len([row for row in rail.store.cases.values() if row["title"].startswith("n")]) == 2
    assert posted(rail) == {"n1": 2, "n2": 2, "t0": 2}


@pytest.mark.parametrize("endpoint", ["add_section", "add_cases"])
def test_a_lost_answer_makes_no_section_and_no_case_twice(resultd, rail, endpoint):
    rail.fault(endpoint, after="reset", call=2)
    resultd.deliver_to(rail, suites=["Api", "Web"], create={"cases": True, "suite": "{prop.area|'Api'}"})
    prop = '<properties><property name="area" value="Web"/></properties>'
    resultd.imports(resultd.write("a.xml", junit(suite(case("n1"), case("n2", inside=prop), name="S2"))))
    assert [row["title"] for row in rail.store.cases.values()].count("n2") == 1
    assert sum(row["name"] == "S2" for row in rail.store.sections.values()) == 2
    assert posted(rail) == {"n1": 1, "n2": 1}


def test_a_case_for_a_suite_that_is_not_there_is_parked_with_the_name(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Web"], create={"cases": True, "suite": "{prop.area|'Api'}"})
    prop = '<properties><property name="area" value="Phone"/></properties>'
    done = resultd.imports(resultd.write("a.xml", junit(case("t0"), case("n1", inside=prop))), code=4)
    assert posted(rail) == {"t0": 1} and done.delivery()["parked"] == 1
    assert '"Phone" is none of the suites' in resultd("queue", "list").out + resultd("queue", "show", "1").out


# ---- files ----

def test_files_go_to_results_of_each_suite_and_to_the_plan(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Web"], evidence={"results": "all", "report": True})
    resultd.write("one.log", "1")
    resultd.write("two.log", "22")
    inside = "<system-out>[[ATTACHMENT|{}]]</system-out>"
    rail.fault("add_attachment_to_plan", after="reset")
    rail.fault("add_attachment_to_result", after="reset", call=2)
    resultd.imports(resultd.write("a.xml", junit(case("t0", inside=inside.format("one.log")),
                                                 case("t1", inside=inside.format("two.log")))))
    files = {row["name"]: row for row in rail.store.attachments.values()}
    assert sorted(row["name"] for row in rail.store.attachments.values()) == ["a.xml", "one.log", "two.log"]
    assert files["one.log"]["case_id"] == rail.known[0]["id"] and files["two.log"]["case_id"] == rail.known[1]["id"]
    assert files["a.xml"]["entity_type"] == "plan" and files["a.xml"]["entity_id"] == rail.plans[0]["id"]


# ---- what the configuration cannot mean ----

@pytest.mark.parametrize("keys, words", [
    ({"suite": "Api"}, "suite and suites exclude each other"),
    ({"run": {"id": 5}}, "run.id"),
    ({"create": {"cases": True}}, "create.suite")])
def test_what_does_not_go_together_is_told(resultd, rail, keys, words):
    resultd.deliver_to(rail, suites=["Api", "Web"], **keys)
    done = resultd("check")
    assert done.code == 2 and words in done.err


def test_check_online_names_the_suites_that_there_are(resultd, rail):
    resultd.deliver_to(rail, suites=["Api", "Phone"])
    done = resultd("check", "--online")
    assert done.code != 0 and 'no suite "Phone"' in done.out + done.err and '"Web"' in done.out + done.err
