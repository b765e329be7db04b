# SPDX-License-Identifier: Apache-2.0
"""Every write of a delivery to AIO Tests, on Cloud and on Server: its answer is lost, and nothing is there twice.

Rows 38, 40 and 41 of the faults: a reset after it was done, 502 after it was done, 200 without a body.  WRITES is the
list of them; test_aio_families.py knows which calls there are at all.
"""

import pytest

from planted import Planted
from reports import case, junit, suite

LOST = ["reset", "empty", 502]
PNG = b"\x89PNG" + bytes(3000)
STAMP = "2025-03-01T10:00:00Z"


class Site:
    """Three cases that tests find by key, and one cycle of others in which they were run yesterday."""

    def __init__(self, resultd, site):
        self.resultd, self.site = resultd, site
        self.keys = [site.case(f"case {number}", automation=f"shop.Cart.t{number}")["key"] for number in range(3)]
        self.cases = list(site.only_project.cases.values())

    def report(self, **attributes):
        return self.resultd.write("a.xml", junit(suite(
            *[case(f"{key} works", failure=None if number else "no") for number, key in enumerate(self.keys)],
            name="Cart", **attributes)))

    def theirs(self):
        cycle = self.site.cycle("Theirs", self.cases)
        for run in self.site.runs():
            run.update(testRunStatus=self.site.only_project.status("Passed"), createdDate=run["createdDate"] - 86400000,
                       updatedDate=run["updatedDate"] - 86400000)
        return cycle

    def delivers(self, report=None, options=(), **keys):
        self.resultd.deliver_to_aio(self.site, **keys)
        self.resultd.imports(report or self.report(), options=options)

    def own(self, statuses=("Failed", "Passed", "Passed"), comments=True):
        """One cycle of ours, one run a case."""
        cycle = self.site.only_cycle
        assert self.site.statuses_by_key(cycle) == {key: [status] for key, status in zip(self.keys, statuses)}
        if comments:
            assert [len(self.site.comments(run)) for run in self.site.runs(cycle=cycle)] == [1, 0, 0]
        return cycle


def new_cycle(s):
    s.delivers(cycle={"folder": ["CI", "N"], "tags": ["nightly"], "close": True})
    cycle = s.own()
    assert s.site.store.folder_path(s.site.only_project, "cycle", cycle["folder"]["ID"]) == ["CI", "N"]
    assert [tag["tag"]["name"] for tag in cycle["tags"]] == ["nightly"] and cycle["isClosed"]
    assert len(s.site.only_project.folders["cycle"]) == 2 and len(s.site.only_project.tags) == 1


def locked_cycle(s):
    s.delivers(cycle={"lock": True, "close": True})
    cycle = s.own()
    assert cycle["isLockedForEdit"] and cycle["isClosed"]


def cycle_of_a_set(s):
    made = s.site.store.add_set(s.site.only_project, {"title": "smoke"}, s.cases)
    s.delivers(cycle={"sets": [made["key"]]})
    s.own()


def new_cases(s):
    report = s.resultd.write("a.xml", junit(suite(case("new one"), case("new two"), name="Cart")))
    s.delivers(report, create={"cases": True, "folder": ["{suite}"]})
    assert sorted(one["title"] for one in s.site.only_project.cases.values()) == [
        "case 0", "case 1", "case 2", "new one", "new two"]
    assert [row["name"] for row in s.site.only_project.folders["case"].values()] == ["Cart"]
    assert len(s.site.runs(cycle=s.site.only_cycle)) == 2


def one_by_one(s):
    s.site.missing.add("mark_bulk")
    s.delivers()
    s.own()


def one_by_one_among_others(s):
    s.site.missing.add("mark_bulk")
    cycle = s.theirs()
    s.delivers(cycle={"key": cycle["key"]})
    assert list(s.site.statuses_by_key(cycle).values()) == [["Passed", "Failed"], ["Passed"] * 2, ["Passed"] * 2]


def among_others(s):
    cycle = s.theirs()
    s.delivers(cycle={"key": cycle["key"]})
    assert list(s.site.statuses_by_key(cycle).values()) == [["Passed", "Failed"], ["Passed"] * 2, ["Passed"] * 2]


