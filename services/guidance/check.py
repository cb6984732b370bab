"""A guidance directory, read and checked: every fault with its file and line, before anybody learns from it.

`load_guidance` asks only that the directory can be read (syntax, grammar, value sets); `check_guidance` asks everything.
"""

from __future__ import annotations

import difflib
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pydantic

from services.guidance.checking.actions import check_actions
from services.guidance.checking.cards import check_cards
from services.guidance.checking.conditions import check_conditions
from services.guidance.checking.evidence import check_evidence
from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.features import check_features
from services.guidance.checking.predictions import check_predictions
from services.guidance.checking.readings import check_readings
from services.guidance.checking.resources import check_resources
from services.guidance.checking.source_lines import KeyPath, Sourced, read_yaml
from services.guidance.checking.templates import check_templates
from services.guidance.checking.transparency import check_transparency
from services.guidance.definition import EVENT_FIELDS, Guidance, Part
from services.guidance.errors import BadGuidance, Fault
from services.guidance.folder import GUIDANCE_FILE, RESOURCES, TRANSPARENCY_FILE, VALUE_SETS_FILE, LoadedGuidance
from services.timeline.codes import ValueSets
from services.timeline.errors import BadInput

SCHEMA_ID: Final = "urn:knowdo:schema:guidance:1"
MAX_FILE: Final = 4_000_000  # the whole default pack has 230 kB of value sets


def load_guidance(directory: Path) -> LoadedGuidance:
    """The guidance in a directory; BadGuidance names every fault of syntax and grammar with its line."""
    return load_files(_files_of(directory))


def load_files(files: Mapping[str, bytes]) -> LoadedGuidance:
    """The guidance in files already read (a release bundle): guidance.yaml, value_sets.json, resources/*.json.

    transparency.yaml is carried along and not read: the bedside has no use for it.
    """
    definition, value_sets, report = _read(files)
    if definition is None or value_sets is None or report.faults:
        raise BadGuidance(report.faults)
    kept = {GUIDANCE_FILE, VALUE_SETS_FILE, TRANSPARENCY_FILE}
    return LoadedGuidance(
        definition=definition,
        value_sets=value_sets,
        files={name: data for name, data in files.items() if name in kept or name.startswith(RESOURCES)},
    )


def check_guidance(directory: Path) -> list[Fault]:
    """Every fault of a guidance directory, by file and line; none is the empty list."""
    try:
        files = _files_of(directory)
    except BadGuidance as fault:
        return list(fault.faults)
    return check_files(files)


def check_files(files: Mapping[str, bytes]) -> list[Fault]:
    """Every fault of a guidance whose files have been read."""
    definition, value_sets, report = _read(files)
    if definition is not None:
        if value_sets is not None:
            check_features(definition, value_sets, report)
            check_readings(definition, value_sets, report)
        check_predictions(definition, report)
        check_evidence(definition, report)
        check_conditions(definition, report)
        check_cards(definition, report)
        check_actions(definition, files, report)
        check_resources(definition, files, report)
        check_transparency(definition, files, report)
        if value_sets is not None and not report.faults:  # the prefetch of faulty features cannot be derived
            check_templates(definition, value_sets, report)
    return report.faults


def guidance_schema() -> dict[str, Any]:
    """The JSON Schema of guidance.yaml."""
    schema = Guidance.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "Knowdo guidance",
    }


def _files_of(directory: Path) -> dict[str, bytes]:
    """The files of a guidance directory: name to bytes."""
    files: dict[str, bytes] = {}
    listed = [directory / GUIDANCE_FILE, directory / VALUE_SETS_FILE, *sorted((directory / RESOURCES).glob("*.json"))]
    if (directory / TRANSPARENCY_FILE).exists():
        listed.append(directory / TRANSPARENCY_FILE)
    for place in listed:
        name = str(place.relative_to(directory).as_posix())
        try:
            if place.stat().st_size > MAX_FILE:
                raise BadGuidance([_whole(name, f"larger than {MAX_FILE:,} bytes")])
            files[name] = place.read_bytes()
        except OSError as fault:
            raise BadGuidance([_whole(name, f"cannot be read in {directory} ({fault.strerror})")]) from fault
    return files


def _whole(file: str, message: str) -> Fault:
    return Fault(file=file, line=0, path="", message=message)


