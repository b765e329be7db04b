#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every #include against the table of layers: who may see whom, and which third-party headers.

Exits 1 and names file, line and include for each that the table does not allow.  The table is the
architecture; a new row needs a reason in the commit that adds it.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# layer: (layers it may include, third-party headers it may include)
LAYERS = {
    "daemon/base": ([], ["pthread.h", "openssl/"]),  # openssl: SHA-256, in digest.c only
    "daemon/model": (["daemon/base"], ["cjson/"]),
    "daemon/config": (["daemon/base"], ["yaml.h"]),
    "daemon/net": (["daemon/base"], ["uv.h", "curl/"]),
    "daemon/watch": (["daemon/base"], ["uv.h"]),
    "daemon/queue": (["daemon/base", "daemon/model"], ["uv.h", "sqlite3.h", "zstd.h", "pthread.h"]),
    "daemon/control": (["daemon/base"], ["uv.h", "cjson/"]),
    "parsers": (["daemon/base", "daemon/model"], ["expat.h", "iconv.h"]),
    "sinks": (["daemon/base", "daemon/model", "daemon/config", "daemon/net"], ["cjson/"]),
    # Only the files at daemon's root, and the commands, know both sides.
    "daemon": (["*"], ["uv.h", "cjson/", "zlib.h", "zstd.h", "openssl/", "systemd/", "pthread.h"]),
}
THIRD_PARTY = ["uv.h", "curl/", "expat.h", "cjson/", "yaml.h", "sqlite3.h", "zstd.h", "zlib.h", "openssl/",
               "systemd/", "pthread.h", "iconv.h"]
# Sinks write requests; who sends them is not theirs to know.
FORBIDDEN = {"sinks": ["daemon/net/http.h", "daemon/net/folder.h", "daemon/net/transport.h"]}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def layer_of(path: str) -> str:
    best = ""
    for layer in LAYERS:
        if path.startswith(layer + "/") and len(layer) > len(best):
            best = layer
    return best


def check(path: pathlib.Path, faults: list) -> None:
    name = path.relative_to(ROOT).as_posix()
    layer = layer_of(name)
    allowed, third = LAYERS[layer]
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, target = match.group(1) == '"', match.group(2)
        if quoted:
            if not (ROOT / target).is_file() and not target.endswith(".inc"):
                faults.append(f"{name}:{number}: \"{target}\" is not written from the root")
                continue
            other = layer_of(target)
            if other != layer and other not in allowed and "*" not in allowed and not target.endswith(".inc"):
                faults.append(f"{name}:{number}: {layer} may not include {other} (\"{target}\")")
            if target in FORBIDDEN.get(layer, []):
                faults.append(f"{name}:{number}: {layer} may not include \"{target}\"")
        else:
            foreign = [t for t in THIRD_PARTY if target == t or (t.endswith("/") and target.startswith(t))]
            if foreign and not any(f in third for f in foreign):
                faults.append(f"{name}:{number}: {layer} may not include <{target}>")


def main() -> int:
    faults: list = []
    files = [p for top in ("daemon", "parsers", "sinks") for p in sorted((ROOT / top).rglob("*.[ch]"))]
    for path in files:
        check(path, faults)
    for fault in faults:
        print(fault)
    print(f"{len(files)} files checked, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
