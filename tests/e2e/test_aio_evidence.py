# SPDX-License-Identifier: Apache-2.0
"""Files at AIO Tests: bound to the run that was marked, once (they can never be deleted), parked apart."""

import pytest

from planted import Planted
from reports import case, junit

PNG = b"\x89PNG" + bytes(5000)


@pytest.fixture(params=["cloud", "server"])
def either(request, make_aio):
    return make_aio(request.param, "/jira" if request.param == "server" else "")


@pytest.fixture
def planted(resultd):
    return Planted(resultd)


def accepted(resultd, planted, aio, files, **keys):
    """A report of a good and a bad test, and files of the bad one (0: of the good one, None: of the run)."""
    names = [aio.case(f"case {number}")["key"] for number in range(2)]
    resultd.deliver_to_aio(aio, **keys)
    planted.accept(resultd.write("a.xml", junit(case(names[0]), case(names[1], failure="no"))))
    planted.add([(planted.parts()[-1], *row) for row in files])
    return names


def test_files_reach_the_run_of_their_test_and_the_cycle(resultd, either, planted):
    accepted(resultd, planted, either, [(0, "logs/ok.log", b"fine\n"), (1, "shots/cart.png", PNG),
                                        (None, "run.txt", b"all")], evidence={"results": "all"})
    resultd.delivers()
    good, bad = either.runs()
    assert either.attached(good) == [("ok.log", "text/plain", b"fine\n")]
    assert either.attached(bad) == [("cart.png", "image/png", PNG)]
    assert either.attached(either.only_cycle) == [("run.txt", "text/plain", b"all")]


@pytest.mark.parametrize("how", ["reset", "empty", 502])
@pytest.mark.parametrize("endpoint", ["attach_run", "attach_cycle"])
def test_a_lost_answer_leaves_one_file(resultd, aio, planted, endpoint, how):
    accepted(resultd, planted, aio, [(1, "cart.png", PNG), (None, "run.txt", b"all")])
    aio.fault(endpoint, after=how if isinstance(how, str) else aio.error(how))
    resultd.delivers()
    assert len(aio.attached(aio.runs()[1])) == 1 and len(aio.attached(aio.only_cycle)) == 1


@pytest.mark.parametrize("how", ["reset", 429, 503])
def test_an_upload_that_was_not_executed_is_repeated(resultd, aio, planted, how):
    accepted(resultd, planted, aio, [(1, "cart.png", PNG)])
    aio.fault("attach_run", before=how if isinstance(how, str) else aio.error(how))
    resultd.delivers()
    assert aio.attached(aio.runs()[1]) == [("cart.png", "image/png", PNG)]


def test_what_aio_does_not_take_is_parked_without_a_request(resultd, aio, planted):
    accepted(resultd, planted, aio, [(1, "core.dump", b"x"), (1, "cart.png", PNG)], cycle={"close": True})
    resultd.delivers(code=4)
    assert [name for name, _, _ in aio.attached(aio.runs()[1])] == ["cart.png"]
    assert len(aio.calls("attach_run")) == 1 and not aio.only_cycle["isClosed"]


def test_a_server_without_the_call_gets_files_at_the_latest_run(resultd, aio_server, planted):
    aio_server.missing |= {"attach_run"}
    accepted(resultd, planted, aio_server, [(1, "a.png", PNG), (1, "b.png", PNG + b"x")])
    resultd.delivers()
    assert sorted(name for name, _, _ in aio_server.attached(aio_server.runs()[1])) == ["a.png", "b.png"]
    assert len(aio_server.calls("attach_run")) == 1


def test_a_server_that_takes_no_files_parks_them_and_no_results(resultd, aio_server, planted):
    aio_server.missing |= {"attach_run", "attach_latest"}
    accepted(resultd, planted, aio_server, [(1, "a.png", PNG), (1, "b.png", PNG + b"x")])
    resultd.delivers(code=4)
    assert len(aio_server.runs()) == 2 and len(aio_server.calls("attach_latest")) == 1


def owed_files_only(resultd, planted, aio):
    accepted(resultd, planted, aio, [(0, "ok.log", b"fine"), (1, "1.png", PNG), (None, "run.txt", b"all")],
             evidence={"results": "all"})
    for call in ("attach_run", "attach_cycle"):
        aio.always(call, aio.error(429))
    assert resultd("deliver", "--timeout", "2s").code == 3
    assert len(aio.runs()) == 2
    aio.calm()


