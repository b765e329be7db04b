# SPDX-License-Identifier: Apache-2.0
"""What AIO Tests accepts: the shape of targets, queries, bodies and forms, in one table of fields.

The words are those of the stand-in for TestRail: Refused is an answer that a correct client may meet,
Forbidden one that a correct client never causes and that is recorded as a violation besides.  The table
here is the base rule; where the vendor's own description is at hand, aio_spec.py checks against it too.
"""

import re
from datetime import datetime
from urllib.parse import unquote_to_bytes

from . import multipart
from .testrail_rules import Forbidden, Refused, is_int, parse_body

__all__ = ["Forbidden", "Refused", "is_int", "parse_body"]

TITLE_MAX = 255
BULK_MAX = 100                  # results in one bulk mark: more is refused on real sites now and then
MIGRATE_MAX = 1000
REPEATED = {"testCases"}        # the one query key that is a list
LIST_MAX = 100                  # values of one search criterion

# what may be attached; images besides
ATTACHABLE = set("pdf txt csv doc docx ppt pptx xls xlsx json yaml xml gif mov webm mp4 feature zip rar sas pcap "
                 "wav html htm log msg eml pem s2p".split())
IMPORTS = {"testng", "junit", "nunit", "cucumber", "newman", "robot"}
STATES = {"LOCKED", "CLOSED"}
OPERATIONS = {"ADD_TO_EXISTING", "REPLACE_EXISTING", "DELETE_EXISTING"}


# ---- targets ----

def split_target(target, base):
    """'/base/project/AT/tag?x=1' -> (['project', 'AT', 'tag'], {'x': '1'}), or Forbidden."""
    if not target.startswith(base + "/"):
        raise Forbidden(f"not an API path: {target[:200]}", 404)
    rest = target[len(base) + 1:]
    if re.search(r"[^!-~]", rest) or "#" in rest:
        raise Forbidden("unencoded characters in the URL")
    path, _, text = rest.partition("?")
    parts = [_unquoted(part) for part in path.split("/")]
    if "" in parts:
        raise Forbidden(f"path {path[:200]!r}", 404)
    query = {}
    for pair in text.split("&") if text else []:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Forbidden(f"query part {pair[:200]!r}")
        if key in query and key not in REPEATED:
            raise Forbidden(f"query key {key} twice")
        query[key] = f"{query[key]},{_unquoted(value)}" if key in query else _unquoted(value)
    return parts, query


def _unquoted(text):
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise Forbidden(f"percent-encoding in {text[:200]!r}")
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise Forbidden("the URL is not UTF-8") from None


def flag(query, key, default=False):
    text = query.get(key)
    if text not in (None, "true", "false"):
        raise Forbidden(f"{key} is true or false, not {text[:40]!r}")
    return default if text is None else text == "true"


def number(query, key, default=None):
    text = query.get(key)
    if text is None:
        return default
    if not text.isdigit():
        raise Forbidden(f"{key} is a number, not {text[:40]!r}")
    return int(text)


def page_of(query):
    """(startAt, maxResults): below 10 and above 100 the vendor takes 100, and says nothing."""
    most = number(query, "maxResults", 100)
    return number(query, "startAt", 0), most if 10 <= most <= 100 else 100


# ---- forms ----

def parse_form(content_type, body):
    """The parts of a form, each name once."""
    try:
        given = multipart.parse(content_type, body)
    except multipart.BadForm as bad:
        raise Forbidden(bad.text, bad.status) from None
    parts = {}
    for part in given:
        if part.name is None or part.name in parts:
            raise Forbidden(f"part {part.name!r} of the form stands twice or has no name")
        parts[part.name] = part
    return parts


def check_file(part):
    """What is wrong with an upload, as a refusal."""
    if part is None or not part.filename:
        raise Forbidden("the form has no part file with a file name")
    if "/" in part.filename or "\\" in part.filename:
        raise Forbidden(f"a path in the file name {part.filename[:100]!r}")
    if not re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", part.content_type):
        raise Forbidden("Unsupported attachment type")
    return part.content_type


def check_attachment(part):
    kind = check_file(part)
    ending = part.filename.rpartition(".")[2].lower() if "." in part.filename else ""
    if not kind.startswith("image/") and ending not in ATTACHABLE:
        raise Refused(f"Unsupported attachment type: {ending or part.filename}")
    return kind


# ---- values: each check returns what is wrong, or None ----

def text(value):
    return None if isinstance(value, str) else "must be a text"


def title(value):
    if not isinstance(value, str) or not value.strip():
        return "is mandatory"
    return None if len(value) <= TITLE_MAX else f"must not be longer than {TITLE_MAX} characters"


