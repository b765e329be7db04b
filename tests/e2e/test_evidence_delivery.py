# SPDX-License-Identifier: Apache-2.0
"""Files at TestRail: bound to the result that was posted, once, streamed, parked apart from it."""

import pytest

from expect import one_closed_run
from planted import Planted
from reports import case, junit, suite
from resultd import wait_until
from standins.http_server import Answer


def known(testrail, *names):
    return [testrail.case(name, automation=f"shop.Cart.{name}") for name in names]


@pytest.fixture
def planted(resultd):
    return Planted(resultd)


def accept(resultd, planted, *cases, **options):
    """A report of these cases; its part."""
    planted.accept(resultd.write("a.xml", junit(*cases)), **options)
    return planted.parts()[-1]


def test_a_file_is_attached_to_the_result_of_its_test(resultd, testrail, planted):
    good, bad = known(testrail, "good", "bad")
    resultd.deliver_to(testrail, evidence={"results": "all"})
    part = accept(resultd, planted, case("good"), case("bad", failure="no"))
    planted.add([(part, 0, "logs/ok.log", b"fine\n"), (part, 1, "shots/cart.png", b"\x89PNG" + bytes(5000))])
    resultd.delivers()
    one_closed_run(testrail, cases=2)
    [log], [shot] = testrail.files(good), testrail.files(bad)
    assert (log["name"], log["_data"], log["_type"]) == ("ok.log", b"fine\n", "text/plain")
    assert (shot["name"], shot["size"], shot["_type"]) == ("cart.png", 5004, "image/png")
    assert shot["result_id"] == testrail.results(bad)[0]["id"]
    assert testrail.only_run["is_completed"]


def test_by_default_only_failed_results_have_files(resultd, testrail, planted):
    good, bad = known(testrail, "good", "bad")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("good"), case("bad", failure="no"))
    planted.add([(part, 0, "ok.log", b"fine"), (part, 1, "bad.log", b"oh"), (part, None, "run.log", b"all")])
    resultd.delivers()
    assert testrail.files(good) == [] and len(testrail.files(bad)) == 1
    assert [row["name"] for row in testrail.files(run=testrail.only_run)] == ["run.log"]


def test_the_report_itself_is_attached_to_the_run_where_that_is_wanted(resultd, testrail):
    known(testrail, "good")
    resultd.deliver_to(testrail, evidence={"report": True, "types": ["png"]})
    report = resultd.write("a.xml", junit(case("good")))
    resultd.imports(report)
    [row] = testrail.files(run=testrail.only_run)
    assert row["name"] == "a.xml" and row["_type"] == "application/xml" and row["_data"] == report.read_bytes()
    assert testrail.only_run["is_completed"]


def test_limits_of_size_number_and_type_are_kept(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail, evidence={"max_size": "1KiB", "max_files": 2, "types": ["image/*", "*.log"]})
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "large.png", bytes(1025)), (part, 0, "1.png", b"1"), (part, 0, "no.zip", b"z"),
                 (part, 0, "2.LOG", b"2"), (part, 0, "3.png", b"3")])
    resultd.delivers()
    assert [row["name"] for row in testrail.files(bad)] == ["1.png", "2.LOG"]
    said = {name: reason for name, reason in planted.rows(
        "SELECT e.named, a.reason FROM attach a JOIN evidence e ON e.id = a.evidence WHERE a.state = 5")}
    assert set(said) == {"large.png", "no.zip", "3.png"}
    assert "max_size" in said["large.png"] and "types" in said["no.zip"] and "max_files" in said["3.png"]


def test_two_files_of_one_name_get_names_of_their_own(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "a/shot.png", b"1"), (part, 0, "b/shot.png", b"2")])
    resultd.delivers()
    assert {row["name"]: row["_data"] for row in testrail.files(bad)} == {"shot.png": b"1", "shot (2).png": b"2"}


