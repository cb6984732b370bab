"""Checks of the resources that suggestions create: there, drafts and proposals only, valid FHIR R4B, bound to examples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pydantic

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.source_lines import KeyPath
from services.guidance.definition import Action, Card, Guidance
from services.guidance.folder import RESOURCES
from services.guidance.words.binding import DATE, ENCOUNTER, FIRST_DAY, PATIENT, PRACTITIONER, bind_resource
from services.timeline.errors import BadInput

STATUS: Final = {"Appointment": "proposed"}
"""What is only suggested has this status; `draft` for every other type."""

_WITH_INTENT: Final = frozenset({
    "CarePlan", "CommunicationRequest", "DeviceRequest", "MedicationRequest", "NutritionOrder", "RequestGroup",
    "ServiceRequest", "Task",
})  # fmt: skip
_EXAMPLES: Final = frozenset({PATIENT, ENCOUNTER, PRACTITIONER})
_INDEX: Final = 1_767_225_600_000_000  # 2026-01-01T00:00Z


def check_resources(guidance: Guidance, files: Mapping[str, bytes], report: FaultReport) -> None:
    """Put every fault of suggested resources on the report."""
    used: set[str] = set()
    for name, card in guidance.cards.items():
        for path, action in _actions(card):
            if action.resource is None:
                continue
            file = RESOURCES + action.resource
            if file not in files:
                report.at(("cards", name, *path, "resource"), f"there is no file `{file}`")
            elif file not in used:
                _check_resource(file, files[file], report)
            used.add(file)
    for file in files:
        if file.startswith(RESOURCES) and file not in used:
            report.in_file(file, "", "no suggestion uses this file")


def _actions(card: Card) -> Iterator[tuple[KeyPath, Action]]:
    """Every action of a card with its place there."""
    for place, suggestion in enumerate(card.suggestions):
        for number, action in enumerate(suggestion.actions):
            yield ("suggestions", place, "actions", number), action
    for number, action in enumerate(card.system_actions):
        yield ("system_actions", number), action


def _check_resource(file: str, data: bytes, report: FaultReport) -> None:
    try:
        resource = json.loads(data)
    except json.JSONDecodeError as fault:
        report.in_file(file, "", f"not JSON: {fault.msg}", line=fault.lineno)
        return
    except (UnicodeDecodeError, RecursionError):
        report.in_file(file, "", "not JSON in UTF-8")
        return
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(kind, str):
        report.in_file(file, "resourceType", "this is not a FHIR resource", line=1)
        return

    def say(key: str, message: str) -> None:
        report.in_file(file, key, message, line=_line_of(data, key))

    wanted = STATUS.get(kind, "draft")
    if resource.get("status") != wanted:
        say("status", f"a suggestion orders nothing by itself: the status of a {kind} must be `{wanted}`")
    if kind in _WITH_INTENT and resource.get("intent") != "proposal":
        say("intent", "a suggestion orders nothing by itself: the intent must be `proposal`")
    patients = 0
    for path, value in _strings(resource, ()):
        if path and path[-1] == "reference":
            patients += value == PATIENT
            if value not in _EXAMPLES:
                say("reference", f"only {', '.join(sorted(_EXAMPLES))} are replaced by those of the call")
        elif DATE.fullmatch(value) and not value.startswith(str(FIRST_DAY.year)):
            say(str(path[-1]), f"dates are counted from {FIRST_DAY:%Y-%m-%d}, which becomes the day of the index")
    if not patients:
        say("resourceType", f"no reference to `{PATIENT}`: the resource would belong to nobody")
    _check_fhir(kind, resource, file, report)


def _check_fhir(kind: str, resource: dict[str, Any], file: str, report: FaultReport) -> None:
    """Valid FHIR R4B as it stands, and bound to a call that names everything, or only the patient."""
    try:
        from fhir.resources.R4B import get_fhir_model_class  # heavy, and not installed at the bedside
    except ImportError:
        report.in_file(file, "", "cannot be checked as FHIR R4B here: install `knowdo[learner]` or `knowdo[registry]`")
        return
    try:
        model: type[pydantic.BaseModel] = get_fhir_model_class(kind)
    except (ValueError, KeyError):
        report.in_file(file, "resourceType", f"FHIR R4B has no resource `{kind}`", line=1)
        return
    try:
        whole = bind_resource(resource, patient_id="p", encounter_id="e", user="Practitioner/u", index=_INDEX)
        least = bind_resource(resource, patient_id="p", index=_INDEX)
    except BadInput as fault:
        report.in_file(file, "", fault.message)
        return
    for state, bound in (("", resource), ("once bound to a call, ", whole), ("without an encounter and user, ", least)):
        try:
            model.model_validate(bound)
        except pydantic.ValidationError as fault:
            for error in fault.errors(include_url=False, include_input=False)[:5]:
                place = ".".join(str(part) for part in error["loc"])
                report.in_file(file, place, f"{state}not valid FHIR R4B: {error['msg']}")
            return


def _strings(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in the resource with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _strings(child, (*path, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _strings(child, (*path, place))


def _line_of(data: bytes, key: str) -> int:
    """The first line on which the key stands; 1 if it does not."""
    before, found, _ = data.partition(f'"{key}"'.encode())
    return before.count(b"\n") + 1 if found else 1
