"""Diagnostic reports: that one was made, and what it concluded in codes; both known when it was issued.

As with single results, only final, amended, corrected and appended reports are facts. The results in a report are
Observations of their own.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.concepts import target, tokens_of
from services.timeline.events import EventBatch
from services.timeline.facts import first_of, happened, instant, known_at, retract, skip_status, stay_of, updated_of
from services.timeline.instants import NAT
from services.timeline.resources_findings import DiagnosticReport

_FACTS: Final = frozenset({"final", "amended", "corrected", "appended"})
_RETRACTED: Final = frozenset({"entered-in-error", "cancelled"})
_STATUSES: Final = _FACTS | _RETRACTED | {"registered", "partial", "preliminary", "modified", "unknown"}


def flatten_diagnostic_report(seen: DiagnosticReport, batch: EventBatch) -> None:
    """One event for the report and one for each conclusion."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["DiagnosticReport: no patient"] += 1
        return
    resource = f"DiagnosticReport/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "DiagnosticReport")
    if seen.status not in _FACTS:
        skip_status(batch, "DiagnosticReport", seen.status, _STATUSES)
        if seen.status in _RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    said = [("DiagnosticReport.code", tokens_of(seen.code))]
    said += [("DiagnosticReport.conclusionCode", tokens_of(one)) for one in seen.conclusion_code or ()]
    if not any(codes for _, codes in said):
        batch.skipped["DiagnosticReport: no code"] += 1
        return

    issued = instant(seen.issued, batch, "DiagnosticReport")
    start, end = happened((seen.effective_date_time,), (seen.effective_period,), batch, "DiagnosticReport")
    time = first_of(end, start, issued)  # of a period its end, as with a result
    if time == NAT:
        batch.losses["DiagnosticReport: no time"] += 1
    known, assumed = known_at(issued, updated, time)
    encounter = stay_of(seen.encounter)
    for field, codes in said:
        if codes:
            batch.cells.extend(
                (patient, field, codes, "", "", resource, encounter, time, NAT, known, updated, assumed, nan)
            )  # fmt: skip
