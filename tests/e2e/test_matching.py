# SPDX-License-Identifier: Apache-2.0
"""Which case a result goes to: found by reference, automation id or title, created, or parked."""

import pytest

from expect import each_case_once, one_closed_run
from reports import case, junit, method, numbered, suite, testng
from resultd import wait_until


@pytest.mark.parametrize("name", [
    "C77 puts into cart", "puts into cart C77", "[C77] puts into cart", "puts into cart [C77]",
    "C77_puts_into_cart", "puts_into_cart_C77", "C77: puts into cart"])
def test_a_reference_in_the_name_finds_the_case(resultd, testrail, name):
    wanted = testrail.case("anything", number=77)
    testrail.case("other", number=7)
    resultd.deliver_to(testrail, match=["ref"])
    resultd.imports(resultd.write("a.xml", junit(case(name))))
    assert [row["_case"] for row in testrail.results()] == [wanted["id"]]


@pytest.mark.parametrize("key, value", [("test_id", "C77"), ("test_id", "77"), ("testrail_case_id", "c77")])
def test_a_reference_in_a_property_finds_the_case(resultd, testrail, key, value):
    wanted = testrail.case("anything", number=77)
    resultd.deliver_to(testrail, match=["ref"])
    inside = f'<properties><property name="{key}" value="{value}"/></properties>'
    resultd.imports(resultd.write("a.xml", junit(case("puts into cart", inside=inside))))
    assert [row["_case"] for row in testrail.results()] == [wanted["id"]]


def test_a_word_that_only_looks_like_a_reference_finds_nothing(resultd, testrail):
    testrail.case("anything", number=99)
    resultd.deliver_to(testrail, match=["ref"])
    done = resultd.imports(resultd.write("a.xml", junit(case("reads ISOC99 sources"), case("a C991 b"))), code=4)
    assert testrail.results() == [] and done.delivery()["parked"] == 2


def test_one_test_may_name_several_cases(resultd, testrail):
    for number in (71, 72, 73):
        testrail.case(f"case {number}", number=number)
    resultd.deliver_to(testrail, match=["ref"])
    resultd.imports(resultd.write("a.xml", junit(case("[C71, C72] pays"), case("C73 ships"))))
    each_case_once(testrail, 3)
    one_closed_run(testrail, cases=3)


def test_a_reference_to_no_case_gives_way_to_the_automation_id(resultd, testrail):
    wanted = testrail.case("pays", automation="shop.Cart.C4711 pays")
    resultd.deliver_to(testrail, match=["ref", "automation"])
    resultd.imports(resultd.write("a.xml", junit(case("C4711 pays"))))
    assert [row["_case"] for row in testrail.results()] == [wanted["id"]]


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_automation_id_finds_the_case_wrapped_in_html_or_not(resultd, testrail, wrapped):
    testrail.rich_text = wrapped
    wanted = testrail.case("t", automation="shop.Cart.a > b & c")
    testrail.case("u", automation="shop.Cart.a > b & d")
    resultd.deliver_to(testrail, match=["automation"])
    resultd.imports(resultd.write("a.xml", junit(case("a > b & c"))))
    assert [row["_case"] for row in testrail.results()] == [wanted["id"]]


def test_a_title_finds_the_case(resultd, testrail):
    wanted = testrail.case("pays by card")
    testrail.case("pays by cards")
    resultd.deliver_to(testrail, match=["title"])
    resultd.imports(resultd.write("a.xml", junit(case("pays by card"))))
    assert [row["_case"] for row in testrail.results()] == [wanted["id"]]


def test_cases_behind_the_first_page_are_found(resultd, testrail):
    for number in range(600):
        testrail.case(f"case {number}", automation=f"shop.Cart.t{number}")
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", junit(case("t0"), case("t299"), case("t599"))))
    each_case_once(testrail, 3)
    assert len(testrail.calls("get_cases")) == 3


@pytest.mark.parametrize("named", [True, False])
def test_the_project_is_named_or_numbered(resultd, testrail, named):
    other = testrail.project("Other")
    case_there = testrail.case("t", testrail.section("S", project=other), automation="shop.Cart.t")
    resultd.deliver_to(testrail, project="Other" if named else other["id"])
    resultd.imports(resultd.write("a.xml", junit(case("t"))))
    assert [row["_case"] for row in testrail.results()] == [case_there["id"]]
    assert testrail.only_run["project_id"] == other["id"]