def integer(value):
    return None if is_int(value) and -2**31 <= value < 2**31 else "must be an integer"


def seconds(value):
    return integer(value) or (None if value >= 0 else "must not be negative")


def boolean(value):
    return None if isinstance(value, bool) else "must be true or false"


def moment(value):
    """Epoch seconds or milliseconds, or ISO 8601."""
    if is_int(value) and value >= 0:
        return None
    ok = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)", value)
    return None if ok else "must be a date"


def one_of(words):
    return lambda value: None if value in words else f"must be one of {', '.join(sorted(words))}"


def list_of(check, least=0, most=None):
    def checked(value):
        if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
            return f"must be a list of {least} to {most} values" if most else "must be a list"
        return next((wrong for wrong in map(check, value) if wrong), None)
    return checked


def thing(fields, required=()):
    """An object with these fields and no others."""
    def checked(value):
        if not isinstance(value, dict):
            return "must be an object"
        for name in required:
            if value.get(name) is None:
                return f"{name} is mandatory"
        for name, item in value.items():
            if name not in fields:
                return f"has a field {name} that is not known"
            wrong = fields[name](item)
            if wrong:
                return f"{name} {wrong}"
        return None
    return checked


def either(*checks):
    def checked(value):
        wrongs = [check(value) for check in checks]
        return None if None in wrongs else wrongs[0]
    return checked


def nullable(check):
    return lambda value: None if value is None else check(value)


def anything(_value):
    return None


REFERENCE = thing({"ID": integer, "name": text, "description": nullable(text), "isArchived": boolean,
                   "isDefault": boolean, "isEnabled": boolean})
FOLDER = thing({"ID": integer, "name": text, "description": nullable(text), "parentID": nullable(integer)}, ["ID"])
TAGS = list_of(thing({"tag": thing({"ID": integer, "name": text}, ["ID"]), "associationID": integer}, ["tag"]))
NEW_TAGS = list_of(thing({"name": text}, ["name"]), 1)
CUSTOM = thing({"ID": integer, "name": text, "value": anything})
ISSUES = list_of(text)
DEFECTS = thing({"jiraDefectIDs": list_of(integer), "jiraBulkListOperationType": one_of(OPERATIONS)},
                ["jiraDefectIDs"])
CUSTOM_UPDATES = list_of(thing({"customFieldUpdateOperationType": one_of(OPERATIONS), "customValue": CUSTOM},
                               ["customValue"]))
COMMENT = thing({"ID": integer, "comment": text}, ["comment"])    # the rest of it is read-only
STATUS_OBJECT = thing({"ID": integer, "name": text, "description": nullable(text)})

IN_LIST = {"comparisonType": one_of({"IN"})}
BY_NUMBERS = thing({**IN_LIST, "list": list_of(nullable(integer), 1, LIST_MAX)}, ["list"])
BY_TEXTS = thing({**IN_LIST, "list": list_of(nullable(text), 1, LIST_MAX)}, ["list"])
BY_TEXT = thing({"comparisonType": one_of({"EXACT_MATCH", "CONTAINS"}), "value": text}, ["value"])
BY_DATE = thing({"comparisonType": one_of({"EMPTY", "BEFORE", "AFTER", "EQUALS", "BETWEEN"}), "value1": moment,
                 "value2": moment}, ["value1"])
BY_FLAG = thing({"value": boolean}, ["value"])
BY_CUSTOM = list_of(thing({"ID": integer, "name": text, "value": anything}, ["value"]))

CASE_STEP = thing({"ID": integer, "stepType": text, "step": text, "data": text, "expectedResult": text,
                   "bddStep": text, "gherkinKeyword": text, "referencedCase": anything, "attachments": anything},
                  ["stepType"])
MARK = {"testRunStatus": text, "effort": seconds, "isAutomated": boolean, "comments": list_of(text),
        "jiraDefectsUpdate": DEFECTS, "customFieldValueToUpdate": CUSTOM_UPDATES}
MIGRATED = {"testRunStatus": text, "comments": list_of(text), "effort": seconds, "isAutomated": boolean,
            "assignedToID": text, "executedByID": text, "createdDate": moment, "updatedDate": moment,
            "jiraDefectIDs": ISSUES, "customFields": list_of(CUSTOM)}
PLACE = {"folder": FOLDER, "ownedByID": text, "jiraReleaseIDs": list_of(integer),
         "jiraComponentIDs": list_of(integer), "tags": TAGS, "customFields": list_of(CUSTOM)}