@pytest.mark.parametrize("name, arrives", [
    ("größe 100%.png", "größe 100%.png"), ("a;b=c.log", "a;b=c.log"), ("Ω" * 80 + ".txt", "Ω" * 80 + ".txt"),
    # what servers decode in different ways, or file systems refuse
    ('say "hi"?.png', "say _hi__.png"), ("x" * 300 + ".html", "x" * 200 + ".html"), ("..", "_.")])
def test_names_arrive_as_they_are(resultd, testrail, planted, name, arrives):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, name, b"1")])
    resultd.delivers()
    assert [row["name"] for row in testrail.files(bad)] == [arrives]


def in_a_plan(resultd, testrail, planted, names=("run.log", "more.log"), **keys):
    """Two files of a run that stands in a plan, accepted."""
    known(testrail, "good")
    testrail.plan("Release 1")
    resultd.deliver_to(testrail, plan="Release 1", **keys)
    part = accept(resultd, planted, case("good"))
    planted.add([(part, None, name, name.encode()) for name in names])


def test_files_of_a_run_in_a_plan_are_those_of_its_entry(resultd, testrail, planted):
    in_a_plan(resultd, testrail, planted)
    resultd.delivers()
    [entry] = testrail.plans[0]["_entries"]
    assert [(row["name"], row["_data"]) for row in testrail.files(entry=entry)] == [
        ("run.log", b"run.log"), ("more.log", b"more.log")]
    assert testrail.calls("add_attachment_to_run") == []


def test_a_server_that_takes_no_files_at_entries_has_them_at_the_run(resultd, testrail, planted):
    testrail.missing = {"add_attachment_to_plan_entry"}
    in_a_plan(resultd, testrail, planted)
    testrail.fault("add_attachment_to_run", after="reset")
    resultd.delivers()
    assert [row["name"] for row in testrail.files(run=testrail.only_run)] == ["run.log", "more.log"]
    assert len(testrail.calls("add_attachment_to_plan_entry")) == 1
    assert len(testrail.calls("get_attachments_for_run")) == 1 and testrail.files(entry=testrail.plans[0]) == []


def test_a_server_that_takes_them_nowhere_parks_the_files_and_no_results(resultd, testrail, planted):
    testrail.missing, testrail.plan_run_files = {"add_attachment_to_plan_entry"}, False
    in_a_plan(resultd, testrail, planted)
    resultd.delivers(code=4)
    assert len(testrail.results()) == 1 and testrail.files(run=testrail.only_run) == []
    assert not testrail.only_run["is_completed"]


# ---- what goes wrong ----

@pytest.mark.parametrize("how", ["reset", "close", "empty", "html", "partial", Answer(502), Answer(504)], ids=str)
@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_rows_38_40_41_a_file_of_an_entry_is_looked_up(resultd, testrail, planted, how, old):
    testrail.old_attachments = old
    in_a_plan(resultd, testrail, planted)
    testrail.fault("add_attachment_to_plan_entry", after=how, times=2)
    resultd.delivers()
    [entry] = testrail.plans[0]["_entries"]
    assert [row["name"] for row in testrail.files(entry=entry)] == ["run.log", "more.log"]
    assert len(testrail.calls("get_attachments_for_plan_entry")) == 2
    assert testrail.calls("get_attachments_for_run") == []


def test_what_cannot_be_looked_up_at_an_entry_is_parked_and_not_sent_again(resultd, testrail, planted):
    testrail.missing = {"get_attachments_for_plan_entry"}
    in_a_plan(resultd, testrail, planted)
    testrail.fault("add_attachment_to_plan_entry", after="reset")
    resultd.delivers(code=4)
    [entry] = testrail.plans[0]["_entries"]
    assert [row["name"] for row in testrail.files(entry=entry)] == ["run.log", "more.log"]
    [reason] = [row[0] for row in planted.rows("SELECT reason FROM attach WHERE state = 3")]
    assert "it may have arrived" in reason


