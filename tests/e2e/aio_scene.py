# SPDX-License-Identifier: Apache-2.0
"""A delivery to AIO Tests that needs nearly every kind of write, and what is there when all went well."""

from reports import case, junit, suite

COUNT = 12


def creating(resultd, aio, **keys):
    """A configuration and a report whose delivery needs every kind of write."""
    resultd.deliver_to_aio(aio, batch=5, create={"cases": True, "folder": ["{suite}"]},
                           cycle={"folder": ["CI"], "tags": ["nightly"], "close": True}, **keys)
    return resultd.write("a.xml", junit(suite(
        suite(*[case(f"a{number}") for number in range(COUNT // 2)], name="A"),
        suite(*[case(f"b{number}", failure="no") for number in range(COUNT // 2)], name="B"), name="Shop")))


def all_there_once(aio, count=COUNT):
    cycle = aio.only_cycle
    assert cycle["isClosed"]
    by_key = aio.statuses_by_key(cycle)
    assert len(by_key) == count and all(len(statuses) == 1 for statuses in by_key.values())
    assert len(aio.only_project.cases) == count
    assert all(len(aio.comments(run)) <= 1 for run in aio.runs())
    assert len(aio.only_project.folders["case"]) == 3 and len(aio.only_project.folders["cycle"]) == 1
    assert cycle["folder"]["name"] == "CI" and [tag["tag"]["name"] for tag in cycle["tags"]] == ["nightly"]


def broken(aio, how):
    return how if isinstance(how, str) else aio.error(how)


def named(count, aio):
    return junit(*[case(aio.case(f"case {number}")["key"]) for number in range(count)])
