"""What is the same on every card of a release is made and judged once, when it is deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cds.cards.form import CardForm, CardStyle, card_forms
from services.guidance.check import load_guidance
from services.guidance.errors import BadRelease
from services.guidance.manifest import Manifest
from services.guidance.ready import open_release
from services.guidance.release import build_release
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import REFERENCE, tea_bundle
from tests.load.hospital_call import model_of

LIBRARY = Path(__file__).resolve().parents[3] / "services/guidance/library"


def deployed(stage: str = "general") -> Manifest:
    """A manifest of the tea release."""
    return FakeRegistry().deploy(tea_bundle(), stage=stage)


def tea_form(style: CardStyle | None = None, stage: str = "general") -> CardForm:
    """The only card of the tea guidance."""
    return card_forms(open_release(tea_bundle()), deployed(stage), style or CardStyle())["tea"]


def test_a_form_holds_all_that_does_not_vary() -> None:
    """Source with release and evidence page, reasons to decline, links, and what the stage must say."""
    form = tea_form(CardStyle(evidence_url="https://x.example/{digest}"), "silent")
    assert form.source["url"] == f"https://x.example/{tea_bundle().digest}"
    assert form.links == [{"label": "On tea", "url": "https://example.org/tea", "type": "absolute"}]
    assert form.notices == ("Silent stage: staff do not see this card.",)
    assert form.judged == {id(form.source), id(form.override_reasons), id(form.links)}


@pytest.mark.parametrize(
    ("style", "place"),
    [
        (CardStyle(topic_system=""), "source.topic.system"),
        (CardStyle(evidence_url="/releases/{digest}"), "source.url"),
        (CardStyle(evidence_url="file:///{digest}"), "source.url"),
    ],
)
def test_what_breaks_a_rule_on_every_card_is_a_bad_release(style: CardStyle, place: str) -> None:
    """Found when it is deployed, with its place, and not at the first call."""
    with pytest.raises(BadRelease, match=place):
        tea_form(style)


def test_a_resource_that_is_empty_without_an_encounter_is_found_when_it_is_deployed() -> None:
    """Every resource is tried with all and with nothing that a call may name."""
    release = open_release(tea_bundle())
    release.resources["tea.json"]["note"] = [{"text": ""}]  # type: ignore[index]
    with pytest.raises(BadRelease, match=r"resource\.note\[0\]\.text: empty"):
        card_forms(release, deployed(), CardStyle())


def test_the_cards_of_a_shipped_guidance_keep_the_rules() -> None:
    """Those of the readmission guidance, with two resources behind one button."""
    loaded = load_guidance(LIBRARY / "readmission-30d")
    release = open_release(build_release(loaded, model_of(loaded.definition), REFERENCE))
    form = card_forms(release, deployed(), CardStyle())["follow_up"]
    assert [len(suggestion.actions) for suggestion in form.suggestions] == [2, 1]
