# SPDX-License-Identifier: Apache-2.0
"""Real reports of several producers, the whole way: from a folder to results in a run."""

import json

import pytest

from expect import one_closed_run, results_match_reports

FOLDERS = ["gurock-trcli", "jenkinsci-testng-plugin-plugin"]


def reports_in(corpus, *folders):
    """path -> what an independent count says of it."""
    expected = json.loads((corpus / "expected.json").read_text())
    return {name: facts for name, facts in expected.items() if name.split("/")[0] in folders}


def parsed(resultd, paths):
    done = resultd("parse", "--format", "jsonl", *paths)
    assert done.code in (0, 5), done
    return done.lines


def test_every_readable_case_of_two_folders_is_delivered_once(resultd, testrail, corpus):
    testrail.store.add_case(testrail.section("Old")["id"], {"title": "not in any report"})
    # All leave at the end of the run: an attempt that came after its test was posted would be one more.
    resultd.deliver_to(testrail, match=["automation"], several="each", batch=1000, linger="10m",
                       create={"cases": True, "sections": True})
    truncated = resultd.write("truncated.xml", '<testsuite name="T">\n <testcase name="whole" classname="t"/>\n'
                                               ' <testcase name="half" classname="t">\n')
    malformed = resultd.write("malformed.xml", '<testsuite name="T">\n  <testcase name="a" </testsuite>\n')

    done = resultd.imports(*[corpus / folder for folder in FOLDERS], truncated, malformed, code=5)

    facts = reports_in(corpus, *FOLDERS)
    states = {entry["path"]: entry for entry in done.receipt["files"]}
    assert len(states) == len(facts) + 2
    for name, fact in facts.items():
        entry = states[str(corpus / name)]
        if fact["status"] == "ok":
            assert (entry["state"], entry["complete"], entry["cases"]) == ("accepted", True, fact["cases"])
        else:
            wanted = {"not-junit": "skipped", "empty": "malformed"}[fact["status"]]
            assert entry["state"] == wanted and entry["reason"]
    assert states[str(malformed)]["state"] == "malformed"
    assert "malformed.xml:2:" in states[str(malformed)]["reason"]
    assert (states[str(truncated)]["state"], states[str(truncated)]["complete"]) == ("accepted", False)
    assert "truncated.xml:4:" in states[str(truncated)]["reason"]

    readable = [corpus / name for name, fact in facts.items() if fact["status"] == "ok"]
    results_match_reports(testrail, parsed(resultd, [*readable, truncated]))
    run = one_closed_run(testrail)
    assert testrail.store.results_of(run["id"]) == testrail.results()
    assert done.delivery()["state"] == "delivered"
    assert done.delivery()["posted"] == len(testrail.results())
    assert done.delivery()["remote_id"] == str(run["id"])


def test_the_same_command_again_posts_nothing(resultd, testrail, corpus):
    resultd.deliver_to(testrail, match=["automation"], create={"cases": True, "sections": True})
    folder = corpus / "gurock-trcli" / "tests_e2e"
    resultd.imports(folder)
    before = len(testrail.results())
    writes = len(testrail.calls(method="POST"))
    done = resultd.imports(folder)
    assert {entry["state"] for entry in done.receipt["files"]} == {"duplicate"}
    assert len(testrail.results()) == before > 0
    assert len(testrail.calls(method="POST")) == writes


@pytest.mark.parametrize("folder", FOLDERS)
def test_parse_counts_what_an_independent_count_says(resultd, corpus, folder):
    facts = reports_in(corpus, folder)
    done = resultd("parse", "--format", "summary", *[corpus / name for name in facts])
    assert done.code == (5 if folder == "gurock-trcli" else 0), done
    said = {line["file"]: line for line in done.lines}
    for name, fact in facts.items():
        line = said[str(corpus / name)]
        if fact["status"] != "ok":
            assert (line["format"], line["cases"]) == ("unknown", 0)
            continue
        for key in ("format", "suites", "cases", "passed", "failed", "skipped"):
            assert line[key] == fact[key], f"{name}: {key}"
        assert line["complete"] and line["error"] == fact.get("error", 0)


def test_a_report_with_references_reaches_the_cases_that_it_names(resultd, testrail, corpus):
    report = corpus / "gurock-trcli/tests/test_data/XML/multiple_case_ids_in_name.xml"
    named = [number for number in range(1050380, 1050410)
             if f"C{number}" in report.read_text()]
    for number in named:
        testrail.case(f"case {number}", number=number)
    resultd.deliver_to(testrail, match=["ref"])
    done = resultd.imports(report)
    assert {row["_case"] for row in testrail.results()} == set(named)
    assert len(testrail.results()) == len(named)
    assert done.delivery()["parked"] == 0