def test_row_48_a_cycle_deleted_while_only_files_were_owed_comes_back_with_all_of_it(resultd, either, planted):
    owed_files_only(resultd, planted, either)
    old = either.only_cycle
    either.store.delete_cycle(old)
    resultd.delivers()
    assert either.only_cycle["key"] != old["key"]
    good, bad = either.runs()
    assert either.attached(good) == [("ok.log", "text/plain", b"fine")]
    assert either.attached(bad) == [("1.png", "image/png", PNG)]
    assert either.attached(either.only_cycle) == [("run.txt", "text/plain", b"all")]


def test_row_48_a_run_that_went_alone_parks_its_file(resultd, aio, planted):
    owed_files_only(resultd, planted, aio)
    aio.store.delete_run(aio.runs()[1])
    resultd.delivers(code=4)
    [good] = aio.runs()
    assert aio.attached(good) == [("ok.log", "text/plain", b"fine")]
    assert aio.attached(aio.only_cycle) == [("run.txt", "text/plain", b"all")]


def test_row_48_a_cycle_deleted_between_batches_comes_back_with_what_was_posted(resultd, either):
    """What was marked before went with the cycle."""
    names = [either.case(f"case {number}")["key"] for number in range(3)]
    resultd.deliver_to_aio(either, linger="0s")
    resultd.imports(resultd.write("a.xml", junit(case(names[0]), case(names[1]))),
                    options=["--run-key", "k", "--keep-open"])
    either.store.delete_cycle(either.only_cycle)
    resultd.imports(resultd.write("b.xml", junit(case(names[2]))), options=["--run-key", "k"])
    assert either.statuses_by_key() == {name: ["Passed"] for name in names}


def test_the_report_itself_hangs_on_the_cycle_by_choice(resultd, aio):
    name = aio.case("case")["key"]
    resultd.deliver_to_aio(aio, evidence={"report": True})
    report = resultd.write("a.xml", junit(case(name)))
    resultd.imports(report)
    assert [(name, data) for name, _, data in aio.attached(aio.only_cycle)] == [("a.xml", report.read_bytes())]


# ---- mode: import ----

def importer(resultd, aio, **keys):
    one = aio.case("case")["key"]
    known = aio.case("by key", automation="shop.Cart.pays")["key"]
    resultd.deliver_to_aio(aio, mode="import", **keys)
    return one, known, resultd.write("a.xml", junit(case(f"{one} adds"), case("pays", failure="no"), case("new")))


@pytest.mark.parametrize("batch", [False, True])
def test_a_report_is_handed_to_the_importer(resultd, either, batch):
    one, known, report = importer(resultd, either, **{"import": {"batch": batch}})
    done = resultd.imports(report, code=4)
    assert either.statuses_by_key() == {one: ["Passed"], known: ["Failed"]}
    assert not either.calls("mark_bulk") and done.delivery("aio")["posted"] == 2
    assert done.delivery("aio")["parked"] == 1 and len(either.calls("import_results")) == (0 if batch else 1)


def test_the_importer_makes_cases_by_choice(resultd, either):
    one, known, report = importer(resultd, either, create={"cases": True})
    resultd.imports(report)
    made, = [found["key"] for found in either.only_project.cases.values() if found["title"] == "new"]
    assert either.statuses_by_key() == {one: ["Passed"], known: ["Failed"], made: ["Passed"]}
    assert not either.calls("create_case")


@pytest.mark.parametrize("how", ["reset", "empty", 502])
def test_an_import_whose_answer_was_lost_is_not_repeated(resultd, aio, how):
    one, known, report = importer(resultd, aio)
    aio.fault("import_results", after=how if isinstance(how, str) else aio.error(how))
    resultd.imports(report, code=4)
    assert aio.statuses_by_key() == {one: ["Passed"], known: ["Failed"]} and len(aio.calls("import_results")) == 1
    assert all(len(aio.comments(run)) <= 1 for run in aio.runs())


def test_an_import_that_is_refused_parks_its_results(resultd, aio):
    _one, _known, report = importer(resultd, aio)
    aio.answers("import_results", aio._say(400, "File could not be parsed: syntax error"))
    done = resultd.imports(report, code=4)
    assert done.delivery("aio")["parked"] == 3 and not aio.runs()


def test_files_follow_an_import_by_the_run_ids_it_told(resultd, aio, planted):
    one = aio.case("case")["key"]
    resultd.deliver_to_aio(aio, mode="import")
    planted.accept(resultd.write("a.xml", junit(case(one, failure="no"))))
    planted.add([(planted.parts()[-1], 0, "cart.png", PNG)])
    resultd.delivers()
    assert aio.attached(aio.runs()[0]) == [("cart.png", "image/png", PNG)]
