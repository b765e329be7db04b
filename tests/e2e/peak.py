# SPDX-License-Identifier: Apache-2.0
"""How much memory a command needed at most.

The kernel keeps the peak of a process (VmHWM) only while it lives, and what wait4() tells of a child counts the
Python that forked it.  So it is read again and again until the end; what the last 10 ms add is not seen.
"""

import re
import threading
from pathlib import Path

EVERY_S = 0.01


def sanitized(binary):
    """A build whose memory is the sanitizer's: its figures say nothing."""
    return b"__asan_init" in Path(binary).read_bytes()


def peak_kib(pid):
    """The most memory that the process has had so far; 0 where it is gone."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found.group(1)) if found else 0


class Peak:
    """Watches a process from its start to its end."""

    def __init__(self, pid):
        self.pid, self.kib = pid, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._over.wait(EVERY_S):
            self.kib = max(self.kib, peak_kib(self.pid))

    def end(self):
        self._over.set()
        self._thread.join()
        return self.kib