def _read(files: Mapping[str, bytes]) -> tuple[Guidance | None, ValueSets | None, FaultReport]:
    """Syntax and grammar of all files; what could not be read is None and has its faults on the report."""
    text, bad_line = _text(files.get(GUIDANCE_FILE, b""))
    sourced = read_yaml(text)
    report = FaultReport(sourced, file=GUIDANCE_FILE)
    if bad_line:
        report.on_line(bad_line, (), "not UTF-8")
    for fault in sourced.faults:
        report.on_line(fault.line, fault.path, fault.message)
    definition = _definition(sourced, report)
    return definition, _value_sets(files.get(VALUE_SETS_FILE), report), report


def _text(data: bytes) -> tuple[str, int]:
    """The text, and the line of the first byte that is not UTF-8 (0 = none)."""
    try:
        return data.decode("utf-8-sig"), 0
    except UnicodeDecodeError as fault:
        return data.decode("utf-8", errors="replace"), data.count(b"\n", 0, fault.start) + 1


def _definition(sourced: Sourced, report: FaultReport) -> Guidance | None:
    if not isinstance(sourced.data, dict):
        if not sourced.faults:
            report.on_line(1, (), "the file holds no keys; begin with `id:`")
        return None
    try:
        return Guidance.model_validate(sourced.data)
    except pydantic.ValidationError as fault:
        for error in fault.errors(include_url=False, include_input=False):
            path = tuple(part for part in error["loc"] if part != "[key]")
            report.at(path, _message(error["type"], error["msg"], path))
        return None


def _message(kind: str, message: str, path: KeyPath) -> str:
    """What is wrong, in the words of somebody who writes guidance."""
    if kind == "missing":
        return f"`{path[-1]}` is missing"
    if kind == "extra_forbidden":
        known = _keys_at(path[:-1])
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"the keys here are {', '.join(sorted(known))}"
        return f"unknown key `{path[-1]}`; {hint}"
    if kind == "string_pattern_mismatch" and path[-1] == "from":
        return f"no event field; there are {', '.join(EVENT_FIELDS)}, and several are joined by `|`"
    return message[:1].lower() + message[1:]


def _keys_at(path: KeyPath) -> list[str]:
    """The keys that the grammar knows at a path."""
    here: Any = Guidance
    for step in path:
        here = _part_of(here)
        if isinstance(here, type) and issubclass(here, Part):
            fields = {field.alias or name: field for name, field in here.model_fields.items()}
            here = fields[str(step)].annotation if str(step) in fields else None
        else:
            inside = [one for one in typing.get_args(here) if one is not Ellipsis]
            here = inside[-1] if inside else None
    here = _part_of(here)
    if isinstance(here, type) and issubclass(here, Part):
        return [field.alias or name for name, field in here.model_fields.items()]
    return []


def _part_of(annotation: Any) -> Any:
    """The annotation without `| None`."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return next(one for one in typing.get_args(annotation) if one is not type(None))
    return annotation


def _value_sets(data: bytes | None, report: FaultReport) -> ValueSets | None:
    if data is None:
        report.in_file(VALUE_SETS_FILE, "", "there is no such file")
        return None
    try:
        content = json.loads(data)
    except json.JSONDecodeError as fault:
        report.in_file(VALUE_SETS_FILE, "", f"not JSON: {fault.msg}", line=fault.lineno)
        return None
    except (UnicodeDecodeError, RecursionError):
        report.in_file(VALUE_SETS_FILE, "", "not JSON in UTF-8")
        return None
    if not isinstance(content, dict):
        report.in_file(VALUE_SETS_FILE, "", "this is not a JSON object", line=1)
        return None
    try:
        value_sets = ValueSets.from_mapping(content)
    except BadInput as fault:
        report.in_file(VALUE_SETS_FILE, "", fault.message, line=1)
        return None
    for name, described in content["value_sets"].items():
        for part in described.get("include", ()):
            for concept in part["concepts"]:
                if not concept.get("verified", True):
                    line = _line_of(data, str(concept["code"]))
                    report.in_file(VALUE_SETS_FILE, name, f"code `{concept['code']}` is not verified", line=line)
    return value_sets


def _line_of(data: bytes, word: str) -> int:
    before, found, _ = data.partition(json.dumps(word).encode())
    return before.count(b"\n") + 1 if found else 0
