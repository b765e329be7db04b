# SPDX-License-Identifier: Apache-2.0
"""What Axosoft makes of failures is told to the results: once, after them, and without anybody waiting."""

import pytest

from reports import case, junit
from standins.http_server import Answer
from test_axosoft import configure, run


def rail(resultd, testrail, **keys):
    return {"rail": resultd.rail(testrail, **{"create": {"cases": True, "sections": True}, **keys})}


def told(testrail):
    """{title of the case: [defects of its results without a status]}"""
    rows = {}
    for result in testrail.store.results.values():
        if result.get("defects"):
            test = testrail.store.tests[result["test_id"]]
            title = testrail.store.cases[test["case_id"]]["title"]
            assert result["status_id"] is None, result
            rows.setdefault(title, []).append(result["defects"])
    return rows


def statuses(testrail):
    return {testrail.store.cases[test["case_id"]]["title"]: test["status_id"] for test in testrail.store.tests.values()}


FAILING = junit(case("pays", failure="no answer from the bank"), case("ships", failure="no parcel at all"), case("sells"))


def item_of(axosoft, test):
    return next(item for item in axosoft.items.values() if f"({test})" in item["name"])


def links(testrail):
    return [call for call in testrail.calls("add_results_for_cases") if call.applied and b'"defects"' in call.body]


def closed(testrail):
    return [one["is_completed"] for one in testrail.store.runs.values()]


# ---- TestRail ----

