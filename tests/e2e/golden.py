# SPDX-License-Identifier: Apache-2.0
"""State directories of each schema, with deliveries in every state, and what the server held then.

tests/upgrade/schema-N.tar.xz holds `state/` and `store.json`; tests/upgrade/make.sh makes one of a revision.
"""

import base64
import itertools
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

from reports import case, junit, numbered
from standins.testrail_store import Store

FOLDER = Path(__file__).resolve().parents[1] / "upgrade"
# What every delivery of the scenario was to bring: run key -> tests.  One is parked for good.
BROUGHT = {"delivered": 3, "sending": 9, "waiting": 4, "looping": 5}
PARKED = 1
# From this schema on files are kept.  Each of these runs has one failed test, with two files of its own.
EVIDENCE = 3
FILES = {"files-waiting": 2, "files-parked": 2, "files-sending": 2}
FILES_PARKED = 2


def goldens():
    return sorted(FOLDER.glob("schema-*.tar.xz"))


def schema_of(archive):
    return int(archive.name.removeprefix("schema-").partition(".")[0])


def brought(schema):
    return BROUGHT | ({key: 1 for key in FILES} if schema >= EVIDENCE else {})


# ---- the server's store as JSON: keys that are numbers stay numbers ----

def _packed(value):
    if isinstance(value, dict):
        return {"pairs": [[_packed(key), _packed(each)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_packed(each) for each in value]
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, itertools.count):
        return {"count": value.__reduce__()[1][0]}
    return value


def _unpacked(value):
    if isinstance(value, dict) and "pairs" in value:
        return {_unpacked(key): _unpacked(each) for key, each in value["pairs"]}
    if isinstance(value, dict) and "bytes" in value:
        return base64.b64decode(value["bytes"])
    if isinstance(value, dict):
        return itertools.count(value["count"])
    if isinstance(value, list):
        return [_unpacked(each) for each in value]
    return value


def save_store(store, path):
    held = {key: _packed(value) for key, value in vars(store).items() if not callable(value)}
    path.write_text(json.dumps(held))


def load_store(path, into: Store):
    for key, value in json.loads(path.read_text()).items():
        setattr(into, key, _unpacked(value))
    for rows in (into.runs, into.results, into.cases, into.sections, into.attachments):
        for row in rows.values():
            row.pop("_visible", None)           # long since


# ---- the scenario ----

def configure(resultd, testrail):
    resultd.environment["RESULTD_TEST_AGE_SCALE"] = "1"     # they are old, and none of them is to be forgotten
    resultd.configure({"rail": resultd.rail(testrail, batch=3, create={"cases": True, "sections": True}),
                       "home": {"type": "local", "dir": str(resultd.folder / "pages")}})


def _schema(resultd):
    with closing(sqlite3.connect(resultd.state / "queue.db")) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def _with_files(resultd, key):
    """A report of one failed test that names two files."""
    text = ""
    for number in range(FILES[key]):
        resultd.write(f"{key}-{number}.log", f"{key} {number}\n")
        text += f"[[ATTACHMENT|{key}-{number}.log]]\n"
    return ["--run-key", key, resultd.write(f"{key}.xml", junit(case(
        key, failure="no", inside=f"<system-out>{text}</system-out>")))]


def make(resultd, testrail):
    """Deliveries that are done, sending with an unknown outcome, parked and waiting; then the process dies."""
    def named(key, count, first):
        return ["--run-key", key, resultd.write(f"{key}.xml", numbered(count, first=first))]
    configure(resultd, testrail)
    resultd.imports(*named("delivered", 3, 1))
    testrail.refuse_result = lambda body: "a bad one" if "00014" in testrail.store.cases[body["case_id"]]["title"] else None
    resultd.imports(*named("looping", 5, 11), code=4)
    testrail.refuse_result = lambda body: None
    files = _schema(resultd) >= EVIDENCE
    if files:
        testrail.result_editing = False
        resultd.imports(*_with_files(resultd, "files-parked"), code=4)
        testrail.result_editing = True
        resultd.imports("--no-wait", *_with_files(resultd, "files-waiting"))
    resultd.imports("--no-wait", *named("waiting", 4, 31))
    if files:
        resultd.imports("--no-wait", *_with_files(resultd, "files-sending"))
        testrail.fault("add_attachment_to_result", after="hang")
    posts = len(testrail.calls("add_results_for_cases"))
    testrail.fault("add_results_for_cases", after="hang", call=2)
    running = resultd.spawn("import", "--timeout", "20h", *named("sending", 9, 41))

    def hangs(endpoint, number):
        calls = testrail.calls(endpoint)
        return len(calls) > number and calls[number].applied
    testrail.wait_until(lambda: hangs("add_results_for_cases", posts + 1), what="the second batch to be there")
    if files:
        testrail.wait_until(lambda: hangs("add_attachment_to_result", 1), what="the first file to be there")
    running.kill()


def unpack(archive, resultd, testrail):
    """The state directory as it was left, and a server that holds what it held."""
    with tarfile.open(archive) as tar:
        tar.extractall(resultd.folder, filter="data") if hasattr(tarfile, "data_filter") else \
            tar.extractall(resultd.folder)
    load_store(resultd.folder / "store.json", testrail.store)
    configure(resultd, testrail)
