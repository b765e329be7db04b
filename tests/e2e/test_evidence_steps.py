# SPDX-License-Identifier: Apache-2.0
"""Files that a step of a test names: at that step of the run, where the run has it."""

import pytest

from reports import case, junit

TEXTS = ("open", "pay", "leave")


@pytest.fixture(params=["cloud", "server"])
def either(request, make_aio):
    return make_aio(request.param, "/jira" if request.param == "server" else "")


def told(name, *files, inside="", key="step[{}]"):
    """A failed test of three steps, each of which may name a file."""
    statuses = ["passed", "failed", "notrun"]
    steps = "".join(f'<property name="{key.format(statuses[at])}" value="{TEXTS[at]}'
                    + (f" [[ATTACHMENT|{files[at]}]]" if files[at] else "") + '"/>' for at in range(len(files)))
    return case(name, failure="no", inside=f"<properties>{steps}</properties>{inside}")


def with_steps(aio, count=3):
    steps = [{"stepType": "TEXT", "step": text} for text in TEXTS[:count]]
    more = {"steps": steps, "scriptType": aio.only_project.script_types[0]} if count else {}
    return aio.case(f"with {count} steps", **more)["key"]


def write(resultd, *names):
    for name in names:
        resultd.write(name, name)


def of_steps(aio, run):
    return [[data.decode() for _, _, data in aio.attached(step)] for step in run["testRunSteps"]]


def test_a_file_of_a_step_hangs_on_that_step_and_the_others_on_the_run(resultd, either):
    key = with_steps(either)
    write(resultd, "1.png", "3.png", "all.log")
    resultd.deliver_to_aio(either, result={"steps": True})
    resultd.imports(resultd.write("a.xml", junit(told(
        f"{key} pays", "1.png", None, "3.png", inside="<system-out>[[ATTACHMENT|all.log]]\n</system-out>"))))
    [run] = either.runs()
    assert of_steps(either, run) == [["1.png"], [], ["3.png"]]
    assert [data for _, _, data in either.attached(run)] == [b"all.log"]
    # what people read of a step does not name its file
    assert [step["actualResult"] for step in run["testRunSteps"]] == list(TEXTS)
    assert len(either.calls("get_run")) == 2        # once for the statuses, once for all files
    assert either.violations == []


@pytest.mark.parametrize("key", ["step", "step[{}]", "testrail_result_step_{}"])
def test_each_convention_of_steps_may_name_files(resultd, aio, key):
    name = with_steps(aio)
    write(resultd, "2.png")
    resultd.deliver_to_aio(aio)
    resultd.imports(resultd.write("a.xml", junit(told(f"{name} pays", None, "2.png", None, key=key))))
    assert of_steps(aio, aio.runs()[0]) == [[], ["2.png"], []]


@pytest.mark.parametrize("count", [0, 1])
def test_where_the_case_has_fewer_steps_the_run_takes_it(resultd, aio, count):
    key = with_steps(aio, count)
    write(resultd, "1.png", "2.png")
    resultd.deliver_to_aio(aio)
    resultd.imports(resultd.write("a.xml", junit(told(f"{key} pays", "1.png", "2.png"))))
    [run] = aio.runs()
    assert of_steps(aio, run) == [["1.png"]] * count
    assert sorted(data for _, _, data in aio.attached(run)) == [b"1.png", b"2.png"][count:]


def test_a_server_without_the_call_takes_them_at_the_run(resultd, aio_server):
    aio_server.missing |= {"attach_step"}
    key = with_steps(aio_server)
    write(resultd, "1.png", "2.png")
    resultd.deliver_to_aio(aio_server)
    resultd.imports(resultd.write("a.xml", junit(told(f"{key} pays", "1.png", "2.png", None))))
    [run] = aio_server.runs()
    assert sorted(data for _, _, data in aio_server.attached(run)) == [b"1.png", b"2.png"]
    assert len(aio_server.calls("attach_step")) == 1


def test_a_step_that_was_taken_out_meanwhile_leaves_its_file_to_the_run(resultd, aio):
    key = with_steps(aio)
    write(resultd, "1.png", "2.png")
    resultd.deliver_to_aio(aio)
    aio.answers("attach_step", aio._say(404, "No step of that id (first 9)"))
    resultd.imports(resultd.write("a.xml", junit(told(f"{key} pays", "1.png", "2.png", None))))
    [run] = aio.runs()
    assert sorted(data for _, _, data in aio.attached(run)) == [b"1.png", b"2.png"]


@pytest.mark.parametrize("how", ["reset", "empty", 502])
def test_rows_38_40_41_a_lost_answer_leaves_one_file_at_the_step(resultd, either, how):
    key = with_steps(either)
    write(resultd, "1.png", "2.png")
    resultd.deliver_to_aio(either)
    either.fault("attach_step", after=how if isinstance(how, str) else either.error(how))
    resultd.imports(resultd.write("a.xml", junit(told(f"{key} pays", "1.png", "2.png", None))))
    [run] = either.runs()
    assert of_steps(either, run) == [["1.png"], ["2.png"], []] and either.attached(run) == []
    assert len(either.calls("attach_step")) == 2


def test_what_stands_in_the_report_itself_goes_to_its_step(resultd, aio):
    key = with_steps(aio)
    resultd.deliver_to_aio(aio)
    resultd.imports(resultd.write("a.xml", junit(told(
        f"{key} pays", "data:text/plain,one", None, "data:text/plain,three"))))
    assert of_steps(aio, aio.runs()[0]) == [["one"], [], ["three"]]


def test_at_testrail_they_hang_on_the_result(resultd, testrail):
    number = testrail.case("pays", automation="shop.Cart.pays")
    write(resultd, "1.png", "2.png")
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", junit(told("pays", "1.png", "2.png", None))))
    assert [row["_data"] for row in testrail.files(number)] == [b"1.png", b"2.png"]
    assert "ATTACHMENT" not in testrail.results(number)[0]["comment"]
