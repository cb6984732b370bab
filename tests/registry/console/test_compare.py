"""Two releases side by side: words first, the lines of both models, and what is not there is said."""

from __future__ import annotations

import pytest

from services.guidance.ready import open_release
from services.guidance.release import ReleaseBundle
from services.registry.console import compare
from services.registry.console.compare import Change, Side
from tests.guidance import small_guidance
from tests.registry import samples
from tests.registry.console.content import READMISSION, READMISSION_NEW, release


def side(bundle: ReleaseBundle, *, judged: bool = True) -> Side:
    """A release opened, with its training evidence."""
    evaluation = samples.evaluation(bundle.digest) if judged else None
    return Side(name=bundle.version, bundle=bundle, release=open_release(bundle), evaluation=evaluation)


def changed(**replaced: str) -> ReleaseBundle:
    """The small guidance with parts of its text replaced."""
    text = small_guidance.GUIDANCE
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new)
    return ReleaseBundle(
        guidance="small", version="1.0.0", files={**samples.release().files, **small_guidance.files(text)}
    )


def test_a_release_does_not_differ_from_itself() -> None:
    """No word, no file, no line of text, and the lines lie on each other."""
    one, same = side(samples.release()), side(samples.release())
    assert compare.changes(one, same) == []
    assert compare.files_changed(one, same) == []
    assert compare.text_diff(one, same) == []
    assert "Both models say the same of every input" in str(compare.overlaid(one, same))


def test_each_change_is_told_with_what_was_and_what_is() -> None:
    """Use, people, inputs, bands and the words of a card; an input that is new has no before."""
    new = changed(
        use=("not_for: [care]", "not_for: [care, teaching]"),
        people=("include: [age >= 18]", "include: [age >= 21]"),
        bands=("risk >= 2 * base_rate", "risk >= 3 * base_rate"),
        words=("label: Visit", "label: Call"),
        feature=("label: stays\n", "label: stays in hospital\n"),
    )
    found = compare.changes(side(new), side(samples.release()))
    assert Change(what="Do not use", old="care", new="care; teaching") in found
    assert Change(what="Who it is for", old="age >= 18", new="age >= 21") in found
    assert Change(what="Input: stays in hospital", old="label: stays", new="label: stays in hospital") in found
    assert Change(what="Card visit: suggestions", old="Visit", new="Call") in found
    assert [one.what for one in found if one.what == "Bands"] == ["Bands"]
    assert compare.files_changed(side(new), side(samples.release())) == ["guidance.yaml"]
    assert "-      - label: Visit" in "\n".join(compare.text_diff(side(new), side(samples.release())))


def test_an_input_of_one_model_only_is_drawn_against_nothing() -> None:
    """The largest difference comes first, and the table says which release uses which input."""
    new = side(release("readmission-30d", "1.1.0", READMISSION_NEW))
    old = side(release("readmission-30d", "1.0.0", READMISSION))
    drawing = str(compare.overlaid(new, old))
    assert "The two differ most in eGFR: by up to 0.48 in log-odds; 2 other inputs differ too." in drawing
    assert "<td>yes</td><td>no</td><td>0.48</td>" in drawing
    assert "<td>no</td><td>yes</td><td>0.36</td>" in drawing


def test_figures_stand_with_their_intervals_and_a_missing_one_is_said() -> None:
    """A release without evidence has no figure."""
    rows = compare.measured(side(samples.release()), side(samples.release(0.1), judged=False))
    assert ("AUROC", "0.720 (0.700 to 0.740)", "no training evidence yet") in rows
    assert ("Rows, events", "2,000 rows, 240 events", "no training evidence yet") in rows


@pytest.mark.parametrize("name", ["AUROC", "Brier score", "Calibration intercept", "Calibration slope"])
def test_every_figure_is_compared(name: str) -> None:
    """Each once."""
    rows = compare.measured(side(samples.release()), side(samples.release(0.1)))
    assert [row[0] for row in rows].count(name) == 1