RUN_STEP = thing({"ID": integer, "stepID": integer, "testRunStepStatus": STATUS_OBJECT, "actualResult": nullable(text),
                  "comments": list_of(COMMENT), "jiraDefectIDs": list_of(integer), "assignedToID": nullable(text),
                  # read and written back
                  "stepOrder": integer, "testStepType": text, "step": text, "testData": text, "expectedResult": text,
                  "bddStep": anything, "attachments": anything, "updatedDate": anything,
                  "referencedTestSteps": anything}, ["ID"])

FEATURE_FIELDS = thing({"status": REFERENCE, "priority": REFERENCE, "type": REFERENCE, "automationStatus": REFERENCE,
                        "automationOwnerID": text, "automationKey": text, "precondition": text,
                        "estimatedEffort": seconds, "jiraRequirementIDs": list_of(integer),
                        "jiraReleaseIDs": list_of(integer), "jiraComponentIDs": list_of(integer),
                        "folder": FOLDER, "tags": TAGS, "customFields": list_of(CUSTOM),
                        "updateFieldsForExistingCases": boolean})

# body -> (fields a client may set, those that are mandatory, those that only the server sets: taken where a
# document is read and written back whole, refused elsewhere)
BODIES = {
    "cycle": ({"title": title, "objective": text, "jiraTaskIDs": ISSUES, "startDate": moment, "endDate": moment,
               **PLACE}, ["title"],
              {"ID", "key", "jiraProjectID", "permission", "closedByID", "createdDate", "updatedDate", "closedDate",
               "isSystemDefined", "isLockedForEdit", "isClosed", "isArchived", "attachments",
               "objectiveAttachments"}),
    "cycle_from_set": ({"sourceIDs": list_of(text, 1), "title": title, "objective": text, "folderID": integer,
                        "ownedByID": text, "startDate": moment, "endDate": moment, "jiraReleaseIDs": list_of(integer),
                        "jiraComponentIDs": list_of(integer), "tags": TAGS, "jiraTaskIDs": ISSUES,
                        "customFields": list_of(CUSTOM), "assignedToID": text}, ["title", "sourceIDs"], set()),
    "set": ({"title": title, "objective": text, **PLACE}, ["title"], set()),
    "case": ({"title": title, "description": text, "precondition": text, "status": REFERENCE, "priority": REFERENCE,
              "type": REFERENCE, "scriptType": REFERENCE, "automationStatus": REFERENCE, "automationOwnerID": text,
              "automationKey": text, "jiraRequirementIDs": ISSUES, "estimatedEffort": seconds,
              "steps": list_of(CASE_STEP), **PLACE}, ["title"],
             {"ID", "key", "version", "jiraProjectID", "permission", "createdDate", "updatedDate", "isArchived",
              "attachments", "descriptionAttachments", "preconditionAttachments", "hasDataSets",
              "datasetParameters", "dataSets"}),
    "folders": ({"baseFolderId": nullable(integer), "folderHierarchy": list_of(text, 1)}, ["folderHierarchy"], set()),
    "state": ({"name": one_of(STATES), "value": boolean}, ["name", "value"], set()),
    "mark": (MARK, [], set()),
    "bulk": ({"testRuns": list_of(thing({**MARK, "testCaseKey": text, "testCaseVersion": integer}, ["testCaseKey"]),
                                  1)}, ["testRuns"], set()),
    "run": ({"testRunStatus": STATUS_OBJECT, "effort": seconds, "isAutomated": boolean, "executedByID": text,
             "jiraDefectIDs": list_of(integer), "customFields": list_of(CUSTOM), "comments": list_of(COMMENT),
             "testRunSteps": list_of(RUN_STEP)}, [],
            {"ID", "permission", "createdDate", "updatedDate", "attachments", "testRunStepsPermission",
             "dataSetExecutions", "dataSetExecutionsCount", "dataRow", "dataSet", "parentRunID"}),
    "comment": ({"comment": text}, ["comment"], set()),
    "cleanup": ({"runCreatedBeforeDays": integer}, ["runCreatedBeforeDays"], set()),
    "bulk_fields": ({"testRunSearchRequest": thing({"key": BY_TEXTS, "testRunID": BY_NUMBERS, "caseID": BY_NUMBERS,
                                                    "folderID": BY_NUMBERS,
                                                    "testRunStatusID": BY_NUMBERS, "title": BY_TEXT,
                                                    "automationKey": BY_TEXT, "tag": BY_TEXTS}),
                     "testRunBulkUpdateRequest": thing({"testRunStatus": STATUS_OBJECT, "effort": seconds,
                                                        "isAutomated": boolean, "jiraDefectsUpdate": DEFECTS,
                                                        "customFieldValueToUpdate": CUSTOM_UPDATES})},
                    ["testRunSearchRequest", "testRunBulkUpdateRequest"], set()),
    "migrate_run": (MIGRATED, [], set()),
    "migrate_runs": ({"testCases": list_of(thing({
        "testCaseKey": text, "externalCaseID": text,
        "testRuns": list_of(thing({**MIGRATED, "externalRunID": text}, ["externalRunID"]), 1)},
        ["testCaseKey", "externalCaseID", "testRuns"]), 1)}, ["testCases"], set()),
    "migrate_cycle": ({"title": title, "objective": text, "jiraTaskIDs": ISSUES, "startDate": moment,
                       "endDate": moment, "createdDate": moment, "updatedDate": moment, **PLACE}, ["title"], set()),
    "search_cycles": ({"ID": BY_NUMBERS, "key": BY_TEXTS, "title": BY_TEXT, "folderID": BY_NUMBERS,
                       "jiraComponentID": BY_NUMBERS, "jiraReleaseID": BY_NUMBERS, "startDate": BY_DATE,
                       "endDate": BY_DATE, "closeDate": BY_DATE, "tag": BY_TEXTS, "taskID": BY_TEXTS,
                       "isLockedForEdit": BY_FLAG, "isClosed": BY_FLAG, "isArchived": BY_FLAG,
                       "customFields": BY_CUSTOM}, [], set()),
    "search_sets": ({"ID": BY_NUMBERS, "key": BY_TEXTS, "title": BY_TEXT, "folderID": BY_NUMBERS,
                     "jiraComponentID": BY_NUMBERS, "jiraReleaseID": BY_NUMBERS, "tag": BY_TEXTS,
                     "customFields": BY_CUSTOM}, [], set()),
    "search_cases": ({"ID": BY_NUMBERS, "key": BY_TEXTS, "title": BY_TEXT, "folderID": BY_NUMBERS,
                      "ownedByID": BY_TEXTS, "jiraComponentID": BY_NUMBERS, "jiraReleaseID": BY_NUMBERS,
                      "statusID": BY_NUMBERS, "priorityID": BY_NUMBERS, "typeID": BY_NUMBERS, "tag": BY_TEXTS,
                      "automationKey": BY_TEXT, "automationStatusID": BY_NUMBERS, "automationOwnerID": BY_TEXTS,
                      "requirementID": BY_TEXTS, "createdDate": BY_DATE, "updatedDate": BY_DATE,
                      "isArchived": BY_FLAG, "customFields": BY_CUSTOM}, [], set()),
}


