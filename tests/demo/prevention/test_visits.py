"""The inputs of prevention are in the record, and agree with one another."""

from __future__ import annotations

from services.demo.facts import PatientRecord


def test_a_lipid_panel_is_whole_and_adds_up(records: list[PatientRecord]) -> None:
    """With every total cholesterol come HDL, triglycerides and the LDL that Friedewald gives, of the same specimen."""
    seen = 0
    for record in records[:300]:
        panels: dict[tuple[str, int], dict[str, float]] = {}
        for result in record.results:
            if result.test in ("cholesterol", "hdl", "triglycerides", "ldl"):
                panels.setdefault((result.encounter, result.taken), {})[result.test] = result.value
        for panel in panels.values():
            seen += 1
            assert panel.keys() == {"cholesterol", "hdl", "triglycerides", "ldl"}
            expected = panel["cholesterol"] - panel["hdl"] - panel["triglycerides"] / 5
            assert abs(panel["ldl"] - max(expected, 20.0)) <= 1.2
    assert seen > 300


def test_the_height_makes_the_weight_the_body_mass_index(records: list[PatientRecord]) -> None:
    """Weight over height squared is the index that is also recorded, within the noise of the scales."""
    for record in records[:300]:
        height = next((r.value for r in record.results if r.test == "height"), None)
        weight = next((r.value for r in record.results if r.test == "weight"), None)
        if height is not None and weight is not None and 40 < weight < 180:
            assert abs(weight / (height / 100) ** 2 - record.person.bmi) < 2.0


def test_most_of_those_between_30_and_79_can_be_scored(records: list[PatientRecord]) -> None:
    """More than half of those with visits have cholesterol, HDL, pressure, creatinine and smoking status somewhere."""
    needed = {"cholesterol", "hdl", "pressure", "creatinine", "smoking"}
    seen = [r for r in records if 30 <= r.person.age(r.registered) < 79 and any(s.kind == "AMB" for s in r.stays)]
    scored = [r for r in seen if needed <= {result.test for result in r.results}]
    assert len(scored) > 0.5 * len(seen)
