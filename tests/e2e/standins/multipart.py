# SPDX-License-Identifier: Apache-2.0
"""multipart/form-data, read strictly: what is not quite right is an error, as it is for a picky server."""

import re


class BadForm(Exception):
    def __init__(self, text, status=400):
        super().__init__(text)
        self.text, self.status = text, status


class Part:
    """One part: its name, its file name (None: no file), its type and its bytes."""

    def __init__(self, head, data):
        headers = {}
        for line in head.split(b"\r\n"):
            key, colon, value = line.decode("utf-8", "replace").partition(":")
            if not colon or key.lower() in headers:
                raise BadForm(f"a part with the header line {line[:100]!r}")
            headers[key.lower()] = value.strip()
        disposition = headers.get("content-disposition", "")
        if not disposition.lower().startswith("form-data"):
            raise BadForm(f"a part with the disposition {disposition[:100]!r}")
        self.name = _parameter(disposition, "name")
        self.filename = _parameter(disposition, "filename")
        self.content_type = (headers.get("content-type", "")).split(";")[0].strip().lower()
        self.data = data


def _parameter(header, name):
    match = re.search(rf'[;\s]{name}="((?:[^"\\]|\\.)*)"', header)
    if match is None:
        return None
    return re.sub(r"\\(.)", r"\1", match.group(1))


def parse(content_type, body):
    """The parts, in order."""
    match = re.fullmatch(r'multipart/form-data;\s*boundary="?([^";\s]{1,70})"?', content_type or "")
    if match is None:
        raise BadForm(f"Content-Type {content_type!r} is no multipart/form-data with a boundary", 415)
    line = b"--" + match.group(1).encode()
    end = b"\r\n" + line + b"--"
    if not body.startswith(line + b"\r\n") or not body.rstrip(b"\r\n").endswith(end):
        raise BadForm("the form does not begin and end with its boundary")
    parts = []
    for piece in body[len(line) + 2:body.rindex(end)].split(b"\r\n" + line + b"\r\n"):
        head, empty, data = piece.partition(b"\r\n\r\n")
        if not empty:
            raise BadForm("a part of the form without a head")
        parts.append(Part(head, data))
    return parts
