"""Checks of transparency.yaml: its grammar, nothing asked twice or typed that is computed, and no dangling control.

A file that is not there is no fault: a draft may be checked without it. What is still missing is told by the gates.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

import pydantic

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.source_lines import KeyPath, Sourced, read_yaml
from services.guidance.definition import Guidance
from services.guidance.errors import BadGuidance, Fault
from services.guidance.folder import TRANSPARENCY_FILE
from services.guidance.transparency.attributes import ASKED_OF_AUTHORS, BY_KEY
from services.guidance.transparency.controls import why_dangling
from services.guidance.transparency.disclosure import Attributes, Risk, Transparency, Uses

SCHEMA_ID: Final = "urn:knowdo:schema:transparency:1"
_KEYS: Final[Mapping[str, type[pydantic.BaseModel]]] = {"attributes": Attributes, "uses": Uses, "risks": Risk}


def check_transparency(guidance: Guidance, files: Mapping[str, bytes], report: FaultReport) -> None:
    """Put every fault of transparency.yaml on the report."""
    disclosed, faults = _read(files)
    for fault in faults:
        report.in_file(fault.file, fault.path, fault.message, line=fault.line)
    if disclosed is None:
        return
    sourced = read_yaml(_text(files))
    for number, risk in enumerate(disclosed.risks):
        for place, proof in enumerate(risk.proven_by):
            if why := why_dangling(proof, guidance):
                path: KeyPath = ("risks", number, "proven_by", place)
                report.in_file(TRANSPARENCY_FILE, _joined(path), why, line=sourced.line_of(path))
    for name in Uses.model_fields:
        for place, feature in enumerate(getattr(disclosed.uses, name)):
            if feature not in guidance.features:
                path = ("uses", name, place)
                message = f"there is no feature `{feature}`"
                report.in_file(TRANSPARENCY_FILE, _joined(path), message, line=sourced.line_of(path))


def read_transparency(files: Mapping[str, bytes]) -> Transparency | None:
    """What the files of a guidance or a release disclose; None without transparency.yaml, BadGuidance if it has faults."""
    disclosed, faults = _read(files)
    if faults:
        raise BadGuidance(faults)
    return disclosed


def transparency_schema() -> dict[str, Any]:
    """The JSON Schema of transparency.yaml."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **Transparency.model_json_schema(by_alias=True),
        "title": "Knowdo transparency",
    }


def _text(files: Mapping[str, bytes]) -> str:
    return files[TRANSPARENCY_FILE].decode("utf-8-sig", errors="replace")


def _read(files: Mapping[str, bytes]) -> tuple[Transparency | None, list[Fault]]:
    if TRANSPARENCY_FILE not in files:
        return None, []
    data = files[TRANSPARENCY_FILE]
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        return None, [_fault(data.count(b"\n", 0, fault.start) + 1, (), "not UTF-8")]
    sourced = read_yaml(_text(files))
    if sourced.faults:
        return None, [_fault(one.line, one.path, one.message) for one in sourced.faults]
    if not isinstance(sourced.data, dict):
        return None, [_fault(1, (), "the file holds no keys; begin with `attributes:`")]
    try:
        return Transparency.model_validate(sourced.data), []
    except pydantic.ValidationError as fault:
        found = {_said(error, sourced) for error in fault.errors(include_url=False, include_input=False)}
        return None, sorted(found, key=lambda one: (one.line, one.path, one.message))


def _said(error: Any, sourced: Sourced) -> Fault:
    """One fault in the words of somebody who writes guidance, at the key that is in the text."""
    whole = tuple(error["loc"])
    path = whole
    while path and path not in sourced.lines:
        path = path[:-1]
    unknown = error["type"] == "extra_forbidden"
    if unknown and len(path) == len(whole) and (len(path) != 3 or path[0] != "attributes"):
        return _fault(sourced.line_of(path), path, _unknown(str(path[-1]), path))
    if len(path) >= 2 and path[0] == "attributes" and str(path[1]) in BY_KEY:
        attribute = BY_KEY[str(path[1])]
        said = (
            "write a text, or `{notAvailable: true, reason: …}`"
            if attribute.may_be_unavailable
            else f"write a text; of {attribute.paragraph} nobody may say that it is not available"
        )
        return _fault(sourced.line_of(path[:2]), path[:2], said)
    if error["type"] == "missing":
        return _fault(sourced.line_of(path), whole, f"`{whole[-1]}` is missing")
    message = str(error["msg"])
    return _fault(sourced.line_of(path), path, message[:1].lower() + message[1:])


def _unknown(key: str, path: KeyPath) -> str:
    attribute = BY_KEY.get(key)
    if path[0] == "attributes" and attribute is not None:
        if attribute.about:
            return f"`{key}` is `about.{attribute.about}` of guidance.yaml: it is not asked twice"
        return f"`{key}` is computed from the release and its evidence, and never typed"
    inside = _KEYS.get(str(path[0])) if len(path) > 1 else Transparency
    known = list((inside or Transparency).model_fields)
    if path[0] == "attributes":
        known = [one.key for one in ASKED_OF_AUTHORS]
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"the keys here are {', '.join(known)}"
    return f"unknown key `{key}`; {hint}"


def _fault(line: int, path: KeyPath, message: str) -> Fault:
    return Fault(file=TRANSPARENCY_FILE, line=line, path=_joined(path), message=message)


def _joined(path: KeyPath) -> str:
    return ".".join(map(str, path))
