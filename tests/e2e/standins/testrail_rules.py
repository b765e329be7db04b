# SPDX-License-Identifier: Apache-2.0
"""What TestRail accepts: the shape of URLs, queries and bodies, and the words of its refusals.

Refused is an answer that a correct client may meet (a case that is gone). Forbidden is one that a correct
client never causes (a limit of 0, an elapsed of 0s): it is answered with the same words, and recorded as
a violation besides.
"""

import json
import re
from urllib.parse import unquote_to_bytes

NAME_MAX = 250
STRING_MAX = 250                # bytes, of custom fields of type String
RUN_REFS_MAX = 250
CASE_REFS_MAX = 2000


class Refused(Exception):
    def __init__(self, text, status=400):
        super().__init__(text)
        self.text, self.status = text, status


class Forbidden(Refused):
    pass


# ---- URLs ----

def split_target(target, base=""):
    """'/sub/index.php?/api/v2/get_cases/1&limit=5' -> ('get_cases', ['1'], {'limit': '5'}), or Forbidden."""
    prefix = base + "/index.php?/api/v2/"
    if not target.startswith(prefix):
        raise Forbidden(f"not an API URL: {target[:200]}", 404)
    rest = target[len(prefix):]
    if re.search(r"[^!-~]", rest):
        raise Forbidden("unencoded characters in the URL")
    if "?" in rest or "#" in rest:
        raise Forbidden("arguments are joined with &, there is one ? only")
    path, *pairs = rest.split("&")
    endpoint, *args = path.split("/")
    if not re.fullmatch(r"[a-z_]+", endpoint) or "" in args:
        raise Forbidden(f"path {path[:200]!r}", 404)
    query = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[a-z_]+", key):
            raise Forbidden(f"query part {pair[:200]!r}")
        if key in query:
            raise Forbidden(f"query key {key} twice")
        if re.search(r"%(?![0-9A-Fa-f]{2})", value):
            raise Forbidden(f"percent-encoding in {pair[:200]!r}")
        try:
            query[key] = unquote_to_bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            raise Forbidden(f"{key} is not UTF-8") from None
    return endpoint, args, query


def page_of(query):
    """(offset, limit) of a list request."""
    def number(key, default):
        text = query.get(key)
        if text is None:
            return default
        if not text.isdigit():
            raise Forbidden(f"Field :{key} is not a valid integer.")
        return int(text)
    limit = number("limit", 250)
    if not 1 <= limit <= 250:
        raise Forbidden("Field :limit is not within the allowed range (1 to 250).")
    return number("offset", 0), limit


# ---- bodies ----

def parse_body(body):
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Forbidden("the body is not UTF-8") from None
    try:
        value = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constant)
    except ValueError as error:
        raise Forbidden(f"Invalid JSON in the request body ({error}).") from None
    _check_text(value)
    return value


def _no_repeats(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def _check_text(value):
    """No lone surrogates, no control characters: nobody over there can show them."""
    if isinstance(value, str):
        bad = re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", value)
        if bad:
            raise Forbidden(f"character {bad.group()!r} in a text")
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)


# ---- kinds of fields: each returns what is wrong, or None ----

def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def a_name(value):
    if not isinstance(value, str) or not value.strip():
        return "is a required field."
    if len(value) > NAME_MAX:
        return f"is too long ({NAME_MAX} characters at most)."
    return None


def a_text(value):
    return None if value is None or isinstance(value, str) else "is not a valid string."


def short_text(limit):
    def check(value):
        if value is not None and not isinstance(value, str):
            return "is not a valid string."
        if value is not None and len(value) > limit:
            return f"is too long ({limit} characters at most)."
        return None
    return check


def an_id(value):
    return None if value is None or (is_int(value) and value > 0) else "is not a valid ID."


def ids(value):
    if not isinstance(value, list) or not all(is_int(item) and item > 0 for item in value):
        return "is not a valid array of IDs."
    if len(set(value)) != len(value):
        return "holds an ID twice."
    return None


def a_bool(value):
    return None if isinstance(value, bool) else "is not a valid boolean."


def a_time(value):
    return None if value is None or (is_int(value) and value >= 0) else "is not a valid timestamp."


def anything(_value):
    return None


ELAPSED = re.compile(r"(?=\S)(?:(\d+)w)?\s*(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+)s)?")


