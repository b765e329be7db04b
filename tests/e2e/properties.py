# SPDX-License-Identifier: Apache-2.0
"""What must hold after any fault, once it is lifted.

What arrives at each place is the test's own word (expect.py); the rest is the same for all, and looked at after
the test, for each state directory and each stand-in that it had:

    conserve   nothing that was taken in waits any more: it is delivered, or parked with a reason
    once       no test has more results in a run than the reports have executions of it
    intact     what arrived is what the reports say
    live       the same state directory brings a fresh report to every place that it delivers to
    bounded    neither requests nor the state directory have grown beyond what the work needs (secrets in the
               output and in the state directory are looked for at the end of every test)
"""

import copy
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from expect import POSTED, posted_status
from reports import case, junit
from resultd import wait_until
from standins.aio import Aio
from standins.axosoft import Axosoft
from standins.testrail import TestRail

REQUESTS_MAX = 3000
STATE_MAX = 64 << 20
FRESH = "fresh.Live.passes"
SCALE = 500
FULL = 7         # rights: read, write, delete
AIO_POSTED = {"passed": "Passed", "failed": "Failed", "error": "Failed", "skipped": "Not Run"}
# Neither parked, delivered nor dropped; a run that may still grow waits with nothing that it owes.
WAITS = """SELECT d.run, d.sink, d.state FROM delivery d JOIN run r ON r.id = d.run WHERE d.state NOT IN (3, 4, 5)
           AND (r.ended <> 0 OR d.state <> 0 OR EXISTS(
                SELECT 1 FROM item i WHERE i.delivery = d.id AND i.state IN (0, 1, 2)))"""


# What tests take from a server, and get back from it.
WHOLE = {TestRail: ("body_max", "rate", "refuse_result", "result_editing", "plan_run_files", "missing"),
         Aio: ("body_max", "bulk_max", "rate", "empty_after", "refuse_mark", "fail_bulk", "missing"),
         Axosoft: ("expired",)}


class World:
    """The state directories and the stand-ins of one test."""

    def __init__(self):
        self.resultds, self.servers = [], []

    def add(self, one):
        """Of a stand-in: as it is now, before a test takes something from it."""
        if type(one) in WHOLE:
            self.servers.append((one, {name: copy.copy(getattr(one, name)) for name in WHOLE[type(one)]}))
        else:
            self.resultds.append(one)
        return one

    def hold(self):
        assert self.resultds, "a test of a fault has a state directory, or says who looks at it"
        for resultd in self.resultds:
            resultd.undisturbed()
        servers = [server for server, _ in self.servers if not server.stopped]
        for server, whole in self.servers:
            if not server.stopped:
                lift(server, whole)
        for resultd in self.resultds:
            if resultd.state.exists():
                hold(resultd, servers)


def lift(server, whole):
    """All is mended over there."""
    server.calm()
    if not server.listening:
        server.up()
    vars(server).pop("handle", None)            # a test's own
    for name, value in whole.items():
        setattr(server, name, value)
    if isinstance(server, Axosoft):
        server.calls_today = 0
    else:
        server.store.lag = 0
    for project in server.store.projects if isinstance(server, Aio) else ():
        project.enabled, project.permission = True, FULL


def secret_of(server):
    if isinstance(server, TestRail):
        return {"key": server.key}
    if isinstance(server, Aio):
        return {"token": server.token, "password": server.password, "pat": server.pat}
    return {"token": server.token}


def place_of(sink, servers):
    return next((server for server in servers if sink.get("url") == server.address), None)