@pytest.mark.parametrize("how", ["reset", "close", "empty", "html", "partial", Answer(502), Answer(504)], ids=str)
@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_rows_38_40_41_a_lost_answer_is_looked_up_before_a_file_is_sent_again(resultd, testrail, planted, how, old):
    good, bad = known(testrail, "good", "bad")
    testrail.old_attachments = old
    resultd.deliver_to(testrail, evidence={"results": "all"})
    part = accept(resultd, planted, case("good"), case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"one"), (part, 1, "1.png", b"two"), (part, None, "run.log", b"run")])
    testrail.fault("add_attachment_to_result", after=how, times=2)
    testrail.fault("add_attachment_to_run", after=how)
    resultd.delivers()
    assert [row["_data"] for row in testrail.files(good)] == [b"one"]
    assert [row["_data"] for row in testrail.files(bad)] == [b"two"]
    assert [row["_data"] for row in testrail.files(run=testrail.only_run)] == [b"run"]
    assert len(testrail.calls("get_attachments_for_test")) == 2
    one_closed_run(testrail, cases=2)


@pytest.mark.parametrize("how", ["reset", "early", Answer(502)], ids=str)
def test_row_39_what_did_not_arrive_is_sent_again(resultd, testrail, planted, how):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"one"), (part, None, "run.log", b"run")])
    testrail.fault("add_attachment_to_result", before=how)
    testrail.fault("add_attachment_to_run", before=how)
    resultd.delivers()
    assert [row["_data"] for row in testrail.files(bad)] == [b"one"]
    assert len(testrail.files(run=testrail.only_run)) == 1
    one_closed_run(testrail, cases=1)


def test_a_look_up_that_shows_it_late_sends_nothing_twice(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"one")])
    resultd.scale = 50
    testrail.store.lag = 0.3
    testrail.fault("add_attachment_to_result", after="reset")
    resultd.delivers()
    assert len(testrail.files(bad)) == 1


def test_row_45_forbidden_files_are_parked_at_the_cost_of_one_request_and_the_results_stay(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    testrail.result_editing = False
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, f"{n}.png", b"%d" % n) for n in range(10)] + [(part, None, "run.log", b"run")])
    done = resultd.delivers(code=4)
    assert len(testrail.calls("add_attachment_to_result")) == 1
    assert len(testrail.results(bad)) == 1 and len(testrail.files(run=testrail.only_run)) == 1
    assert not testrail.only_run["is_completed"], "a run with parked files stays open"
    assert "10 files" in done.err
    testrail.result_editing = True
    assert resultd("queue", "retry").code == 0
    resultd.delivers()
    assert len(testrail.files(bad)) == 10 and testrail.only_run["is_completed"]


def test_row_49_a_file_that_is_refused_as_too_large_is_parked_alone(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    testrail.body_max = 20000
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"1"), (part, 0, "large.png", bytes(30000)), (part, 0, "3.png", b"3")])
    resultd.delivers(code=4)
    assert [row["name"] for row in testrail.files(bad)] == ["1.png", "3.png"]
    assert len([call for call in testrail.calls("add_attachment_to_result") if call.status == 413]) == 1


def test_a_server_without_the_call_parks_the_files_and_takes_the_results(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    testrail.missing = {"add_attachment_to_run"}
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"1"), (part, None, "a.log", b"a"), (part, None, "b.log", b"b")])
    resultd.delivers(code=4)
    assert len(testrail.files(bad)) == 1 and len(testrail.results(bad)) == 1
    assert len(testrail.calls("add_attachment_to_run")) == 1


def test_a_kept_copy_that_is_gone_is_parked_and_the_others_go_on(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"1"), (part, 0, "2.png", b"22"), (part, 0, "3.png", b"333")])
    for kept, size in planted.rows("SELECT kept, size FROM evidence WHERE size < 3"):
        path = resultd.state / "evidence" / kept
        if size == 1:
            path.unlink()
        else:
            path.write_bytes(b"changed")
    resultd.delivers(code=4)
    assert [row["name"] for row in testrail.files(bad)] == ["3.png"]


