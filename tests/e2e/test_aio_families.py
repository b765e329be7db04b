# SPDX-License-Identifier: Apache-2.0
"""No call of the vendor's description is left out: a delivery makes it, or a command does.

Each row says what is done, on Cloud and on Server, and which calls it is there for; together the rows name every
call that the stand-in knows, and the stand-in knows every call of the description.  sinks/aio/README.md is the table for
people.
"""

import re

import pytest

from reports import case, junit, suite
from resultd import REPOSITORY
from standins.aio import ROUTES
from standins.aio_spec import Spec
from test_admin_aio_lost import LOOKED_UP, MADE, SAME, SEEN
from test_aio_lost import WRITES


class Tour:
    """One site, with something of each kind on it."""

    def __init__(self, resultd, site):
        self.resultd, self.site = resultd, site
        site.missing.clear()
        steps = [{"stepType": "TEXT", "step": "open"}]
        self.case = site.case("pay", automation="shop.Cart.pay", steps=steps,
                              scriptType=site.only_project.script_types[0])
        self.other = site.case("ship")
        self.cycle = site.cycle("c", [self.case])
        self.set = site.store.add_set(site.only_project, {"title": "smoke"}, [self.case])
        self.run = site.runs()[0]
        self.shot = resultd.folder / "shot.png"
        self.shot.write_bytes(b"\x89PNG\r\n\x1a\n pixels")
        resultd.deliver_to_aio(site)

    def delivers(self, *tests, options=(), **keys):
        self.resultd.deliver_to_aio(self.site, **keys)
        report = self.resultd.write("a.xml", junit(suite(*tests, timestamp="2026-11-20T10:00:00Z", name="Cart")))
        self.resultd.imports(report, options=["--again", *options])

    def does(self, *args):
        done = self.resultd("aio", *args)
        assert done.code == 0, done
        return done


def words(*args):
    """A command whose words are taken from the tour where they are functions."""
    return lambda t: t.does(*[arg(t) if callable(arg) else arg for arg in args])


def cycle(t):
    return t.cycle["key"]


def key(t):
    return t.case["key"]


def run(t):
    return str(t.run["ID"])


def shot(t):
    return t.shot


def step_of_case(t):
    return str(t.case["steps"][0]["ID"])


def step_of_run(t):
    return str(t.run["testRunSteps"][0]["ID"])


def of_a_new_cycle(t):
    t.delivers(case("pay"), case("new"), create={"cases": True, "folder": ["{suite}"]}, evidence={"report": True},
               cycle={"folder": ["CI"], "tags": ["nightly"], "close": True, "reuse": True, "name": "N"})


def an_old_server(t):
    t.site.missing |= {"get_config", "search_cases", "search_cycles", "attach_run", "mark_bulk"}
    t.delivers(case("pay"), result={"steps": True}, cycle={"reuse": True, "name": "other"})
    t.site.missing.clear()


def a_site_that_wants_cases_first(t):
    t.site.outside = "refuse"
    t.delivers(case(f"{t.other['key']} ships"))
    t.site.outside = "add"


def an_unknown_end(t):
    t.site.fault("create_case", after="reset")
    t.site.fault("mark_bulk", after="reset")
    t.site.fault("case_folder_path", after="reset")
    t.site.fault("cycle_folder_path", after="reset")
    t.delivers(case("lost"), create={"cases": True, "folder": ["Lost"]}, cycle={"folder": ["Lost"]})


def steps_of_a_run(t):
    t.delivers(case("pay", inside='<properties><property name="step[passed]" value="opened"/></properties>'),
               result={"steps": True})


def a_file_of_an_old_server(t):
    t.site.missing.add("attach_run")
    t.resultd.write("shot.log", "what was seen")
    t.delivers(case("pay", inside="<system-out>[[ATTACHMENT|shot.log]]</system-out>", failure="no"))
    t.site.missing.clear()


def a_file_comes_back(t):
    number = str(t.case["_attachments"][0]["ID"])
    t.does("attachments", "get", number, t.resultd.folder / "back.png")


def features(t):
    path = t.resultd.write("cart.feature", "Feature: Cart\n  Scenario: Pay\n")
    t.does("cases", "import", path)


def a_report(*options):
    def act(t):
        t.does("runs", "import", cycle(t), t.resultd.write("r.xml", junit(case("pay"))), *options)
    return act


def deleted_run(t):
    t.does("cycles", "add", cycle(t), key(t), "--new-run")
    t.does("runs", "delete", cycle(t), run(t), "--confirm", run(t))
    t.run = t.site.runs(t.case, t.cycle)[-1]