def reconfigured(resultd, servers):
    """The test's own sinks, with secrets that are good and no watch: what they deliver to, by name."""
    settings = resultd.settings()
    sinks, places = {}, {}
    for name, sink in settings.get("sinks", {}).items():
        server = place_of(sink, servers)
        if server is None and sink["type"] != "local":
            continue                            # of a test that ends without that server
        sinks[name], places[name] = dict(sink), server
        if server is not None:
            create = {"cases": True, "sections": True} if isinstance(server, TestRail) else {"cases": True}
            sinks[name]["create"] = {**sink.get("create", {}), **create}
            renew(resultd, sink, server)
    assert sinks, f"no place to deliver to: {settings}"
    if "defects" in settings:
        server = place_of(settings["defects"], servers)
        renew(resultd, settings["defects"], server)
    if "keep" in settings:                      # the mark of a disk that was full, or said to be
        settings["keep"] = {"low_water": 0}
    resultd.configure(sinks, **{key: value for key, value in settings.items()
                                if key not in ("state_dir", "sinks", "watch")})
    return places


def renew(resultd, sink, server):
    for key, secret in secret_of(server).items():
        if isinstance(sink.get(key), dict) and "file" in sink[key]:
            resultd.write_secret(Path(sink[key]["file"]), secret)


# ---- the five ----

class Told:
    """The executions that the reports of a test tell of, by all that a case may be found by."""

    def __init__(self, resultd):
        self.found = {}
        reports = resultd.told()
        if not reports:
            return
        for line in resultd("parse", *reports).out.splitlines():
            if line.strip():
                told = json.loads(line)
                for name in {told.get("id"), told.get("name"), *told.get("refs", ())}:
                    self.found.setdefault(name, []).append(told)

    def of(self, *names):
        found = {}
        for name in names:
            for told in self.found.get(name, ()) if name is not None else ():
                found[id(told)] = told
        return list(found.values())


def executions(lines):
    return sum(max(1, len(line.get("attempts", ()))) for line in lines)


def statuses(lines, names, posted):
    """The names of the statuses that any of these executions may be posted with."""
    found = set()
    for line in lines:
        found.add(names.get("known_failure") if line.get("known_failure") else posted(line["status"]))
        if line.get("flaky"):
            found.add(names.get("flaky", posted("passed")))
        found.update(posted(attempt["status"]) for attempt in line.get("attempts", ()))
    return found


def at_testrail(told, server, sink, times):
    names = {**POSTED, "known_failure": "retest", **sink.get("statuses", {})}
    with server.lock:
        rows = [(row["_case"], row["_run"], server.store.cases.get(row["_case"]),
                 (server.store.status(row["status_id"]) or {"name": None})["name"])
                for row in server.store.results.values()]
    count = {}
    for number, run, there, status in rows:
        assert there is not None, f"a result for C{number}, which is not there"
        automation = there.get("custom_automation_id")
        lines = told.of(automation, f"C{number}", str(number), there["title"], there["title"].rpartition(".")[2])
        assert lines, f"a result for {automation or there['title']}, of which no report tells"
        right = statuses(lines, names, names.get)
        assert status is None or status in right, f"{automation}: {status}, the reports say {right}"
        count[run, number] = count.get((run, number), 0) + 1
        assert count[run, number] <= times * executions(lines), f"{automation} has {count[run, number]} results in run {run}"


def at_aio(told, server, sink):
    names = {**AIO_POSTED, "known_failure": "Not Run", **sink.get("statuses", {})}
    count = {}
    for run in server.runs():
        if run["_marks"] == 0:
            continue                            # made with the cycle, or by others: nothing of ours stands there
        association = run["_association"]
        there = association["_case"]
        lines = told.of(there.get("automationKey"), there["key"], there["title"], there["title"].rpartition(".")[2])
        lines += [line for name, found in told.found.items() if name and there["key"] in str(name) for line in found]
        assert lines, f"a run of {there['key']}, of which no report tells"
        status, right = run["testRunStatus"]["name"], statuses(lines, names, names.get)
        assert status in right, f"{there['key']}: {status}, the reports say {right}"
        key = association["ID"]
        count[key] = count.get(key, 0) + 1
        assert count[key] <= executions(lines), f"{there['key']} has {count[key]} runs in {association['_cycle']['key']}"