def test_killed_while_a_file_is_under_way_attaches_it_once(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, f"{n}.png", b"%d" % n) for n in range(4)])
    fault = testrail.fault("add_attachment_to_result", after="hang", call=2)
    running = resultd.spawn("deliver", "--timeout", "600s")
    testrail.wait_for("add_attachment_to_result", 2)
    running.kill()
    fault.release()
    resultd.delivers()
    assert sorted(row["name"] for row in testrail.files(bad)) == ["0.png", "1.png", "2.png", "3.png"]
    one_closed_run(testrail, cases=1)


@pytest.mark.parametrize("answer", [Answer(429, {"error": "slow"}, {"Retry-After": "1"}), 409, 503], ids=str)
def test_rows_42_46_a_busy_server_is_waited_for(resultd, testrail, planted, answer):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"1")])
    testrail.answers("add_attachment_to_result", answer)
    resultd.delivers()
    assert len(testrail.files(bad)) == 1


def test_row_43_a_storm_of_rate_limits_doubles_no_file(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    resultd.scale = 50
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, f"{n}.png", b"%d" % n) for n in range(3)])
    testrail.answers("add_attachment_to_result", *[Answer(429, {"error": "slow"}, {"Retry-After": "5"})] * 6)
    resultd.delivers()
    assert sorted(row["name"] for row in testrail.files(bad)) == ["0.png", "1.png", "2.png"]
    assert len(testrail.calls("add_attachment_to_result")) == 9


def test_row_44_a_key_revoked_between_files_loses_none(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, f"{n}.png", b"%d" % n) for n in range(3)])
    testrail.fault("add_attachment_to_result", before=Answer(401, {"error": "Authentication failed"}), call=2)
    resultd("deliver", "--timeout", "3s")
    assert len(testrail.files(bad)) < 3 and len(testrail.results(bad)) == 1
    assert resultd("queue", "retry").code == 0
    resultd.delivers()
    assert sorted(row["name"] for row in testrail.files(bad)) == ["0.png", "1.png", "2.png"]
    one_closed_run(testrail, cases=1)


def test_row_48_a_run_closed_by_somebody_between_result_and_file_parks_the_file(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"1"), (part, None, "run.log", b"run")])
    closed = Answer(400, {"error": "This operation is not allowed. The test run is completed."})
    testrail.always("add_attachment_to_result", closed)
    testrail.always("add_attachment_to_run", closed)
    done = resultd.delivers(code=4)
    assert len(testrail.results(bad)) == 1 and testrail.files() == [] and "2 files" in done.err
    assert len(testrail.runs) == 1


def owed_files_only(resultd, planted, testrail):
    """Results of two tests are posted, and the server is down for files: then it is over."""
    good, bad = known(testrail, "good", "bad")
    resultd.deliver_to(testrail, evidence={"results": "all"})
    part = accept(resultd, planted, case("good"), case("bad", failure="no"))
    planted.add([(part, 0, "ok.log", b"fine"), (part, 1, "1.png", b"1"), (part, 1, "2.png", b"2"),
                 (part, None, "run.log", b"run")])
    for call in ("add_attachment_to_result", "add_attachment_to_run"):
        testrail.always(call, testrail.error(409))
    assert resultd("deliver", "--timeout", "2s").code == 3
    assert len(testrail.results()) == 2 and testrail.files() == []
    testrail.calm()
    return good, bad


def test_row_48_a_run_deleted_while_only_files_were_owed_comes_back_with_all_of_it(resultd, testrail, planted):
    good, bad = owed_files_only(resultd, planted, testrail)
    old = testrail.only_run["id"]
    testrail.store.delete_run(old)
    resultd.delivers()
    one_closed_run(testrail, cases=2)
    assert testrail.only_run["id"] != old and len(testrail.results()) == 2
    assert [row["_data"] for row in testrail.files(good)] == [b"fine"]
    assert [row["_data"] for row in testrail.files(bad)] == [b"1", b"2"]
    assert [row["_data"] for row in testrail.files(run=testrail.only_run)] == [b"run"]
    assert len(testrail.calls("get_run")) == 1


