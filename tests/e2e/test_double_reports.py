# SPDX-License-Identifier: Apache-2.0
"""One run that a tree tells several times is counted once; whatever is told once only is never left out."""

import shutil

import pytest

from reports import case, junit, method, suite, testng
from resultd import REPOSITORY, wait_until

FIXTURES = REPOSITORY / "tests" / "fixtures"


@pytest.fixture
def tree(resultd):
    """A folder to be imported, and what became of its files."""
    folder = resultd.folder / "reports"

    def imported(*paths, code=0, options=("--no-wait",)):
        done = resultd.imports(*(paths or [folder]), code=code, options=options)
        files = {str(entry["path"]).removeprefix(str(folder) + "/"): entry for entry in done.receipt["files"]}
        assert len(files) == len(done.receipt["files"]), "a file is told of twice"
        return done, files
    imported.folder = folder
    return imported


def states(files):
    return {name: entry["state"] for name, entry in files.items()}


def cases(files):
    return sum(entry["cases"] for entry in files.values() if entry["state"] == "accepted")


def copy(tree, name, *sources):
    for source in sources:
        target = tree.folder / name / source.split("/", 1)[1]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FIXTURES / source, target)


def test_ants_aggregate_beside_its_single_files(tree):
    copy(tree, "ant", "ant/TESTS-TestSuites.xml", "ant/TEST-shop.CartTest.xml", "ant/TEST-shop.RowsTest.xml",
         "ant/TEST-shop.BrokenTest.xml")
    done, files = tree()
    assert files["ant/TESTS-TestSuites.xml"]["state"] == "skipped"
    assert "single files" in files["ant/TESTS-TestSuites.xml"]["reason"]
    assert cases(files) == 9
    assert done.err.count("TESTS-TestSuites.xml") == 1


def test_ants_aggregate_of_which_a_part_is_gone(tree):
    copy(tree, "ant", "ant/TESTS-TestSuites.xml", "ant/TEST-shop.CartTest.xml")
    _, files = tree()
    assert set(states(files).values()) == {"accepted"}


def test_what_testng_wrote_in_three_forms(tree):
    copy(tree, "out", "testng/testng-results.xml")
    (tree.folder / "out" / "junitreports").mkdir()
    shutil.copy(FIXTURES / "testng/junitreports.xml", tree.folder / "out/junitreports/TEST-shop.SampleTest.xml")
    (tree.folder / "out" / "All").mkdir()
    shutil.copy(FIXTURES / "testng/test.xml", tree.folder / "out/All/Sample.xml")
    _, files = tree()
    assert states(files) == {"out/testng-results.xml": "accepted", "out/All/Sample.xml": "skipped",
                             "out/junitreports/TEST-shop.SampleTest.xml": "skipped"}
    assert "testng-results.xml" in files["out/All/Sample.xml"]["reason"]
    assert cases(files) == 18


def surefire(resultd, *more):
    rows = [case("pays", "shop.Cart"), case("ships", "shop.Cart", failure="no"), *more]
    resultd.write("target/surefire-reports/TEST-TestSuite.xml", junit(suite(*rows, name="TestSuite")))
    resultd.write("target/surefire-reports/junitreports/TEST-shop.Cart.xml", suite(*rows[:2], name="shop.Cart"))
    resultd.write("target/surefire-reports/testng-results.xml",
                  testng(method("pays"), method("ships", "FAIL", message="no"), method("setUp", config=True),
                         class_name="shop.Cart"))


def test_surefires_own_report_beside_what_testng_wrote(resultd, tree):
    surefire(resultd)
    _, files = tree()
    assert cases(files) == 2
    assert [name for name, state in states(files).items() if state == "accepted"] == \
        ["target/surefire-reports/testng-results.xml"]


def test_surefires_own_report_with_a_configuration_method_that_failed(resultd, tree):
    surefire(resultd, case("tearDown", "shop.Cart", failure="cannot"))
    _, files = tree()
    assert cases(files) == 3
    assert [name for name, state in states(files).items() if state == "accepted"] == \
        ["target/surefire-reports/TEST-TestSuite.xml"]