@pytest.mark.parametrize("mode, suite_name", [(1, None), (2, "Baseline 3"), (3, "Web"), (3, "number")])
def test_the_suite_is_found_in_every_mode(resultd, make_testrail, mode, suite_name):
    testrail = make_testrail(suite_mode=mode)
    project = next(iter(testrail.store.projects.values()))
    if mode == 3:
        testrail.store.add_suite(project["id"], "Phone")
    wanted = testrail.store.add_suite(project["id"], suite_name) if suite_name else testrail.suite_of(project)
    section = testrail.section("S", suite=wanted)
    found = testrail.case("t", section, automation="shop.Cart.t")
    if suite_name is not None:
        suite_name = str(wanted["id"]) if suite_name == "number" else suite_name
    resultd.deliver_to(testrail, suite=suite_name)
    resultd.imports(resultd.write("a.xml", junit(case("t"))))
    assert [row["_case"] for row in testrail.results()] == [found["id"]]
    assert testrail.only_run["suite_id"] == wanted["id"]


def test_missing_cases_and_sections_are_created_as_the_tree_of_suites(resultd, testrail):
    resultd.deliver_to(testrail, create={"cases": True, "sections": True})
    report = junit(suite(suite(case("adds"), case("removes"), name="Cart"), suite(case("pays"), name="Till"),
                         name="Shop"))
    resultd.imports(resultd.write("a.xml", report))
    made = {row["custom_automation_id"]: testrail.store.section_path(row["section_id"])
            for row in testrail.store.cases.values()}
    assert made == {"shop.Cart.adds": ["Shop", "Cart"], "shop.Cart.removes": ["Shop", "Cart"],
                    "shop.Cart.pays": ["Shop", "Till"]}
    assert sorted(row["title"] for row in testrail.store.cases.values()) == ["adds", "pays", "removes"]
    each_case_once(testrail, 3)
    assert len(testrail.calls("add_cases")) == 2
    one_closed_run(testrail, cases=3)


def test_what_was_created_is_found_the_next_time(resultd, testrail):
    resultd.deliver_to(testrail, create={"cases": True, "sections": True})
    resultd.imports(resultd.write("a.xml", junit(suite(case("adds"), name="Cart"))))
    resultd.imports(resultd.write("b.xml", junit(suite(case("adds"), case("removes"), name="Cart"))))
    assert len(testrail.store.sections) == 1
    assert sorted(row["title"] for row in testrail.store.cases.values()) == ["adds", "removes"]
    assert len(testrail.results()) == 3


def test_a_section_that_exists_is_used(resultd, testrail):
    shop = testrail.section("Shop")
    cart = testrail.section("Cart", parent=shop)
    testrail.section("Cart")
    resultd.deliver_to(testrail, create={"cases": True, "sections": True})
    resultd.imports(resultd.write("a.xml", junit(suite(suite(case("adds"), name="Cart"), name="Shop"))))
    assert [row["section_id"] for row in testrail.store.cases.values()] == [cart["id"]]
    assert testrail.calls("add_section") == []


def test_a_long_name_becomes_a_title_that_the_server_takes(resultd, testrail):
    resultd.deliver_to(testrail, create={"cases": True, "sections": True})
    names = ["\u00e4" * 300 + tail for tail in ("one", "two")]
    reports = [resultd.write(f"{name[-3:]}.xml", junit(suite(case(name), name="S" * 300))) for name in names]
    resultd.imports(*reports)
    assert len(testrail.store.cases) == 2
    each_case_once(testrail, 2)
    resultd.imports(*[resultd.write(f"again-{name[-3:]}.xml", junit(suite(case(name, time="3"), name="S" * 300)))
                      for name in names])
    assert len(testrail.store.cases) == 2 and len(testrail.store.sections) == 1


def test_rows_of_data_share_the_case_of_their_method(resultd, testrail):
    wanted = testrail.case("adds", automation="shop.CartTest.adds")
    resultd.deliver_to(testrail, several="each")
    resultd.imports(resultd.write("testng-results.xml", testng(
        method("adds", params=["1"]), method("adds", params=["2"], status="FAIL", message="no"),
        method("adds", params=["3"]), method("setUp", config=True))))
    assert testrail.status_names(wanted) == ["passed", "failed", "passed"]


