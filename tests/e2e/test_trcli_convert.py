# SPDX-License-Identifier: Apache-2.0
"""resultd testrail convert-config: a file of the vendor's command line becomes ours, and ours is taken."""

import json
import re

import pytest

from reports import numbered
from resultd import REPOSITORY

FULL = """
host: example.testrail.io/
project: My {odd} project
username: a@example.com
key: s3cret-of-trcli
password: s3cret-too
file: results.xml
title: "Nightly {x}"
run_description: "made by: CI"
case_matcher: PROPERTY
auto_creation_response: true
suite_id: 7
milestone_id: 3
plan_id: 12
config_ids: 34, 52
case_fields:
  type_id: 1
  priority_id: "3"
  custom_team: "a: b"
insecure: false
proxy: http://proxy.example.com:8080
update_existing_cases: yes
update_strategy: append
assign_failed_to: a@example.com,b@example.com
batch_size: 100
timeout: 60
---
result_fields: ["version:1.0 {beta}", "custom_browser:3"]
something_new: 1
"""


def convert(resultd, text, name="trcli.yml"):
    path = resultd.write(name, text)
    return resultd("testrail", "convert-config", path)


def test_the_parser_of_several_suites_becomes_suites(resultd, testrail):
    done = convert(resultd, f"host: {testrail.address}\nproject: Datahub\nusername: {testrail.user}\nkey: x\n"
                            "special_parser: multisuite\nsuite_id: 7\ntitle: All of it\n")
    assert done.code == 0 and "suites: all" in done.out and "suite: " not in done.out
    resultd.configure_text(done.out.replace("{env: TESTRAIL_KEY}", testrail.key))
    testrail.case("t1", automation="shop.Cart.test_00001")
    resultd.imports(resultd.write("a.xml", numbered(1)), options=["--run-name", "x"])
    assert [plan["name"] for plan in testrail.plans] == ["All of it"] and len(testrail.results()) == 1


def test_every_parameter_finds_its_key(resultd):
    done = convert(resultd, FULL)
    assert done.code == 0, done
    for line in ("url: https://example.testrail.io", "user: a@example.com", 'project: "My {odd} project"', 'suite: "7"',
                 'plan: "12"', 'milestone: "3"', "match: [ref, automation]", "key: {env: TESTRAIL_KEY}", "cases: true",
                 "cases: fields", "refs: append", "assign_failed: [a@example.com, b@example.com]", "close: false"):
        plain = line.replace('"', "")
        assert plain in done.out.replace('"', "").replace("'", ""), line
    assert "Nightly {{x}}" in done.out, "braces are templates of ours"
    assert "timeout" in done.out and "something_new" in done.out, "what has no counterpart is said"
    assert "s3cret" not in done.out + done.err


def test_what_comes_out_is_a_configuration(resultd):
    done = convert(resultd, FULL)
    resultd.environment["TESTRAIL_KEY"] = "from-the-environment"
    resultd.secrets.append("from-the-environment")
    resultd.configure_text(re.sub(r"    update:\n(      .*\n)+", "", done.out))
    checked = resultd("check")
    assert checked.code == 0, checked


def test_a_run_with_an_id_needs_no_plan(resultd):
    """trcli takes both; here the plan would choose another run, and `check` would refuse what came out."""
    done = convert(resultd, "host: h.example.com\nusername: u\nproject: P\nrun_id: 77\nplan_id: 8\n"
                            "special_parser: multisuite\n")
    assert "id: 77\n" in done.out and not re.search(r"^    (plan|suites):", done.out, re.M), done
    assert re.search(r"#   plan_id +run_id names the run", done.out), done
    resultd.environment["TESTRAIL_KEY"] = "from-the-environment"
    resultd.secrets.append("from-the-environment")
    resultd.configure_text(done.out)
    assert resultd("check").code == 0


def test_a_matcher_without_creation_stays_alone(resultd):
    assert "match: [ref]\n" in convert(resultd, "host: h.example.com\ncase_matcher: name\n").out


def test_the_least_file(resultd):
    done = convert(resultd, "host: https://h.example.com/testrail/\nproject_id: 4\nusername: u\nkey: k3y-k3y\n")
    assert done.code == 0 and "url: https://h.example.com/testrail\n" in done.out.replace('"', "") and "k3y-k3y" not in done.out


@pytest.mark.parametrize("text, place", [
    ("host: [a\n", ":"), ("- a\n- b\n", ":1:1:"), ("host: x\n---\ncase_fields: [abc]\n", ":3:"),
    ("case_matcher: sometimes\n", ":1:")])
def test_what_cannot_be_read_is_said_with_its_place(resultd, text, place):
    done = convert(resultd, text)
    assert done.code == 2 and done.out == ""
    assert re.search(r"trcli\.yml" + place, done.err), done


def test_a_file_that_is_not_there(resultd):
    done = resultd("testrail", "convert-config", resultd.folder / "none.yml")
    assert done.code == 2 and "none.yml" in done.err


def test_converted_and_delivered(resultd, testrail):
    """The road of a team that moves over: convert, name the key, import."""
    testrail.case("one", automation="shop.Cart.test_00001")
    text = (f"host: {testrail.address}\nproject: Datahub\nusername: {testrail.user}\nkey: {testrail.key}\n"
            "title: Moved over\ncase_matcher: auto\nclose_run: true\n")
    resultd.secrets.append(testrail.key)
    resultd.environment["TESTRAIL_KEY"] = testrail.key
    resultd.configure_text(convert(resultd, text).out)
    done = resultd.imports(resultd.write("TEST-a.xml", numbered(1)))
    assert testrail.only_run["name"] == "Moved over" and testrail.only_run["is_completed"]
    assert json.loads(done.out)["runs"][0]["deliveries"][0]["posted"] == 1


def test_the_page_names_every_parameter():
    """etc/trcli.md and the table of the converter are about the same things."""
    page = (REPOSITORY / "etc" / "trcli.md").read_text()
    source = (REPOSITORY / "daemon" / "cli" / "trcli.c").read_text()
    for name in re.findall(r'^\s*\{ "([a-z_]+)", AS_(?!NOTE)', source, re.M):
        if name in ("auto_creation_response", "update_cases", "run_refs"):
            continue
        assert name.replace("_", "-") in page, name