def cases_first(s):
    s.site.outside = "refuse"
    s.delivers()
    s.own()


def each_attempt(s):
    report = s.resultd.write("a.xml", junit(*[case(
        key, inside='<rerunFailure message="first">one</rerunFailure>', failure="last") for key in s.keys]))
    s.delivers(report, attempts="each")
    assert list(s.site.statuses_by_key(s.site.only_cycle).values()) == [["Failed", "Failed"]] * 3


def the_past(s):
    s.delivers(s.report(timestamp=STAMP), options=["--backfill"])
    s.own()
    assert all(run["createdDate"] < 1742000000000 for run in s.site.runs())


def the_past_among_others(s):
    cycle = s.theirs()
    s.delivers(s.report(timestamp=STAMP), options=["--backfill"], cycle={"key": cycle["key"]})
    assert [sorted(statuses) for statuses in s.site.statuses_by_key(cycle).values()] == [
        ["Failed", "Passed"], ["Passed"] * 2, ["Passed"] * 2]


def steps(s):
    one = s.site.case("with steps", steps=[{"stepType": "TEXT", "step": "open"}],
                      scriptType=s.site.only_project.script_types[0])
    inside = '<properties><property name="step[failed]" value="no money"/></properties>'
    s.delivers(s.resultd.write("a.xml", junit(case(one["key"], inside=inside, failure="no"))), result={"steps": True})
    run, = s.site.runs()
    assert run["testRunSteps"][0]["actualResult"] == "no money"
    assert len(s.site.comments(run)) == 1 and len(run["testRunSteps"][0]["_comments"]) == 0


def files(s):
    planted = Planted(s.resultd)
    s.resultd.deliver_to_aio(s.site)
    planted.accept(s.report())
    part, = planted.parts()
    planted.add([(part, 0, "shot.png", PNG), (part, 0, "b.log", b"text"), (part, None, "run.txt", b"all")])
    s.resultd.delivers()
    cycle = s.own()
    assert sorted(name for name, _, _ in s.site.attached(s.site.runs()[0])) == ["b.log", "shot.png"]
    assert [name for name, _, _ in s.site.attached(cycle)] == ["run.txt"]


def files_of_an_old_server(s):
    s.site.missing.add("attach_run")
    files(s)


def handed_over(s):
    s.delivers(mode="import")
    s.own()


def handed_over_in_a_batch(s):
    s.delivers(mode="import", **{"import": {"batch": True}})
    s.own()


WRITES = [
    ("cycle_folder_path", new_cycle), ("add_tags", new_cycle), ("create_cycle", new_cycle), ("mark_bulk", new_cycle),
    ("cycle_state", locked_cycle), ("cycle_from_set", cycle_of_a_set), ("mark_bulk", cycle_of_a_set),
    ("case_folder_path", new_cases), ("create_case", new_cases), ("mark", one_by_one),
    ("mark", one_by_one_among_others), ("mark_bulk", among_others), ("mark_bulk", each_attempt),
    ("add_case", cases_first), ("migrate_cycle", the_past), ("migrate_runs", the_past),
    ("migrate_runs", the_past_among_others), ("put_run", steps), ("attach_run", files), ("attach_cycle", files),
    ("attach_latest", files_of_an_old_server), ("import_results", handed_over),
    ("import_batch", handed_over_in_a_batch),
]


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("endpoint, act", WRITES)
def test_rows_38_40_41_a_write_whose_answer_is_lost_leaves_no_twin(resultd, site, endpoint, act, how):
    site.fault(endpoint, after=how if isinstance(how, str) else site.error(how))
    act(Site(resultd, site))
    assert site.calls(endpoint)


@pytest.mark.parametrize("endpoint, act", WRITES)
def test_row_39_a_write_that_never_arrived_is_done(resultd, site, endpoint, act):
    """Nobody knows that it did not: it is looked up, not found, and sent again."""
    site.fault(endpoint, before="early")
    act(Site(resultd, site))
    assert len(site.calls(endpoint)) >= 2