@pytest.mark.parametrize("several, posted", [
    ("worst", ["failed"]), ("each", ["passed", "failed", "passed"]), ("last", ["passed"])])
def test_several_tests_of_one_case(resultd, testrail, several, posted):
    wanted = testrail.case("t", number=77)
    resultd.deliver_to(testrail, match=["ref"], several=several)
    done = resultd.imports(resultd.write("a.xml", junit(
        case("C77 in Firefox"), case("C77 in Chrome", failure="the button is gone"), case("C77 in Safari"))))
    assert testrail.status_names(wanted) == posted
    assert done.delivery()["posted"] == 3
    if several == "worst":
        assert "the button is gone" in testrail.results(wanted)[0]["comment"]


def test_what_matches_no_case_is_parked_and_listed(resultd, testrail):
    testrail.case("t", automation="shop.Cart.known")
    resultd.deliver_to(testrail)
    done = resultd.imports(resultd.write("a.xml", junit(case("known"), case("stranger"))), code=4)
    assert (done.delivery()["posted"], done.delivery()["parked"]) == (1, 1)
    assert done.delivery()["state"] == "parked"
    listed = resultd("queue", "list")
    assert listed.code == 0 and "shop.Cart.stranger" in listed.out and "shop.Cart.known" not in listed.out
    each_case_once(testrail, 1)
    assert not testrail.only_run["is_completed"], "the remote run stays open while something is parked"


def test_what_matches_no_case_is_ignored_where_that_is_wanted(resultd, testrail):
    testrail.case("t", automation="shop.Cart.known")
    resultd.deliver_to(testrail, unmatched="ignore")
    resultd.imports(resultd.write("a.xml", junit(case("known"), case("stranger"))))
    each_case_once(testrail, 1)
    one_closed_run(testrail, cases=1)


def test_nothing_that_matches_makes_no_run(resultd, testrail):
    resultd.deliver_to(testrail)
    done = resultd.imports(resultd.write("a.xml", junit(case("stranger"))), code=4)
    assert testrail.runs == [] and done.delivery()["parked"] == 1


def test_a_case_deleted_since_the_list_was_read_is_parked_alone(resultd, testrail):
    cases = [testrail.case(f"t{number}", automation=f"shop.Cart.t{number}") for number in range(5)]
    resultd.deliver_to(testrail)
    held = testrail.fault("add_results_for_cases", before="hang")
    importing = resultd.spawn("import", "--timeout", "1h", resultd.write("a.xml", junit(
        *[case(f"t{number}") for number in range(5)])))
    testrail.wait_for("add_results_for_cases")
    testrail.store.delete_case(cases[2]["id"])
    held.release()
    done = importing.wait()
    assert done.code == 4, done
    each_case_once(testrail, 4)
    assert len(testrail.calls("add_results_for_cases")) == 2


