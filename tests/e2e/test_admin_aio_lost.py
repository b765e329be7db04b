# SPDX-License-Identifier: Apache-2.0
"""Every write of `resultd aio`, on Cloud and on Server: its answer is lost, and nothing is there twice.

What puts the same thing again is asked again.  What would make a second thing is not: where it can be seen it is looked
up, else the person is told that it may have happened, and where the command itself can see it, saying it again does not
repeat it.
"""

import pytest

from reports import case, junit

pytestmark = pytest.mark.five_properties(by="one_more(): commands deliver no results, the state of the site is compared")
FEATURE = "Feature: Cart\n  Scenario: Pay\n"


class Scene:
    def __init__(self, resultd, site):
        self.resultd, self.site = resultd, site
        self.case = site.case("pay", automation="shop.Cart.pay", scriptType=site.only_project.script_types[0],
                              steps=[{"stepType": "TEXT", "step": "open"}])
        self.other = site.case("ship")
        self.cycle = site.cycle("c", [self.case])
        self.old = site.runs()[0]
        self.run = site.store.add_run(self.cycle["_cases"][self.case["ID"]])
        self.set = site.store.add_set(site.only_project, {"title": "smoke"}, [self.case])
        self.words = {"C": self.cycle["key"], "T": self.case["key"], "O": self.other["key"], "R": str(self.run["ID"]),
                      "OLD": str(self.old["ID"]), "S": self.set["key"],
                      "LOG": resultd.write("a.log", "text"), "XML": resultd.write("a.xml", junit(case("pay"))),
                      "FEATURE": resultd.write("a.feature", FEATURE)}

    def command(self, text):
        return [self.words.get(word, word) for word in text.split()]

    def state(self):
        """How much there is of everything."""
        project = self.site.only_project
        return {"cycles": len(project.cycles), "cases": len(project.cases), "sets": len(project.sets),
                "runs": len(self.site.runs()), "comments": sum(len(run["_comments"]) for run in self.site.runs()),
                "files": len(self.site.store.attachments), "folders": len(project.folders["cycle"]),
                "tags": len(project.tags), "in the set": len(self.set["_cases"])}


# call, command, what changes by one
MADE = [
    ("create_cycle", "cycles create x", "cycles"), ("migrate_cycle", "cycles create x --created 2025-03-01", "cycles"),
    ("create_case", "cases create x", "cases"), ("create_set", "sets create x", "sets"),
    ("import_feature", "cases import FEATURE", "cases"),
    ("mark", "runs update C T --status Passed --new-run", "runs"),
    ("migrate_run", "runs migrate C T --created 2025-03-01 --status Passed", "runs"),
    ("import_results", "runs import C XML", "runs"), ("import_batch", "runs import C XML --batch", "runs"),
    ("comment_run", "runs comment C R x", "comments"), ("comment_case", "runs comment C T x", "comments"),
    ("put_run", "runs steps C R 1=Passed", None), ("add_case", "cycles add C O --new-run", "runs"),
]
# those that are looked up at once
LOOKED_UP = [
    ("add_case", "cycles add C O", "runs"), ("delete_run", "runs delete C OLD --confirm OLD", "runs"),
    ("delete_cycle", "cycles delete C --with-cases --confirm c", "cycles"),
]
# those that see for themselves what is there
SEEN = [
    ("attach_run", "runs attach C R LOG", "files", "there already"),
    ("attach_step", "runs attach C R LOG --step STEP", "files", "there already"),
    ("attach_cycle", "cycles attach C LOG", "files", "there already"),
    ("attach_cycle_field", "cycles attach C LOG --field OBJECTIVE", "files", "there already"),
    ("attach_case", "cases attach T LOG", "files", "there already"),
    ("attach_case_field", "cases attach T LOG --field DESCRIPTION", "files", "there already"),
    ("attach_case_step", "cases attach T LOG --step CASESTEP", "files", "there already"),
    ("attach_case_step_field", "cases attach T LOG --step CASESTEP --field DATA", "files", "there already"),
]
SAME = [
    ("add_tags", "tags add x", "tags"), ("cycle_folder_path", "folders add x", "folders"),
    ("add_set_cases", "sets add S O", "in the set"), ("cycle_state", "cycles close C", None),
    ("put_cycle", "cycles update C --title y", None), ("put_case", "cases update T --title y", None),
    ("reset_run", "runs reset C R --confirm R", None), ("update_fields", "runs change C --every --effort 3s", None),
    ("cleanup_runs", "cycles cleanup C --older-than 1 --confirm C", None),
    ("update_fields_batch", "runs change C --every --effort 3s --batch", None),
    ("case_folder_path", "folders add x --of cases", None),
]


@pytest.fixture
def scene(resultd, site):
    one = Scene(resultd, site)
    one.words["STEP"] = str(one.run["testRunSteps"][0]["ID"])
    one.words["CASESTEP"] = str(one.case["steps"][0]["ID"])
    return one


def one_more(before, after, what):
    return what is None or abs(after[what] - before[what]) == 1


@pytest.mark.parametrize("endpoint, text, what", MADE)
def test_row_38_what_would_make_a_second_thing_is_not_repeated(tcms, scene, endpoint, text, what):
    before = scene.state()
    scene.site.fault(endpoint, after="reset")
    told = tcms(*scene.command(text), code=3)
    assert "may have happened" in told.err and len(scene.site.calls(endpoint)) == 1
    assert one_more(before, scene.state(), what)


@pytest.mark.parametrize("endpoint, text, what", LOOKED_UP)
def test_row_38_what_can_be_seen_is_looked_up(tcms, scene, endpoint, text, what):
    before = scene.state()
    scene.site.fault(endpoint, after="reset")
    told = tcms(*scene.command(text))
    assert "a look shows that it is done" in told.err and len(scene.site.calls(endpoint)) == 1
    assert one_more(before, scene.state(), what)


@pytest.mark.parametrize("endpoint, text, what", LOOKED_UP + [row[:3] for row in SEEN[:3]])
def test_row_39_what_never_arrived_stays_in_doubt(tcms, scene, endpoint, text, what):
    before = scene.state()
    scene.site.fault(endpoint, before="reset")
    told = tcms(*scene.command(text), code=3)
    assert "may have happened, though nothing of it is to be seen yet" in told.err, told
    assert len(scene.site.calls(endpoint)) == 1 and before == scene.state()


@pytest.mark.parametrize("endpoint, text, what, words", SEEN)
def test_row_38_saying_it_again_repeats_nothing(tcms, scene, endpoint, text, what, words):
    before = scene.state()
    scene.site.fault(endpoint, after="reset")
    assert "a look shows that it is done" in tcms(*scene.command(text)).err
    assert words in tcms(*scene.command(text)).err
    assert len(scene.site.calls(endpoint)) == 1 and one_more(before, scene.state(), what)


@pytest.mark.parametrize("endpoint, text, what", SAME)
def test_row_38_what_puts_the_same_thing_is_asked_again(tcms, scene, endpoint, text, what):
    before = scene.state()
    scene.site.fault(endpoint, after="reset")
    tcms(*scene.command(text))
    assert len(scene.site.calls(endpoint)) == 2 and one_more(before, scene.state(), what)