def test_row_48_a_result_that_went_alone_parks_its_files_at_one_look(resultd, testrail, planted):
    good, bad = owed_files_only(resultd, planted, testrail)
    gone, = (result["id"] for result in testrail.results(bad))
    del testrail.store.results[gone]
    done = resultd.delivers(code=4)
    assert [row["_data"] for row in testrail.files(good)] == [b"fine"] and "2 files" in done.err
    assert len(testrail.runs) == 1 and len(testrail.calls("get_run")) == 1
    reasons = planted.rows("SELECT reason FROM attach WHERE state = 3")
    assert len(reasons) == 2 and all("result_id" in reason for reason, in reasons)


def test_row_47_evidence_of_a_parked_result_waits_with_it(resultd, testrail, planted):
    (bad,) = known(testrail, "bad")
    testrail.refuse_result = lambda body: "Field :results.custom_os is a required field."
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"1")])
    resultd.delivers(code=4)
    assert testrail.store.attachments == {}
    testrail.refuse_result = lambda body: None
    assert resultd("queue", "retry").code == 0
    resultd.delivers()
    assert len(testrail.files(bad)) == 1


def test_a_test_of_two_cases_has_its_file_at_both(resultd, testrail, planted):
    one, two = testrail.case("one"), testrail.case("two")
    resultd.deliver_to(testrail)
    part = accept(resultd, planted, case("bad", failure="no", refs=[one["id"], two["id"]]))
    planted.add([(part, 0, "1.png", b"1")])
    resultd.delivers()
    assert len(testrail.files(one)) == 1 and len(testrail.files(two)) == 1


# ---- what people see ----

def test_lists_and_receipts_count_files_apart_from_tests(resultd, testrail, planted):
    known(testrail, "bad", "good")
    testrail.result_editing = False
    resultd.deliver_to(testrail)
    report = resultd.write("a.xml", junit(case("bad", failure="no"), case("good")))
    planted.accept(report, options=["--keep-open", "--run-key", "k"])
    part = planted.parts()[-1]
    planted.add([(part, 0, "shots/1.png", b"1"), (part, 0, "gone.png", None, {"state": 2, "reason": "not there"}),
                 (part, 0, "../../etc/shadow", None, {"state": 3, "reason": "outside of its folders"}),
                 (part, None, "run.log", b"run")])
    done = resultd.imports(report, options=["--run-key", "k"], code=4)
    delivery = done.delivery()
    assert delivery["state"] == "parked" and delivery["posted"] == 2 and delivery["parked"] == 0
    assert delivery["evidence"] == 1 and delivery["evidence_parked"] == 1
    assert [(row["name"], row["count"]) for row in delivery["parked_files"]] == [("shots/1.png", 1)]
    listed = resultd("queue", "list").out
    assert "1 sent, 0 to go, 1 parked" in listed and "parked file: shots/1.png: " in listed
    shown = resultd("queue", "show", delivery["id"]).out
    assert "Allow editing results" in shown
    assert "missing   gone.png: not there" in shown and "refused   ../../etc/shadow: outside" in shown
    status = resultd.status()["evidence"]
    assert (status["kept"], status["missing"], status["refused"], status["parked"]) == (2, 1, 1, 1)
    assert resultd("queue", "retry", "--reason", "no such words").out.startswith("Nothing is parked")
    assert "0 tests and 1 files" in resultd("queue", "retry", "--reason", "allow EDITING").out


# ---- carried away, and forgotten ----

def blobs(resultd):
    return sorted(path.name for path in (resultd.state / "evidence").rglob("*") if path.is_file())