class TestOlderServers:
    def test_lists_come_whole(self, resultd, testrail):
        testrail.bare_lists = testrail.bare_suites = True
        for number in range(300):
            testrail.case(f"case {number}", automation=f"shop.Cart.t{number}")
        resultd.deliver_to(testrail)
        resultd.imports(resultd.write("a.xml", junit(case("t1"), case("t299"))))
        each_case_once(testrail, 2)

    def test_all_cases_at_once_are_more_than_an_answer_may_hold(self, resultd, testrail):
        resultd.scale = 20                  # 24 MiB take their time
        testrail.bare_lists = testrail.bare_suites = True
        testrail.case_field("notes", 3)
        sections = [testrail.section(f"S{number}") for number in range(3)]
        for number in range(24):
            testrail.case(f"t{number}", sections[number % 3], automation=f"shop.Cart.test_{number + 1:05d}",
                          custom_notes="x" * (1 << 20))["updated_on"] -= 86400
        resultd.deliver_to(testrail)
        report = resultd.write("a.xml", numbered(24))
        resultd.imports(report)
        assert len(testrail.results()) == 24
        asked = [request.query.get("section_id") for request in testrail.calls("get_cases")]
        assert asked == [None, *[str(row["id"]) for row in sections]] and len(testrail.calls("get_sections")) == 1
        resultd.imports(report, options=["--run-key", "again"])
        assert len(testrail.results()) == 48 and len(testrail.calls("get_cases")) <= 5
        assert len(testrail.calls("get_sections")) == 1

    def test_one_section_alone_is_more_than_an_answer_may_hold(self, resultd, testrail):
        testrail.bare_lists = testrail.bare_suites = True
        testrail.case_field("notes", 3)
        for number in range(18):
            testrail.case(f"t{number}", custom_notes="x" * (1 << 20))
        resultd.deliver_to(testrail)
        done = resultd.imports(resultd.write("a.xml", numbered(1)), code=4)
        assert "those of the section 101 are more than can be read at once" in done.delivery()["last_error"]

    def test_links_to_the_next_page_are_wrong(self, resultd, testrail):
        testrail.zero_limit_links = True
        for number in range(300):
            testrail.case(f"case {number}", automation=f"shop.Cart.t{number}")
        resultd.deliver_to(testrail)
        resultd.imports(resultd.write("a.xml", junit(case("t299"))))
        each_case_once(testrail, 1)

    @pytest.mark.parametrize("missing", [{"add_cases"}, {"get_current_user"}])
    def test_an_endpoint_is_not_there_yet(self, resultd, testrail, missing):
        testrail.missing = missing
        resultd.deliver_to(testrail, create={"cases": True, "sections": True})
        resultd.imports(resultd.write("a.xml", junit(*[case(f"t{number}") for number in range(4)])))
        each_case_once(testrail, 4)
        assert len(testrail.store.cases) == 4

    def test_a_line_of_text_stands_before_the_json(self, resultd, testrail):
        testrail.banner = True
        testrail.case("t", automation="shop.Cart.t")
        resultd.deliver_to(testrail)
        resultd.imports(resultd.write("a.xml", junit(case("t"))))
        each_case_once(testrail, 1)

    def test_ids_are_text(self, resultd, testrail):
        testrail.ids_as_text = True
        resultd.deliver_to(testrail, create={"cases": True, "sections": True})
        resultd.imports(resultd.write("a.xml", junit(case("t"))))
        each_case_once(testrail, 1)

    def test_answers_come_in_chunks(self, resultd, testrail):
        testrail.chunked = True
        resultd.deliver_to(testrail, create={"cases": True, "sections": True})
        resultd.imports(resultd.write("a.xml", junit(case("t"))))
        each_case_once(testrail, 1)

    def test_the_server_lies_in_a_folder(self, resultd, make_testrail):
        testrail = make_testrail("/testrail")
        testrail.case("t", automation="shop.Cart.t")
        resultd.deliver_to(testrail)
        done = resultd.imports(resultd.write("a.xml", junit(case("t"))))
        each_case_once(testrail, 1)
        assert done.delivery()["url"] == f"{testrail.address}/index.php?/runs/view/{testrail.only_run['id']}"

    def test_there_is_no_automation_field(self, resultd, make_testrail):
        testrail = make_testrail(automation=False)
        resultd.deliver_to(testrail, match=["ref", "title"], create={"cases": True, "sections": True})
        resultd.imports(resultd.write("a.xml", junit(case("t"))))
        resultd.imports(resultd.write("b.xml", junit(case("t", time="2"))))
        assert len(testrail.store.cases) == 1 and len(testrail.results()) == 2


def test_a_case_made_by_hand_is_found_by_the_next_run_of_the_job(resultd, testrail):
    testrail.case("one", automation="shop.Cart.one")
    resultd.deliver_to(testrail)
    report = resultd.write("a.xml", junit(suite(case("one"), case("two"))))
    resultd.imports(report, code=4, options=["--run-name", "first"])
    testrail.case("two", automation="shop.Cart.two")
    # Runs that begin in the same two seconds share one look at what has changed.
    runs = iter(range(2, 1000))
    wait_until(lambda: resultd("import", "--again", "--run-name", f"run {next(runs)}", report).code == 0,
               what="the new case to be seen")
    assert len(testrail.results(run=testrail.runs[-1])) == 2
    reads = testrail.calls("get_cases")
    assert "updated_after" not in reads[0].target and all("updated_after" in call.target for call in reads[1:])
