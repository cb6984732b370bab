"""Checks of outcome events that are readings: their unit, their limits, and that what is so coded can be converted at all."""

from __future__ import annotations

from typing import Final

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.predictions import EVENTS, path_of
from services.guidance.checking.source_lines import KeyPath
from services.guidance.definition import Codes, Guidance, OutcomeEvent
from services.timeline.codes import ValueSets
from services.timeline.unit_grammar import read_unit
from services.timeline.units import ANALYTES, conversion

READ: Final = frozenset({"Observation.code", "Observation.component", "QuestionnaireResponse.item"})
"""Fields whose events bring a number in a unit."""
_LOINC: Final = "http://loinc.org|"


def check_readings(guidance: Guidance, value_sets: ValueSets, report: FaultReport) -> None:
    """Put every fault of the readings that outcomes ask for on the report."""
    for name, prediction in guidance.all_predictions.items():
        for key in EVENTS:
            for place, event in enumerate(getattr(prediction.outcome, key)):
                _check_event(event, value_sets, (*path_of(name), "outcome", key, place), report)


def _check_event(event: OutcomeEvent, value_sets: ValueSets, path: KeyPath, report: FaultReport) -> None:
    if event.at_least is not None or event.at_most is not None:
        _check_limits(event, path, report)
        _check_unit(event, value_sets, path, report)
    elif event.unit is not None:
        report.at((*path, "unit"), "`unit` belongs to `at_least`: without it no number is read")


def _check_limits(event: OutcomeEvent, path: KeyPath, report: FaultReport) -> None:
    if others := set(event.source.split("|")) - READ:
        report.at((*path, "from"), f"`{min(others)}` has no number: `at_least` and `at_most` read measurements")
    if event.answers is not None:
        report.at((*path, "answers"), "an event is a number or an answer, not both")
    if event.at_least is None:
        report.at(path, "`at_least` is missing: `at_most` only says which readings are implausible")
    elif event.at_most is not None and event.at_most < event.at_least:
        report.at((*path, "at_most"), "`at_most` is below `at_least`: no reading would count")


def _check_unit(event: OutcomeEvent, value_sets: ValueSets, path: KeyPath, report: FaultReport) -> None:
    if event.unit is None:
        report.at(path, "`unit` is missing: a number without its unit cannot be compared (`1` if it has none)")
    elif read_unit(event.unit) is None:
        report.at((*path, "unit"), f"`{event.unit}` is no UCUM unit: nothing would ever be converted to it")
    else:
        for token in sorted(_tokens(event.codes, value_sets)):
            analyte = ANALYTES.get(token.removeprefix(_LOINC)) if token.startswith(_LOINC) else None
            if analyte is not None and (
                conversion(token_or_codes=token, from_unit=analyte.canonical, to_unit=event.unit) is None
            ):
                report.at(
                    (*path, "unit"), f"`{token}` is measured in {analyte.canonical}: not convertible to this unit"
                )


def _tokens(codes: Codes, value_sets: ValueSets) -> frozenset[str]:
    """The exact codes named, as far as they exist: what does not exist is another check's fault."""
    named = [name for name in (codes.value_set, *codes.value_sets) if name and name in value_sets]
    return value_sets.resolve(Codes(value_sets=tuple(named), tokens=codes.tokens)).tokens