def at_local(told, folder):
    for path in folder.rglob("results.jsonl"):
        count = {}
        for row in (json.loads(line) for line in path.read_text().splitlines() if line.strip()):
            lines = told.of(row.get("id"), row["name"])
            assert lines, f"{path}: {row.get('id')}, of which no report tells"
            assert row["status"] in {line["status"] for line in lines} | {
                attempt["status"] for line in lines for attempt in line.get("attempts", ())}, row
            key = (row.get("variant"), tuple(row.get("suite", ())), row.get("id"), tuple(row.get("params", ())))
            count[key] = count.get(key, 0) + 1
            assert count[key] <= executions(lines), f"{path}: {key} stands there {count[key]} times"


def intact_and_once(resultd, servers):
    told = Told(resultd)
    settings = resultd.settings()
    times = 2 if "defects" in settings else 1           # a result that is told its item is one more
    for sink in settings["sinks"].values():
        server = place_of(sink, servers)
        if isinstance(server, TestRail):
            at_testrail(told, server, sink, times)
        elif isinstance(server, Aio):
            at_aio(told, server, sink)
        elif sink["type"] == "local":
            at_local(told, Path(sink["dir"]))


def arrived(server):
    """How often the fresh report is there, and with what statuses."""
    if isinstance(server, TestRail):
        with server.lock:
            return [server.store.status(row["status_id"])["name"] for row in server.store.results.values()
                    if server.store.cases[row["_case"]].get("custom_automation_id") == FRESH
                    or server.store.cases[row["_case"]]["title"] == FRESH]
    return [run["testRunStatus"]["name"] for run in server.runs()
            if run["_association"]["_case"].get("automationKey") == FRESH
            or run["_association"]["_case"]["title"] in (FRESH, "passes")]


def live(resultd, servers):
    places = reconfigured(resultd, servers)
    before = {id(server): arrived(server) for server in places.values() if server is not None}
    report = resultd.folder / "fresh.xml"
    report.write_text(junit(case("passes", classname="fresh.Live")))
    done = resultd("import", "--json", "--progress", "never", "--run-key", "a fresh one", "--timeout",
                   f"{60 * resultd.scale}s", report, timeout=90)
    assert done.code == 0, done
    for name, server in places.items():
        delivery = done.delivery(name)
        assert (delivery["state"], delivery["posted"], delivery["parked"]) == ("delivered", 1, 0), done
    for key in before:
        mine = [server for server in places.values() if server is not None and id(server) == key]
        new = arrived(mine[0])[len(before[key]):]
        assert new == ["passed" if isinstance(mine[0], TestRail) else "Passed"] * len(mine), (new, done)


def waiting(resultd, places):
    with closing(sqlite3.connect(f"file:{resultd.state / 'queue.db'}?mode=ro", uri=True)) as db:
        return [row for row in db.execute(WAITS) if row[1] in places]


def conserve(resultd, servers):
    places = reconfigured(resultd, servers)
    if waiting(resultd, places):
        done = resultd("deliver", "--timeout", f"{60 * resultd.scale}s", timeout=90)
        assert done.code in (0, 4), done
    if waiting(resultd, places):                # of a run that is open still: that is a daemon's
        daemon = resultd.spawn("run")
        daemon.says("watching")
        wait_until(lambda: not [line for line in json.loads(resultd("queue", "list", "--json").out)
                                if line["state"] in ("unknown", "sending")], timeout=60, what="what is owed still")
        daemon.terminate()
    left = waiting(resultd, places)
    assert not left, f"{left} wait still:\n{resultd('queue', 'list').out}"


def bounded(resultd, servers):
    for server in servers:
        assert len(server.requests) <= REQUESTS_MAX, f"{len(server.requests)} requests"
    size = sum(path.stat().st_size for path in resultd.state.rglob("*") if path.is_file())
    assert size <= STATE_MAX, f"{size} bytes in the state directory"


def hold(resultd, servers):
    resultd.scale = max(resultd.scale, SCALE)
    bounded(resultd, servers)
    intact_and_once(resultd, servers)
    live(resultd, servers)
    conserve(resultd, servers)
