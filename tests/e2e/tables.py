# SPDX-License-Identifier: Apache-2.0
"""Reads what commands of administration print: tables, cards, JSON."""

import json


def said(done):
    return json.loads(done.out)


def rows(text):
    """The cells of a table's rows, by the title of their column."""
    head, *lines = text.splitlines()
    starts = [at for at, char in enumerate(head) if char != " " and (at == 0 or head[at - 2:at] == "  ")]
    titles = [head[start:end].strip() for start, end in zip(starts, starts[1:] + [None])]
    return [dict(zip(titles, (line[start:end].strip() for start, end in zip(starts, starts[1:] + [None]))))
            for line in lines]


def card(text):
    return {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in text.splitlines() if "  " in line}
