# SPDX-License-Identifier: Apache-2.0
"""Row 8: state directories of each schema, with deliveries in every state, go on where they were; also where the
process dies at any statement of a migration.  That of the newest schema was left by an earlier build: a change of
its tables that is not a migration shows there."""

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing

import golden
import pytest

from expect import each_case_once
from test_crash_points import DIED, Points


pytestmark = pytest.mark.five_properties(by="goes_on()")


@pytest.fixture
def left(points_binary, tmp_path, make_testrail):
    made = []

    def make(archive):
        testrail = make_testrail()
        resultd = Points(points_binary, tmp_path / f"left{len(made)}")
        golden.unpack(archive, resultd, testrail)
        made.append(resultd)
        return resultd, testrail
    yield make
    for one in made:
        one.close()


def schema(resultd):
    """Of a copy: to open the database itself would end its log."""
    copy = resultd.folder / "copy"
    copy.mkdir(exist_ok=True)
    for path in resultd.state.glob("queue.db*"):
        shutil.copy(path, copy)
    with closing(sqlite3.connect(copy / "queue.db")) as db:
        assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        version = db.execute("PRAGMA user_version").fetchone()[0]
    shutil.rmtree(copy)
    return version


def goes_on(resultd, testrail, archive):
    """Everything arrives once; what was parked stays parked, and so does its run stay open."""
    brought = golden.brought(golden.schema_of(archive))
    files = len(brought) > len(golden.BROUGHT)
    resultd.delivers()
    each_case_once(testrail, sum(brought.values()) - golden.PARKED)
    assert len(testrail.runs) == len(brought), testrail.story()
    open_runs = [run["name"] for run in testrail.runs if not run["is_completed"]]
    assert len(open_runs) == (2 if files else 1), open_runs
    status = resultd.status()
    assert status["runs"] == len(brought), status
    if files:
        there(testrail, {key for key in golden.FILES if key != "files-parked"})
        assert resultd("queue", "retry", "--reason", "editing").code == 0
        resultd.delivers()
        there(testrail, golden.FILES)


def there(testrail, keys):
    """The files of these runs, each once, at the result of its test."""
    wanted = {f"{key}-{number}.log": (f"{key} {number}\n".encode(), key)
              for key in keys for number in range(golden.FILES[key])}
    found = {row["name"]: (row["_data"], testrail.store.cases[row["case_id"]]["title"]) for row in testrail.files()}
    assert found == wanted and len(testrail.files()) == len(wanted), testrail.story()


def delivers_listed(resultd):
    resultd.environment["RESULTD_CRASH"] = "list"
    done = resultd("deliver", "--timeout", f"{60 * resultd.scale}s")
    del resultd.environment["RESULTD_CRASH"]
    return re.findall(r"crash point (\S+)", done.err)


def dies_while_opening(points):
    """Points up to the first send: settings, migrations, recovery."""
    first = next(index for index, point in enumerate(points) if point.startswith("send-before"))
    return [point for point in points[:first] if point.partition(":")[0] in
            ("script-before", "commit-before", "commit-after", "begin-after", "checkpoint-before", "checkpoint-after")]


@pytest.mark.parametrize("archive", golden.goldens(), ids=lambda path: path.name.partition(".")[0])
def test_row_8_a_directory_of_an_earlier_schema_goes_on(left, archive):
    resultd, testrail = left(archive)
    old = schema(resultd)
    assert golden.schema_of(archive) == old
    goes_on(resultd, testrail, archive)
    assert schema(resultd) == max(golden.schema_of(path) for path in golden.goldens()), "make.sh keeps the newest"


@pytest.mark.parametrize("archive", golden.goldens()[:-1], ids=lambda path: path.name.partition(".")[0])
def test_row_8_a_death_at_each_statement_of_the_migrations_changes_nothing(left, points_binary, archive):
    """Row by row the database is then what it is where nothing happened: tests/crash/upgrade.c."""
    resultd, _ = left(archive)
    tool = points_binary.with_name("upgrade")
    done = subprocess.run([tool, resultd.state / "queue.db"], capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done
    points, statements, schemas = map(int, re.findall(r"\d+", done.stdout))
    assert statements > 20 and points > statements, done
    assert schemas == len(golden.goldens()) + 1 - golden.schema_of(archive), "each schema on the way was left by a death"


@pytest.mark.parametrize("archive", golden.goldens()[:-1], ids=lambda path: path.name.partition(".")[0])
def test_row_8_the_program_that_died_in_a_migration_goes_on(left, archive):
    """Three deaths of the program itself: at the first statement, between the migrations, at their end."""
    resultd, testrail = left(archive)
    points = dies_while_opening(delivers_listed(resultd))
    versions = set()
    for point in (points[0], points[len(points) // 2], points[-1]):
        resultd, testrail = left(archive)
        resultd.environment["RESULTD_CRASH"] = point
        done = resultd("deliver", "--timeout", f"{60 * resultd.scale}s")
        del resultd.environment["RESULTD_CRASH"]
        assert done.code == DIED, (point, done)
        versions.add(schema(resultd))
        goes_on(resultd, testrail, archive)
        testrail.stop()
    assert len(versions) >= 2, versions