TOUR = [
    # deliveries
    (of_a_new_cycle, "get_config list_cases case_folder_path create_case cycle_folder_path add_tags search_cycles "
                     "create_cycle mark_bulk cycle_state attach_cycle"),
    (an_unknown_end, "search_cases case_folders cycle_folders cycle_cases"),
    (an_old_server, "run_statuses mark list_cycles"),
    (a_site_that_wants_cases_first, "add_case"),
    (steps_of_a_run, "get_run put_run"), (a_file_of_an_old_server, "attach_latest"),
    (lambda t: t.delivers(case("pay"), cycle={"key": cycle(t)}), "get_cycle"),
    (lambda t: t.delivers(case("pay"), cycle={"sets": [t.set["key"]]}), "cycle_from_set"),
    (lambda t: t.delivers(case(f"{key(t)} long ago"), options=["--backfill"]), "migrate_cycle migrate_runs"),
    (lambda t: t.delivers(case("pay"), mode="import"), "import_results"),
    (lambda t: t.delivers(case("pay"), mode="import", **{"import": {"batch": True}}), "import_batch get_batch"),
    # configuration
    (words("statuses", "--of", "step"), "step_statuses"), (words("statuses", "--of", "case"), "case_statuses"),
    (words("statuses", "--of", "automation"), "automation_statuses"),
    (words("statuses", "--of", "type"), "case_types"), (words("statuses", "--of", "priority"), "case_priorities"),
    (words("statuses", "--of", "script"), "script_types"), (words("fields"), "custom_fields"),
    (words("fields", "types"), "custom_field_types"), (words("parameters"), "predefined_parameters"),
    (words("tags"), "get_tags"), (words("folders", "--of", "sets"), "set_folders"),
    # cases
    (words("cases", "show", key), "get_case"), (words("cases", "update", key, "--title", "pays"), "put_case"),
    (words("cases", "attach", key, shot), "attach_case"),
    (words("cases", "attach", key, shot, "--field", "DESCRIPTION"), "attach_case_field"),
    (words("cases", "attach", key, shot, "--step", step_of_case), "attach_case_step"),
    (words("cases", "attach", key, shot, "--step", step_of_case, "--field", "DATA"), "attach_case_step_field"),
    (a_file_comes_back, "get_attachment"), (features, "import_feature"),
    (words("cases", "export", "features.zip"), "export_features"),
    # sets
    (words("sets", "list"), "list_sets"), (words("sets", "list", "--title", "smoke"), "search_sets"),
    (words("sets", "create", "all"), "create_set"), (words("sets", "add", lambda t: t.set["key"], key),
                                                     "add_set_cases"),
    (words("sets", "cases", lambda t: t.set["key"]), "set_cases"),
    # cycles
    (words("cycles", "update", cycle, "--objective", "o"), "put_cycle"),
    (words("cycles", "summary", cycle), "cycle_summary"),
    (words("cycles", "attach", cycle, shot, "--field", "OBJECTIVE"), "attach_cycle_field"),
    # runs
    (words("runs", "list", cycle), "cycle_runs"), (words("runs", "latest", cycle, key), "latest_run"),
    (words("runs", "update", cycle, key, "--status", "Passed"), "mark"),
    (words("runs", "comment", cycle, run, "c"), "comment_run"),
    (words("runs", "comment", cycle, key, "c"), "comment_case"),
    (words("runs", "attach", cycle, run, shot), "attach_run"),
    (words("runs", "attach", cycle, run, shot, "--step", step_of_run), "attach_step"),
    (words("runs", "reset", cycle, run, "--confirm", run), "reset_run"),
    (a_report(), "import_results"), (a_report("--batch", "--wait"), "import_batch get_batch"),
    (words("runs", "change", cycle, "--every", "--effort", "3s"), "update_fields"),
    (words("runs", "change", cycle, "--every", "--effort", "3s", "--batch"), "update_fields_batch"),
    (words("runs", "migrate", cycle, key, "--created", "2025-03-01", "--status", "Passed"), "migrate_run"),
    (deleted_run, "delete_run"),
    (words("cycles", "cleanup", cycle, "--older-than", "1", "--confirm", cycle), "cleanup_runs"),
    (words("traceability", "AT-7"), "traceability"),
    (words("cycles", "delete", cycle, "--with-cases", "--confirm", "c"), "delete_cycle"),
]


def test_each_row_makes_the_calls_that_it_is_there_for(resultd, site):
    tour = Tour(resultd, site)
    for act, names in TOUR:
        before = len(site.requests)
        act(tour)
        made = {call.endpoint for call in site.requests[before:] if call.status == 200}
        assert set(names.split()) <= made, (names, sorted(made))


def test_the_rows_name_every_call():
    shown = {name for _, names in TOUR for name in names.split()}
    assert shown == {route.name for route in ROUTES}


def test_the_stand_in_knows_every_call_of_the_description():
    spec = Spec.load()
    if spec is None:
        pytest.skip("no description of the vendor's (RESULTD_API)")
    known = {(route.method.lower(), spec.find(route.method, route.parts[2:])[0]) for route in ROUTES}
    assert known == {(method, path) for _, method, path, _, _ in spec.operations}


def test_the_table_for_people_holds_every_call():
    text = (REPOSITORY / "sinks" / "aio" / "README.md").read_text(encoding="utf-8")
    table = {tuple(cell.split()) for cell in re.findall(r"`((?:GET|POST|PUT|DELETE) [^`]+)`", text)}
    assert table == {(route.method, "/" + "/".join(route.parts[2:])) for route in ROUTES}


def test_each_write_has_its_lost_answer():
    """By a delivery or by a command; what only asks may be asked again."""
    lost = {row[0] for rows in (MADE, LOOKED_UP, SAME, SEEN, WRITES) for row in rows}
    assert lost == {route.name for route in ROUTES if not route.reads}