def test_files_travel_with_what_is_owed(make_resultd, testrail):
    here, there = make_resultd("here"), make_resultd("there")
    good, bad = known(testrail, "good", "bad")
    planted = Planted(here)
    for one in (here, there):
        one.deliver_to(testrail)
    part = accept(here, planted, case("good"), case("bad", failure="no"))
    planted.add([(part, 1, "1.png", b"one"), (part, 1, "2.png", bytes(100000)), (part, 1, "3.png", b"one"),
                 (part, None, "run.log", b"run")])
    testrail.fault("add_attachment_to_result", before=Answer(413, "too large"), call=2)
    testrail.always("add_attachment_to_run", 403)
    here.delivers(code=4)
    file = here.folder / "queue.export"
    assert here("queue", "export", file).code == 0
    assert there("queue", "import", file).code == 0
    assert blobs(there) == blobs(here) and len(blobs(there)) == 3
    testrail.calm()
    assert there("queue", "retry").code == 0
    there.delivers()
    assert sorted(row["name"] for row in testrail.files(bad)) == ["1.png", "2.png", "3.png"]
    assert [row["size"] for row in testrail.files(bad) if row["name"] == "2.png"] == [100000]
    assert len(testrail.files(run=testrail.only_run)) == 1 and testrail.files(good) == []
    assert testrail.only_run["is_completed"]


def test_files_that_never_left_travel_too(make_resultd, testrail):
    here, there = make_resultd("here"), make_resultd("there")
    (bad,) = known(testrail, "bad")
    planted = Planted(here)
    for one in (here, there):
        one.deliver_to(testrail)
    part = accept(here, planted, case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"one")])
    file = here.folder / "queue.export"
    assert here("queue", "export", file).code == 0 and there("queue", "import", file).code == 0
    there.delivers()
    assert [row["_data"] for row in testrail.files(bad)] == [b"one"]


def test_files_go_with_the_last_run_that_needs_them(resultd, testrail):
    """keep.runs of a minute, of which there are many in a second."""
    known(testrail, "bad")
    resultd.scale = 1000
    resultd.configure({"rail": resultd.rail(testrail)}, keep={"runs": "1m"})
    planted = Planted(resultd)
    part = accept(resultd, planted, case("bad", failure="no"))
    planted.add([(part, 0, "1.png", b"one")])
    planted.blob(b"nobody names this")
    resultd.delivers()
    assert len(testrail.files()) == 1

    def tidied():
        resultd("deliver", "--timeout", "1s")
        return blobs(resultd) == []
    wait_until(tidied, 40, "the files to go")


def test_a_deleted_run_comes_back_with_its_results_and_their_files(resultd, testrail):
    """Files hung on results that went with the run: they follow the results into the next one."""
    good, bad, late = known(testrail, "good", "bad", "late")
    resultd.deliver_to(testrail, linger="0s", evidence={"results": "all"})
    for name in ("ok.log", "a/shot.png", "b/shot.png", "run.log"):
        resultd.write(name, name)
    said = [f"<system-out>{' '.join(f'[[ATTACHMENT|{name}]]' for name in names)}</system-out>"
            for names in (["ok.log"], ["a/shot.png", "b/shot.png"], ["run.log"])]
    options = ["--run-key", "k"]
    resultd.imports(resultd.write("a.xml", junit(suite(
        case("good", inside=said[0]), case("bad", failure="no", inside=said[1]), said[2]))),
        options=[*options, "--keep-open"])
    assert len(testrail.store.attachments) == 4
    old = testrail.only_run["id"]
    testrail.store.delete_run(old)
    testrail.store.attachments.clear()
    done = resultd.imports(resultd.write("b.xml", junit(case("late"))), options=options)
    assert testrail.only_run["id"] != old and testrail.only_run["is_completed"]
    assert [len(testrail.results(number)) for number in (good, bad, late)] == [1, 1, 1]
    [log], shots = testrail.files(good), testrail.files(bad)
    assert (log["_data"], log["result_id"]) == (b"ok.log", testrail.results(good)[0]["id"])
    assert {(row["name"], row["_data"]) for row in shots} == {("shot.png", b"a/shot.png"),
                                                              ("shot (2).png", b"b/shot.png")}
    assert {row["result_id"] for row in shots} == {testrail.results(bad)[0]["id"]}
    assert [row["_data"] for row in testrail.files(run=testrail.only_run)] == [b"run.log"]
    assert done.delivery()["evidence"] == 4 and done.delivery()["remote_id"] == str(testrail.only_run["id"])