def test_a_merged_file_beside_its_parts(resultd, tree):
    one, two = suite(case("a"), name="one"), suite(case("b"), case("c"), name="two")
    resultd.write("one.xml", one)
    resultd.write("deep/two.xml", two)
    resultd.write("Merged-JUnit-report.xml", junit(one, two))
    _, files = tree()
    assert states(files) == {"one.xml": "accepted", "deep/two.xml": "accepted", "Merged-JUnit-report.xml": "skipped"}


@pytest.mark.parametrize("merged", [
    [suite(case("a"), case("b"), name="one")],                      # more than its parts
    [suite(case("a", failure="no"), name="one")],                   # another verdict
    [suite(case("a", time="0.26"), name="one")],                    # another time
], ids=["more", "verdict", "time"])
def test_a_merged_file_that_says_something_else_is_taken(resultd, tree, merged):
    resultd.write("one.xml", suite(case("a"), name="one"))
    resultd.write("merged.xml", junit(*merged))
    _, files = tree()
    assert set(states(files).values()) == {"accepted"}


def test_files_that_are_named_are_taken(resultd, tree):
    part = suite(case("a"), name="one")
    one, merged = resultd.write("one.xml", part), resultd.write("merged.xml", junit(part))
    _, files = tree(one, merged)
    assert set(states(files).values()) == {"accepted"}


def test_parts_of_a_merged_file_that_is_named_are_left_out(resultd, tree):
    part = suite(case("a"), name="one")
    resultd.write("parts/one.xml", part)
    resultd.write("parts/two.xml", suite(case("b"), name="two"))
    merged = resultd.write("merged.xml", junit(part))
    _, files = tree(merged, tree.folder / "parts")
    assert states(files) == {"merged.xml": "accepted", "parts/one.xml": "skipped", "parts/two.xml": "accepted"}


def test_the_same_import_again_changes_nothing(resultd, tree):
    surefire(resultd)
    _, first = tree()
    _, second = tree()
    assert states(second) == {name: "duplicate" if state == "accepted" else state
                              for name, state in states(first).items()}


def test_trees_of_the_corpus(tree, corpus):
    _, files = tree(corpus / "8dspaces-allure-selenide")
    assert sorted(states(files).values()) == ["accepted", "skipped", "skipped"]
    assert cases(files) == 6


def test_what_an_earlier_run_left_beside_testng_results_is_taken(tree, corpus):
    folder = corpus / "courses-at-nju-by-hfwei-tpdsl"
    _, files = tree(folder)
    left_out = {name.rsplit("/", 1)[1] for name, entry in files.items()
                if entry["state"] == "skipped" and "same results" in entry["reason"]}
    assert left_out == {"TEST-symtab.simple.DefSymbolsAndScopesTest.xml", "Gradle test.xml"}
    assert cases(files) == 5


# ---- within one run of a watch ----

ROWS = [case("pays", "shop.Cart"), case("ships", "shop.Cart", failure="no")]
TESTNG = testng(method("pays"), method("ships", "FAIL", message="no"), class_name="shop.Cart")
SINGLE = suite(*ROWS, name="shop.Cart")


@pytest.fixture
def watching(resultd, testrail):
    resultd.scale = 1

    def start(after=None, **run):
        resultd.configure(
            {"rail": resultd.rail(testrail, linger="100ms", several="each", match=["automation"],
                                  create={"cases": True, "sections": True})},
            watch=[{"name": "inbox", "path": str(resultd.inbox) + "/{build}", "files": ["**/*.xml"],
                    "settle": "100ms", **(after or {}),
                    "run": {"key": "{build}", "name": "#{build}", "close_after": "2s", **run}}])
        return resultd.spawn("run")
    return start


def test_a_watch_takes_one_form_of_what_was_there(resultd, testrail, watching):
    resultd.drop("17/TEST-TestSuite.xml", junit(suite(*ROWS, name="TestSuite")))
    resultd.drop("17/junitreports/TEST-shop.Cart.xml", SINGLE)
    resultd.drop("17/testng-results.xml", TESTNG)
    daemon = watching()
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert len(testrail.results()) == 2
    assert daemon.err.count("skipped: ") == 2
    assert daemon.err.count("accepted ") == 1
    assert daemon.terminate().code == 0


