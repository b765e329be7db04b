#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make.py BINARY ARCHIVE: runs the scenario of tests/e2e/golden.py with BINARY, leaves ARCHIVE."""

import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import golden                                   # noqa: E402
from resultd import Resultd                     # noqa: E402
from standins.testrail import TestRail          # noqa: E402

binary, archive = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
with tempfile.TemporaryDirectory() as folder:
    testrail = TestRail().start()
    testrail.project()
    testrail.automation_field()
    resultd = Resultd(binary, Path(folder) / "golden")
    resultd.environment["ASAN_OPTIONS"] = "detect_leaks=0:exitcode=99"
    golden.make(resultd, testrail)
    testrail.stop()
    golden.save_store(testrail.store, resultd.folder / "store.json")
    (resultd.state / "ballast").unlink(missing_ok=True)
    with tarfile.open(archive, "w:xz") as tar:
        for name in ("state", "store.json"):
            tar.add(resultd.folder / name, name)
print(f"{archive}: {archive.stat().st_size} bytes")
