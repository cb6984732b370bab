"""The study guidance for death within 180 days: it reads what the other one reads, and never what it is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.guidance.check import check_guidance, load_guidance
from services.guidance.definition import Guidance

DEMO = Path(__file__).resolve().parents[2] / "infra" / "demo"


@pytest.fixture(scope="module")
def guidance() -> Guidance:
    """The guidance."""
    return load_guidance(DEMO / "support2-death-180d").definition


def test_it_has_no_faults() -> None:
    """`knowdo guidance check` finds nothing."""
    assert check_guidance(DEMO / "support2-death-180d") == []


def test_the_model_reads_what_that_for_death_in_hospital_reads(guidance: Guidance) -> None:
    """The same features in the same order: only what is predicted differs."""
    other = load_guidance(DEMO / "support2-hospital-death").definition
    compared = {one.feature for one in guidance.model.beside}
    assert {name: one for name, one in guidance.features.items() if name not in compared} == dict(other.features)
    assert guidance.index == other.index


def test_what_is_compared_is_read_for_audit_only(guidance: Guidance) -> None:
    """Everything tagged reference-only: no input, no rule, no word on the card; and the reader is told of the patients."""
    compared = {one.feature for one in guidance.model.beside}
    referred = {
        name
        for name, feature in guidance.features.items()
        if any("support2/reference" in token for token in (feature.codes.tokens if feature.codes else ()))
    }
    assert compared == referred == {"support_model", "physicians"}
    assert {guidance.features[name].use for name in compared} == {"audit"}
    assert "developed partly on these very patients" in guidance.model.beside[0].caveat


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("feature: physicians", "feature: nobody", "there is no feature `nobody`"),
        ("feature: physicians", "feature: age", "`age` must be read for audit only"),
    ],
)
def test_a_comparison_with_an_input_is_a_fault(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Who is compared must not have been an input."""
    for name in ("guidance.yaml", "value_sets.json"):
        (tmp_path / name).write_text((DEMO / "support2-death-180d" / name).read_text().replace(old, new))
    (fault,) = check_guidance(tmp_path)
    assert said in fault.message
    assert fault.line > 0
