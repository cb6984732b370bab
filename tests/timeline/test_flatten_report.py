"""Diagnostic reports as events."""

from __future__ import annotations

from typing import Any

import pytest

from services.timeline.events import RETRACTED
from services.timeline.instants import NAT
from tests.timeline.made import LOINC, SNOMED, at, batch_of, concept, only, resource, rows_of


def report(**fields: Any) -> dict[str, Any]:
    """A biopsy taken in March, reported two days later."""
    usual = {
        "status": "final",
        "code": concept((LOINC, "60567-5")),
        "conclusionCode": [concept((SNOMED, "254837009")), concept((SNOMED, "1")), None, {}],
        "effectiveDateTime": "2024-03-01",
        "issued": "2024-03-03T10:00:00Z",
    }
    return resource("DiagnosticReport", **(usual | fields))


def test_a_report_and_its_conclusions_are_known_when_issued() -> None:
    """And are of the day of what they report on."""
    rows = rows_of(batch_of(report()))
    assert [(row["field"], row["codes"]) for row in rows] == [
        ("DiagnosticReport.code", f"{LOINC}|60567-5"),
        ("DiagnosticReport.conclusionCode", f"{SNOMED}|254837009"),
        ("DiagnosticReport.conclusionCode", f"{SNOMED}|1"),
    ]
    for row in rows:
        issued = at("2024-03-03T10:00:00Z")
        assert (row["time"], row["end"], row["known"], row["assumed"]) == (at("2024-03-01"), NAT, issued, False)
    lasting = {"start": "2024-03-01", "end": "2024-03-02"}
    assert rows_of(batch_of(report(effectiveDateTime=None, effectivePeriod=lasting)))[0]["time"] == at("2024-03-02")
    undated = only(batch_of(report(effectiveDateTime=None, issued=None, conclusionCode=None)))
    assert undated["time"] == NAT


@pytest.mark.parametrize(
    ("changed", "fields", "reason"),
    [
        ({"status": "preliminary"}, [], "status preliminary"),
        ({"status": "partial"}, [], "status partial"),
        ({"status": None}, [], "status missing"),
        ({"status": "cancelled"}, [RETRACTED], "status cancelled"),
        ({"status": "entered-in-error"}, [RETRACTED], "status entered-in-error"),
        ({"code": None, "conclusionCode": None}, [], "no code"),
        ({"subject": {"reference": "Device/d"}}, [], "no patient"),
    ],
)
def test_a_report_that_does_not_stand_says_nothing(changed: dict[str, Any], fields: list[str], reason: str) -> None:
    """As with single results."""
    batch = batch_of(report(**changed))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped == {f"DiagnosticReport: {reason}": 1}
