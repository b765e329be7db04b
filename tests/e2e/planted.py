# SPDX-License-Identifier: Apache-2.0
"""Evidence put into a state directory by hand, so that delivery is tested apart from capture.

Reports are imported without waiting, their files are written beneath evidence/ and into the queue's table,
and `deliver` does the rest: it sees what capture would have left.
"""

import hashlib
import sqlite3

NAMED, GLOB, DATA, TEXT, REPORT = range(5)
KEPT, AWAITED, MISSING, REFUSED = range(4)
PLACE_BITS, SEQ_BITS = 9, 23


class Planted:
    def __init__(self, resultd):
        self.resultd = resultd

    def accept(self, *paths, options=()):
        """Imports without delivering."""
        done = self.resultd("import", "--json", "--progress", "never", "--no-wait", *options, *paths)
        assert done.code == 0, done
        return done

    def _database(self):
        return sqlite3.connect(self.resultd.state / "queue.db")

    def parts(self):
        return [row[0] for row in self.rows("SELECT id FROM part WHERE state = 1 ORDER BY id")]

    def blob(self, data):
        """The bytes beneath evidence/, by content; (kept, size, sha256)."""
        digest = hashlib.sha256(data)
        kept = f"{digest.hexdigest()[:2]}/{digest.hexdigest()}"
        path = self.resultd.state / "evidence" / kept
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(data)
        return kept, len(data), digest.digest()

    def add(self, rows):
        """rows: (part, place of the result in its report or None for the run, name, bytes, {column: value})."""
        db = self._database()
        with db:
            for part, place, name, data, *more in rows:
                # behind what capture has found itself
                number = db.execute("SELECT coalesce(max(id) & 8388607, -1) + 1 FROM evidence WHERE id >> 23 = ?",
                                    (part,)).fetchone()[0]
                kept, size, sha256 = self.blob(data) if data is not None else (None, 0, None)
                row = {"id": part << SEQ_BITS | number,
                       "run": db.execute("SELECT run FROM part WHERE id = ?", (part,)).fetchone()[0],
                       "result": None if place is None else part << (SEQ_BITS + PLACE_BITS) | place,
                       "origin": NAMED, "state": KEPT if data is not None else AWAITED, "named": name, "name": None,
                       "kept": kept, "type": None, "reason": None, "size": size, "sha256": sha256}
                row.update(more[0] if more else {})
                db.execute(f"INSERT INTO evidence({','.join(row)}) VALUES({','.join('?' * len(row))})",
                           tuple(row.values()))
        db.close()

    def rows(self, sql, *values):
        db = self._database()
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()