def seconds(value):
    """Seconds of a time span ('1m 5s'), or None where TestRail does not take it."""
    if not isinstance(value, str):
        return None
    match = ELAPSED.fullmatch(value.strip())
    if match is None or not value.strip():
        return None
    weeks, days, hours, minutes, secs = (int(group or 0) for group in match.groups())
    total = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + secs
    return total or None


def an_elapsed(value):
    return None if value is None or seconds(value) else "is not in a valid time span format."


FIELDS = {
    "section": {"name": a_name, "suite_id": an_id, "parent_id": an_id, "description": a_text},
    "case": {"title": a_name, "template_id": an_id, "type_id": an_id, "priority_id": an_id, "estimate": an_elapsed,
             "milestone_id": an_id, "refs": short_text(CASE_REFS_MAX), "labels": anything, "section_id": an_id,
             "is_legacy": a_bool},
    "run": {"suite_id": an_id, "name": a_name, "description": a_text, "milestone_id": an_id, "assignedto_id": an_id,
            "include_all": a_bool, "case_ids": ids, "refs": short_text(RUN_REFS_MAX), "start_on": a_time,
            "due_on": a_time},
    "plan": {"name": a_name, "description": a_text, "milestone_id": an_id, "start_on": a_time, "due_on": a_time,
             "entries": anything},
    "entry": {"suite_id": an_id, "name": a_name, "description": a_text, "assignedto_id": an_id, "include_all": a_bool,
              "case_ids": ids, "config_ids": ids, "refs": short_text(RUN_REFS_MAX), "start_on": a_time,
              "due_on": a_time, "runs": anything},
    "entry run": {"config_ids": ids, "include_all": a_bool, "case_ids": ids, "description": a_text,
                  "assignedto_id": an_id, "refs": short_text(RUN_REFS_MAX)},
    "milestone": {"name": a_name, "description": a_text, "due_on": a_time, "start_on": a_time, "parent_id": an_id,
                  "refs": short_text(RUN_REFS_MAX)},
    "named": {"name": a_name},
    "result": {"status_id": an_id, "comment": a_text, "version": short_text(STRING_MAX), "elapsed": an_elapsed,
               "defects": short_text(STRING_MAX), "assignedto_id": an_id},
}


def check_fields(kind, body, where="", custom=None, also=(), required=()):
    """Each field known, of its type, in its limits; custom: system name -> field, of custom_* fields."""
    if not isinstance(body, dict):
        raise Forbidden(f"Field :{where or kind} is not a valid object.")
    prefix = f"{where}." if where else ""
    for name in required:
        if body.get(name) is None:
            raise Forbidden(f"Field :{prefix}{name} is a required field.")
    for name, value in body.items():
        if name in also:
            continue
        if name.startswith("custom_"):
            wrong = _check_custom((custom or {}).get(name), value)
        elif name in FIELDS[kind]:
            wrong = FIELDS[kind][name](value)
        else:
            wrong = "is not a known field."
        if wrong:
            raise Forbidden(f"Field :{prefix}{name} {wrong}")


def _check_custom(field, value):
    if field is None:
        return "is not a known field."
    if value is None:
        return None
    if field["type_id"] == 1 and (not isinstance(value, str) or len(value.encode()) > STRING_MAX):
        return f"is too long ({STRING_MAX} characters at most)."
    if field["type_id"] == 3 and not isinstance(value, str):
        return "is not a valid string."
    if field["type_id"] in (2, 6, 7, 9) and not is_int(value):
        return "is not a valid integer."
    if field["type_id"] == 5 and not isinstance(value, bool):
        return "is not a valid boolean."
    if field["type_id"] == 6 and value not in _options(field):
        return "is not a valid option."
    if field["type_id"] == 12 and (not isinstance(value, list) or not set(value) <= _options(field)):
        return "is not a valid list of options."
    if field["type_id"] in (10, 11):
        return _check_steps(value, field["type_id"] == 11)
    return None


def _options(field):
    text = field["configs"][0]["options"].get("items", "")
    return {int(line.partition(",")[0]) for line in text.splitlines()}


def _check_steps(value, results):
    if not isinstance(value, list) or not value:
        return "is not a valid list of steps."
    known = {"content": str, "expected": str, "additional_info": str, "refs": str}
    if results:
        known.update(actual=str, status_id=int)
    for step in value:
        if not isinstance(step, dict) or not step.get("content"):
            return "holds a step without content."
        for key, item in step.items():
            if key not in known or not isinstance(item, known[key]):
                return f"holds a step whose {key} is not valid."
        if results and step.get("status_id") not in range(1, 13):
            return "holds a step without a valid status."
    return None
