"""A guidance may ask on a hook only for what that hook's context can name."""

from __future__ import annotations

from pathlib import Path

from services.guidance.check import check_files, load_guidance

LIBRARY = Path(__file__).resolve().parents[3] / "services/guidance/library"


def faults(guidance: str, old: str, new: str) -> str:
    """What is said of a shipped guidance after one change of its text."""
    files = dict(load_guidance(LIBRARY / guidance).files)
    text = files["guidance.yaml"].decode()
    assert old in text
    return "\n".join(map(str, check_files(files | {"guidance.yaml": text.replace(old, new, 1).encode()})))


def test_a_hook_without_an_encounter_cannot_carry_what_is_required_of_the_stay() -> None:
    """On order-dispatch nobody says which stay it is: each call would be 412, and that is found before it ships."""
    said = faults("readmission-30d", "hook: encounter-discharge", "hook: order-dispatch")
    assert "`order-dispatch` names no encounter, and a required feature is of the stay" in said


def test_a_guidance_that_needs_no_stay_may_speak_there() -> None:
    """Prevention requires the age alone."""
    assert faults("cardiovascular-prevention", "hook: patient-view", "hook: order-dispatch") == ""


def test_a_deprecated_hook_is_no_hook_to_speak_on() -> None:
    """It is read where it comes, and never asked for."""
    assert "no hook is called `order-review`" in faults(
        "readmission-30d", "hook: encounter-discharge", "hook: order-review"
    )