def test_a_watch_remembers_the_form_that_came_first(resultd, testrail, watching):
    daemon = watching()
    resultd.drop("17/junitreports/TEST-shop.Cart.xml", SINGLE)
    daemon.says("accepted .*junitreports")
    resultd.drop("17/testng-results.xml", TESTNG)
    daemon.says("skipped: .*testng-results.xml")
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert len(testrail.results()) == 2
    assert daemon.terminate().code == 0


def test_a_watch_leaves_a_merged_file_out(resultd, testrail, watching):
    daemon = watching()
    resultd.drop("17/one.xml", SINGLE)
    resultd.drop("17/two.xml", suite(case("returns", "shop.Desk"), name="two"))
    daemon.says("accepted .*two.xml")
    resultd.drop("17/merged.xml", junit(SINGLE, suite(case("returns", "shop.Desk"), name="two")))
    daemon.says("skipped: .*merged.xml")
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert len(testrail.results()) == 3
    assert daemon.terminate().code == 0


def test_a_watch_takes_what_only_looks_alike(resultd, testrail, watching):
    """The same results, but of another run."""
    daemon = watching()
    resultd.drop("17/testng-results.xml", TESTNG)
    resultd.drop("18/junitreports/TEST-shop.Cart.xml", SINGLE)
    testrail.wait_for("close_run", count=2, timeout=40, answered=True)
    assert len(testrail.results()) == 4
    assert "skipped: " not in daemon.err
    assert daemon.terminate().code == 0


@pytest.mark.parametrize("ended", [False, True], ids=["in an open run", "after the run"])
def test_a_watch_remembers_the_form_that_came_first_over_a_restart(resultd, testrail, watching, ended):
    """What was left out before is there still, and is left out again, whoever took the rest."""
    run = {} if ended else {"close_after": "20s"}
    daemon = watching(**run)
    resultd.drop("17/junitreports/TEST-shop.Cart.xml", SINGLE)
    daemon.says("accepted .*junitreports")
    resultd.drop("17/testng-results.xml", TESTNG)
    daemon.says("skipped: .*testng-results.xml")
    if ended:
        testrail.wait_for("close_run", timeout=40, answered=True)
    assert daemon.terminate().code == 0

    daemon = watching(**run)
    daemon.says("skipped: .*testng-results.xml")
    resultd.drop("17/DONE.xml", suite(case("rests", "shop.Desk"), name="two"))
    daemon.says("accepted .*DONE.xml")
    assert "testng-results" not in "".join(line for line in daemon.err.splitlines() if "accepted" in line)
    assert daemon.terminate().code == 0


@pytest.mark.parametrize("after", ["move", "delete"])
def test_a_watch_knows_another_form_of_what_it_puts_away(resultd, testrail, watching, after):
    """What was taken lies beside what comes until the run has ended; both a merged file and another form are known."""
    keys = {"after": after, **({"after_dir": str(resultd.folder / "done")} if after == "move" else {})}
    daemon = watching(keys)
    parts = [resultd.drop("17/one.xml", SINGLE),
             resultd.drop("17/two.xml", suite(case("returns", "shop.Desk"), name="two"))]
    forms = [resultd.drop("18/junitreports/TEST-shop.Cart.xml", SINGLE)]
    wait_until(lambda: daemon.err.count(": accepted ") == 3, what="three reports")
    resultd.drop("17/merged.xml", junit(SINGLE, suite(case("returns", "shop.Desk"), name="two")))
    resultd.drop("18/testng-results.xml", TESTNG)
    daemon.says("skipped: .*merged.xml")
    daemon.says("skipped: .*testng-results.xml")
    testrail.wait_for("close_run", count=2, timeout=40, answered=True)
    wait_until(lambda: not any(path.exists() for path in parts + forms), what="all to be put away")
    assert len(testrail.results()) == 5
    assert daemon.terminate().code == 0
