# SPDX-License-Identifier: Apache-2.0
"""State directories of earlier schemas, with deliveries in every state, and what the server held then.

tests/upgrade/schema-N.tar.xz holds `state/` and `store.json`; tests/upgrade/make.sh makes one of a revision.
"""

import itertools
import json
import tarfile
from pathlib import Path

from reports import numbered
from standins.testrail_store import Store

FOLDER = Path(__file__).resolve().parents[1] / "upgrade"
# What every delivery of the scenario was to bring: run key -> tests.  One is parked for good.
BROUGHT = {"delivered": 3, "sending": 9, "waiting": 4, "looping": 5}
PARKED = 1


def goldens():
    return sorted(FOLDER.glob("schema-*.tar.xz"))


# ---- the server's store as JSON: keys that are numbers stay numbers ----

def _packed(value):
    if isinstance(value, dict):
        return {"pairs": [[_packed(key), _packed(each)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_packed(each) for each in value]
    if isinstance(value, itertools.count):
        return {"count": value.__reduce__()[1][0]}
    return value


def _unpacked(value):
    if isinstance(value, dict) and "pairs" in value:
        return {_unpacked(key): _unpacked(each) for key, each in value["pairs"]}
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
    for rows in (into.runs, into.results, into.cases, into.sections):
        for row in rows.values():
            row.pop("_visible", None)           # long since


# ---- the scenario ----

def configure(resultd, testrail):
    resultd.configure({"rail": resultd.rail(testrail, batch=3, create={"cases": True, "sections": True}),
                       "home": {"type": "local", "dir": str(resultd.folder / "pages")}})


def make(resultd, testrail):
    """Deliveries that are done, sending with an unknown outcome, parked and waiting; then the process dies."""
    def named(key, count, first):
        return ["--run-key", key, resultd.write(f"{key}.xml", numbered(count, first=first))]
    configure(resultd, testrail)
    resultd.imports(*named("delivered", 3, 1))
    testrail.refuse_result = lambda body: "a bad one" if "00014" in testrail.store.cases[body["case_id"]]["title"] else None
    resultd.imports(*named("looping", 5, 11), code=4)
    testrail.refuse_result = lambda body: None
    resultd.imports("--no-wait", *named("waiting", 4, 31))
    testrail.fault("add_results_for_cases", after="hang", call=2)
    before = len(testrail.results())
    running = resultd.spawn("import", "--timeout", "20h", *named("sending", 9, 41))
    testrail.wait_until(lambda: len(testrail.results()) >= before + 6, what="the second batch to be there")
    running.kill()


def unpack(archive, resultd, testrail):
    """The state directory as it was left, and a server that holds what it held."""
    with tarfile.open(archive) as tar:
        tar.extractall(resultd.folder, filter="data") if hasattr(tarfile, "data_filter") else \
            tar.extractall(resultd.folder)
    load_store(resultd.folder / "store.json", testrail.store)
    configure(resultd, testrail)