def test_each_failed_case_is_told_its_item_once(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    done = run(resultd, "1", FAILING)
    pays, ships = item_of(axosoft, "pays"), item_of(axosoft, "ships")
    assert told(testrail) == {"pays": [str(pays["id"])], "ships": [str(ships["id"])]}
    assert statuses(testrail) == {"pays": 5, "ships": 5, "sells": 1}
    comment = next(row["comment"] for row in testrail.store.results.values() if row.get("defects") == str(pays["id"]))
    assert comment == (f"Defect {pays['id']}: {axosoft.address}/viewitem?id={pays['number']}&type=features"
                       "&force_use_number=true")
    assert len(links(testrail)) == 1
    assert done.delivery("rail")["state"] == "delivered" and done.delivery("rail")["posted"] == 3
    assert closed(testrail) == [True]               # behind them
    resultd.delivers()
    assert len(links(testrail)) == 1


def test_an_item_that_was_known_before_is_told_with_its_state(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    run(resultd, "1", FAILING)
    axosoft.move(item_of(axosoft, "pays"), 41)
    run(resultd, "2", FAILING)
    assert len(axosoft.items) == 2 and len(told(testrail)["pays"]) == 2
    assert any(f"Defect {item_of(axosoft, 'pays')['id']} (In progress): http" in row["comment"]
               for row in testrail.store.results.values() if row.get("defects"))


def test_an_item_that_was_reopened_is_told_in_its_new_step(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks=rail(resultd, testrail), reopen_step="Reopened", known={"within": "3650d"})
    run(resultd, "1", FAILING)
    item = item_of(axosoft, "pays")
    axosoft.move(item, 42, completed=True)
    run(resultd, "2", FAILING)
    assert item["workflow_step"]["id"] == 43
    comments = [row["comment"] for row in testrail.store.results.values() if row.get("defects") == str(item["id"])]
    assert len(comments) == 2 and f"Defect {item['id']} (Reopened): http" in comments[1]


def test_500_failures_are_told_in_as_few_requests_as_there_are_batches(resultd, axosoft, testrail):
    rows = [case(f"t{number}", failure=f"{('alpha', 'beta', 'gamma')[number % 3]} is wrong") for number in range(500)]
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    run(resultd, "1", junit(*rows))
    assert len(axosoft.items) == 3 and len(links(testrail)) == 2
    assert all(len(one) == 1 for one in told(testrail).values()) and len(told(testrail)) == 500


def test_a_case_with_two_items_is_told_both_in_one_result(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    ref = f"C{testrail.case('whole')['id']}"
    run(resultd, "1", junit(case("pays", failure="no answer from the bank", refs=[ref]),
                            case("ships", failure="no parcel at all", refs=[ref])))
    both = sorted(str(item["id"]) for item in axosoft.items.values())
    assert [sorted(one.split(", ")) for one in told(testrail)["whole"]] == [both]


@pytest.mark.parametrize("keys, sink", [({"mode": "dry-run"}, {}), ({}, {"defects": False}), ({"mode": "off"}, {})])
def test_nothing_is_told_where_nothing_is_to_be_told(resultd, axosoft, testrail, keys, sink):
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    run(resultd, "1", FAILING)
    configure(resultd, axosoft, sinks=rail(resultd, testrail, **sink), **keys)
    run(resultd, "2", FAILING)
    assert len(links(testrail)) == 1 and closed(testrail) == [True, True]


def test_link_only_tells_what_is_known_and_makes_nothing(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    run(resultd, "1", junit(case("pays", failure="no answer from the bank")))
    configure(resultd, axosoft, sinks=rail(resultd, testrail), mode="link-only")
    run(resultd, "2", FAILING)
    assert len(axosoft.items) == 1 and len(told(testrail)["pays"]) == 2 and "ships" not in told(testrail)


# ---- once ----

@pytest.mark.parametrize("fault", ["close", "reset", "empty", "html"])
def test_rows_38_41_a_lost_answer_tells_nobody_twice(resultd, axosoft, testrail, fault):
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    testrail.fault("add_results_for_cases", after=fault, call=2)
    run(resultd, "1", FAILING)
    assert {key: len(value) for key, value in told(testrail).items()} == {"pays": 1, "ships": 1}
    assert closed(testrail) == [True]


def test_a_lost_answer_is_looked_up_where_results_do_not_name_their_case(resultd, axosoft, testrail):
    testrail.no_answer_ids = True
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    testrail.fault("add_results_for_cases", after="close", call=2)
    run(resultd, "1", FAILING)
    assert {key: len(value) for key, value in told(testrail).items()} == {"pays": 1, "ships": 1}


def test_what_never_arrived_is_sent_again(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    testrail.fault("add_results_for_cases", before="close", call=2)
    run(resultd, "1", FAILING)
    assert {key: len(value) for key, value in told(testrail).items()} == {"pays": 1, "ships": 1}


@pytest.mark.parametrize("where", ["item", "link before", "link after"])
def test_killed_between_item_and_link(resultd, axosoft, testrail, where):
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    if where == "item":
        axosoft.fault("POST features", after="hang")
    else:
        testrail.fault("add_results_for_cases", **{where.split()[1]: "hang"}, call=2)
    importing = resultd.spawn("import", "--json", "--run-name", "1", resultd.write("a.xml", FAILING))
    if where == "item":
        axosoft.wait_for("POST features")
    else:
        testrail.wait_for("add_results_for_cases", 2)
    importing.kill()
    axosoft.calm()
    testrail.calm()
    resultd.delivers()
    assert len(axosoft.items) == 2
    assert {key: len(value) for key, value in told(testrail).items()} == {"pays": 1, "ships": 1}
    assert closed(testrail) == [True]


# ---- one of them is down ----

def test_results_are_there_while_axosoft_is_down_and_links_follow(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks=rail(resultd, testrail), hold_close="30d")
    axosoft.always("*", Answer(500, "<html>down</html>"))
    run(resultd, "1", FAILING, code=3, options=["--timeout", "5s"])
    assert statuses(testrail) == {"pays": 5, "ships": 5, "sells": 1} and closed(testrail) == [False]
    shown = resultd("queue", "list").out
    assert "waits for the defects of its failures" in shown
    axosoft.calm()
    resultd.delivers()
    assert {key: len(value) for key, value in told(testrail).items()} == {"pays": 1, "ships": 1}
    assert closed(testrail) == [True]


def test_items_are_made_while_testrail_is_down_and_told_with_the_results(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    testrail.always("*", Answer(500, "<html>down</html>"))
    run(resultd, "1", FAILING, code=3, options=["--timeout", "5s"])
    assert len(axosoft.items) == 2 and not testrail.store.results
    testrail.calm()
    resultd.delivers()
    assert {key: len(value) for key, value in told(testrail).items()} == {"pays": 1, "ships": 1}
    assert statuses(testrail)["pays"] == 5 and closed(testrail) == [True]


def test_the_end_of_a_run_waits_for_so_long_and_no_longer(resultd, axosoft, testrail):
    """What comes behind it cannot be told any more: it is left at that, and says so."""
    configure(resultd, axosoft, sinks=rail(resultd, testrail), hold_close="500s")
    axosoft.always("*", Answer(500, "<html>down</html>"))
    run(resultd, "1", FAILING, code=3, options=["--timeout", "8s"])
    assert closed(testrail) == [True]
    axosoft.calm()
    resultd.delivers()
    assert len(axosoft.items) == 2 and told(testrail) == {}
    assert resultd.status()["deliveries"]["delivered"] == 2
    assert "the run is closed" in resultd("queue", "show", "1").out + resultd("queue", "show", "2").out


def test_a_run_without_failures_waits_for_nobody(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks=rail(resultd, testrail), hold_close="30d")
    axosoft.always("*", Answer(500, "<html>down</html>"))
    run(resultd, "1", junit(case("sells")), code=3, options=["--timeout", "5s"])
    assert closed(testrail) == [True]


def test_two_servers_are_told_each_at_its_own_time(resultd, axosoft, make_testrail):
    one, two = make_testrail(), make_testrail()
    two.key, two.user = one.key, one.user
    sinks = {"one": resultd.rail(one, create={"cases": True, "sections": True}),
             "two": resultd.rail(two, create={"cases": True, "sections": True})}
    configure(resultd, axosoft, sinks=sinks)
    two.always("*", Answer(500, "<html>down</html>"))
    run(resultd, "1", FAILING, code=3, options=["--timeout", "5s"])
    assert len(told(one)) == 2 and told(two) == {} and closed(one) == [True]
    two.calm()
    resultd.delivers()
    assert len(told(two)) == 2 and len(links(one)) == 1 and closed(two) == [True]


# ---- what servers say ----

def test_a_server_that_wants_a_status_gets_that_of_a_failure(resultd, axosoft, testrail):
    testrail.refuse_result = lambda body: None if body.get("status_id") else "Field :results.status_id is a required field."
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    run(resultd, "1", FAILING)
    rows = [row for row in testrail.store.results.values() if row.get("defects")]
    assert [row["status_id"] for row in rows] == [5, 5] and statuses(testrail) == {"pays": 5, "ships": 5, "sells": 1}
    before = len(testrail.calls("add_results_for_cases"))
    run(resultd, "2", FAILING)
    assert len(testrail.calls("add_results_for_cases")) == before + 2       # it is remembered


def test_one_that_is_refused_is_parked_alone_and_tried_again(resultd, axosoft, testrail):
    def refuse(body):
        defects = body.get("defects")       # none yet in what is posted first
        bad = defects is not None and defects == str(item_of(axosoft, "pays")["id"])
        return "The defect is not known here" if bad else None
    testrail.refuse_result = refuse
    configure(resultd, axosoft, sinks=rail(resultd, testrail))
    run(resultd, "1", FAILING, code=4)
    assert list(told(testrail)) == ["ships"] and closed(testrail) == [False]
    assert "The defect is not known here" in resultd("queue", "show", "1").out + resultd("queue", "show", "2").out
    testrail.refuse_result = lambda body: None
    assert resultd("queue", "retry").code == 0
    resultd.delivers()
    assert sorted(told(testrail)) == ["pays", "ships"] and closed(testrail) == [True]


def test_a_run_that_was_closed_by_a_person_is_left_alone(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks=rail(resultd, testrail, run={"close": False}))
    axosoft.always("*", Answer(500, "<html>down</html>"))
    run(resultd, "1", FAILING, code=3, options=["--timeout", "5s"])
    for one in testrail.store.runs.values():
        one["is_completed"] = True
    axosoft.calm()
    resultd.delivers()
    assert len(axosoft.items) == 2 and told(testrail) == {}


# ---- AIO Tests ----

def comments_of(server, key):
    return [text for one in server.runs() if one["_association"]["_case"]["key"] == key for text in server.comments(one)]


def aio_case(aio, name, failure):
    key = aio.case(name)["key"]
    return key, case(f"{key} {name}", failure=failure)


@pytest.mark.parametrize("fault", [None, "close", "html", "before"])
def test_a_run_of_aio_tests_gets_one_comment_and_is_closed_behind_it(resultd, axosoft, aio, fault):
    pays, failing = aio_case(aio, "pays", "no answer from the bank")
    sells, passing = aio_case(aio, "sells", None)
    configure(resultd, axosoft, sinks={"aio": resultd.aio(aio, cycle={"close": True})})
    if fault is not None:
        aio.fault("comment_run", **({"before": "close"} if fault == "before" else {"after": fault}))
    done = run(resultd, "1", junit(failing, passing))
    item = next(iter(axosoft.items.values()))
    told_of = [text for text in comments_of(aio, pays) if text.startswith(f"Defect {item['id']}: {axosoft.address}/viewitem")]
    assert len(told_of) == 1, (aio.story(), comments_of(aio, pays))
    assert not any("Defect" in text for text in comments_of(aio, sells))
    assert len(aio.calls("comment_run")) == (2 if fault == "before" else 1)
    assert done.delivery("aio")["state"] == "delivered" and aio.only_cycle["isClosed"]


def test_both_kinds_of_servers_are_told(resultd, axosoft, aio, testrail):
    pays, failing = aio_case(aio, "pays", "no answer from the bank")
    sinks = {**rail(resultd, testrail), "aio": {**resultd.aio(aio), "token": {"file": str(resultd.folder / "aio.token")}}}
    (resultd.folder / "aio.token").write_text(aio.token)
    (resultd.folder / "aio.token").chmod(0o600)
    configure(resultd, axosoft, sinks=sinks)
    run(resultd, "1", junit(failing))
    assert len(told(testrail)) == 1
    assert sum("Defect" in text and "viewitem" in text for text in comments_of(aio, pays)) == 1


# ---- files ----

def with_files(resultd, count=2, test="pays"):
    text = ""
    for number in range(count):
        resultd.write(f"{test}-{number}.bin", f"{test} {number} " * 1000)
        text += f"[[ATTACHMENT|{test}-{number}.bin]]\n"
    return case(test, failure="no answer from the bank", inside=f"<system-out>{text}</system-out>")


def test_files_of_a_failing_test_are_attached_to_its_new_item_as_they_are(resultd, axosoft):
    configure(resultd, axosoft, attachments=True)
    done = run(resultd, "1", junit(with_files(resultd), case("sells")))
    assert sorted(row["file_name"] for row in axosoft.attachments) == ["pays-0.bin", "pays-1.bin"]
    assert [row["size"] for row in axosoft.attachments] == [7000, 7000]
    assert {row["source_id"] for row in axosoft.attachments} == set(axosoft.items)
    assert done.delivery("defects")["evidence"] == 2
    run(resultd, "2", junit(with_files(resultd)))
    assert len(axosoft.attachments) == 2            # a known item has the first ones


def test_no_files_are_attached_unless_that_is_asked_for(resultd, axosoft):
    configure(resultd, axosoft)
    run(resultd, "1", junit(with_files(resultd)))
    assert len(axosoft.items) == 1 and not axosoft.attachments


def test_one_item_of_many_tests_gets_no_more_than_max_files(resultd, axosoft):
    configure(resultd, axosoft, attachments=True, evidence={"max_files": 3})
    run(resultd, "1", junit(with_files(resultd, test="pays"), with_files(resultd, test="ships"), with_files(resultd, test="x")))
    assert len(axosoft.items) == 1 and len(axosoft.attachments) == 3


@pytest.mark.parametrize("fault", ["close", "html"])
def test_row_38_a_file_whose_answer_was_lost_is_not_attached_twice(resultd, axosoft, fault):
    configure(resultd, axosoft, attachments=True)
    axosoft.fault("POST features/N/attachments", after=fault)
    run(resultd, "1", junit(with_files(resultd)))
    assert sorted(row["file_name"] for row in axosoft.attachments) == ["pays-0.bin", "pays-1.bin"]


def test_where_files_are_refused_the_item_stands_and_results_are_told(resultd, axosoft, testrail):
    axosoft.attachments_refused = True
    configure(resultd, axosoft, sinks=rail(resultd, testrail), attachments=True)
    done = run(resultd, "1", junit(with_files(resultd)), code=4)
    assert len(axosoft.items) == 1 and len(told(testrail)) == 1 and done.delivery("rail")["state"] == "delivered"
    assert "Attachments are disabled" in resultd("queue", "show", "2").out + resultd("queue", "show", "1").out
    assert len(axosoft.calls("POST features/N/attachments")) == 1


# ---- to another machine ----

@pytest.fixture
def two(make_resultd, axosoft, testrail):
    here, there = make_resultd("here"), make_resultd("there")
    for one in (here, there):
        configure(one, axosoft, sinks=rail(one, testrail))
    return here, there


def carried(here, there):
    file = here.folder / "queue.export"
    done = here("queue", "export", "--move", "--yes", file)
    assert done.code == 0, done
    done = there("queue", "import", file)
    assert done.code == 0, done


def test_what_is_owed_to_results_is_carried_along(two, axosoft, testrail):
    here, there = two
    testrail.answers("add_results_for_cases", 200, *[429] * 40)     # the results, and then not their items
    run(here, "1", FAILING, code=3, options=["--timeout", "4s"])
    assert len(axosoft.items) == 2 and len(testrail.store.results) == 3 and told(testrail) == {}
    testrail.calm()
    carried(here, there)
    there.delivers()
    assert told(testrail) == {test: [str(item_of(axosoft, test)["id"])] for test in ("pays", "ships")}
    assert len(testrail.store.results) == 5 and len(axosoft.items) == 2
    here.delivers()
    there.delivers()
    assert len(testrail.store.results) == 5 and closed(testrail) == [True]


def test_items_of_a_run_that_no_tracker_has_yet_are_carried_along(two, axosoft, testrail):
    here, there = two
    testrail.always("*", 409)
    run(here, "1", FAILING, code=3, options=["--timeout", "4s"])
    assert len(axosoft.items) == 2 and not testrail.runs
    testrail.calm()
    carried(here, there)
    there.delivers()
    assert told(testrail) == {test: [str(item_of(axosoft, test)["id"])] for test in ("pays", "ships")}
    assert statuses(testrail) == {"pays": 5, "ships": 5, "sells": 1} and len(axosoft.items) == 2


# ---- pages of the local sink ----

def page_of(resultd):
    page, = (resultd.folder / "runs").glob("*/index.html")
    return page.read_text()


def shown(axosoft, test):
    item = item_of(axosoft, test)
    return (f'Defect <a rel="noreferrer noopener" href="{axosoft.address}/viewitem?id={item["number"]}&amp;type=features'
            f'&amp;force_use_number=true"><bdi>{item["id"]}</bdi></a>')


def test_the_page_of_a_run_shows_the_items_of_its_failures(resultd, axosoft):
    configure(resultd, axosoft)
    done = run(resultd, "1", FAILING)
    page = page_of(resultd)
    assert shown(axosoft, "pays") in page and shown(axosoft, "ships") in page and page.count('class="defects"') == 2
    assert done.delivery("home")["state"] == "delivered" and done.delivery("home")["posted"] == 3
    before = page
    resultd.delivers()
    assert page_of(resultd) == before


def test_items_that_come_later_than_the_page_are_shown_on_it(resultd, axosoft):
    configure(resultd, axosoft)
    axosoft.always("*", 500)
    done = run(resultd, "1", FAILING, code=3, options=["--timeout", "3s"])
    assert done.delivery("home")["state"] == "delivered"       # and waits for nobody
    assert "no answer from the bank" in page_of(resultd) and 'class="defects"' not in page_of(resultd)
    axosoft.calm()
    resultd.delivers()
    assert shown(axosoft, "pays") in page_of(resultd) and shown(axosoft, "ships") in page_of(resultd)
    assert "no answer from the bank" in page_of(resultd)


# ---- the quota over there ----

def test_503_is_waited_out_longer_each_time(resultd, axosoft):
    """Others use the same client: the day's calls may be gone though ours are not."""
    configure(resultd, axosoft)
    axosoft.fault("GET projects", before=Answer(503, "<html>Service Unavailable</html>"), times=6)
    run(resultd, "1", junit(case("pays", failure="no")))
    assert len(axosoft.items) == 1 and len(axosoft.calls("GET projects")) == 7


def test_a_503_with_a_time_is_obeyed(resultd, axosoft):
    configure(resultd, axosoft)
    axosoft.answers("GET projects", Answer(503, "<html>Service Unavailable</html>", {"Retry-After": "1500"}))
    run(resultd, "1", junit(case("pays", failure="no")))
    first, second = axosoft.calls("GET projects")
    assert second.at - first.at > 2.5           # 1,500 s on a clock that is 500 times as fast