def check_body(kind, body, whole=False):
    """Each field known, of its kind, in its limits; whole: a document that was read and is written back."""
    if kind == "tags":
        wrong = NEW_TAGS(body)
        if wrong:
            raise Forbidden(f"The list of tags {wrong}")
        return
    fields, required, read_only = BODIES[kind]
    if not isinstance(body, dict):
        raise Forbidden("The request body must be an object")
    for name in required:
        if body.get(name) is None:
            raise Forbidden(f"{name} is mandatory")
    for name, value in body.items():
        if name in read_only and whole:
            continue
        if name in read_only:
            raise Forbidden(f"{name} is set by the server alone")
        if name not in fields:
            raise Forbidden(f"{name} is not a known field of {kind}")
        wrong = fields[name](value)
        if wrong and not (value is None and whole):
            raise Forbidden(f"{name} {wrong}")


# ---- searches ----

def matches(criteria, shown):
    """Does an object meet the criteria?  shown: name of a criterion -> value or list of values."""
    for name, criterion in criteria.items():
        if name == "customFields":
            continue
        if not _meets(criterion, shown.get(name)):
            return False
    return True


def _meets(criterion, value):
    if "list" in criterion:
        values = value if isinstance(value, list) else [value]
        return any(item in criterion["list"] for item in values or [None])
    if "value1" in criterion:
        how, first = criterion.get("comparisonType", "EQUALS"), in_ms(criterion["value1"])
        if how == "EMPTY" or value is None:
            return how == "EMPTY" and value is None
        value = in_ms(value)
        return {"BEFORE": value < first, "AFTER": value > first, "EQUALS": value == first,
                "BETWEEN": how == "BETWEEN" and first <= value <= in_ms(criterion.get("value2", first))}[how]
    if isinstance(criterion["value"], bool):
        return bool(value) == criterion["value"]
    if criterion.get("comparisonType", "CONTAINS") == "EXACT_MATCH":
        return value == criterion["value"]
    return criterion["value"] in (value or "")


def in_ms(value):
    """A moment in epoch milliseconds; seconds and milliseconds are told apart by their size."""
    if isinstance(value, str):
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() * 1000
    return value if value > 1e11 else value * 1000
