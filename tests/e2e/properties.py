# SPDX-License-Identifier: Apache-2.0
"""What must hold after any fault, once it is lifted.

conserve and once are the test's own words (expect.py); the rest is the same for all: what arrived is what the
reports say (intact), a fresh report passes (live), and neither requests nor the state directory have grown
beyond what the work needs (bounded; secrets in the output are looked for at the end of every test).
"""

import json

from expect import posted_status
from reports import case, junit

REQUESTS_MAX = 3000
STATE_MAX = 64 << 20


def _told(resultd):
    """By automation id: the statuses that the reports of this test can be posted with."""
    reports = [path for folder in (resultd.folder / "reports", resultd.inbox) for path in sorted(folder.rglob("*.xml"))]
    told = {}
    if not reports:
        return told
    done = resultd("parse", *reports)
    for line in done.out.splitlines():
        if line.strip():
            told.setdefault(json.loads(line).get("id"), set()).add(posted_status(json.loads(line)))
    return told


def intact(resultd, testrail):
    told = _told(resultd)
    for automation, statuses in testrail.results_by_automation().items():
        assert automation in told, f"a result for {automation}, of which no report tells"
        assert set(statuses) <= told[automation], f"{automation}: {statuses}, the reports say {told[automation]}"


def live(resultd, testrail):
    """All is mended, and nobody starts anew: the same state directory, a report that it has not seen."""
    testrail.calm()
    if not testrail.listening:
        testrail.up()
    testrail.body_max, testrail.rate, testrail.store.lag = None, None, 0
    testrail.refuse_result = lambda body: None
    resultd.write_key(testrail.key)
    resultd.deliver_to(testrail, create={"cases": True, "sections": True})
    report = resultd.folder / "fresh.xml"
    report.write_text(junit(case("passes", classname="fresh.Live")))
    done = resultd("import", "--json", "--progress", "never", "--run-key", "fresh", "--timeout",
                   f"{60 * resultd.scale}s", report, timeout=90)
    assert testrail.results_by_automation().get("fresh.Live.passes") == ["passed"], done
    assert done.delivery()["state"] == "delivered", done


def bounded(resultd, testrail):
    assert len(testrail.requests) <= REQUESTS_MAX, f"{len(testrail.requests)} requests"
    size = sum(path.stat().st_size for path in resultd.state.rglob("*") if path.is_file())
    assert size <= STATE_MAX, f"{size} bytes in the state directory"


def hold(resultd, testrail):
    resultd.undisturbed()
    intact(resultd, testrail)
    live(resultd, testrail)
    bounded(resultd, testrail)
