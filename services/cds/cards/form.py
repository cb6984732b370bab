"""A card as far as it is the same for every call: made and judged once, when its release is deployed here.

What a call adds is in `compose`: the words, the uuids, and resources bound to its patient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.cds.cards.actions import Creation, Deletion, SuggestionForm, action_form, suggestion_form
from services.cds.cards.lint import faults_of
from services.guidance.definition import Card, Guidance, Link
from services.guidance.errors import BadRelease
from services.guidance.manifest import EVERYWHERE, Manifest
from services.guidance.ready import Release
from services.guidance.words.binding import binding_of
from services.guidance.words.card_text import CardText, origin_of
from services.guidance.words.wording import DEMONSTRATION_POLICY, escape_markdown, stage_notice

CardJson = dict[str, Any]
_SAMPLE_UUID: Final = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardStyle:
    """What a deployment of this service puts on its cards: where evidence stands, and the topics' code system."""

    evidence_url: str = "http://127.0.0.1:8000/registry/releases/{digest}/page"
    """With `{digest}` to be filled in; absolute."""
    topic_system: str = "urn:knowdo:guidance"

    def topic(self, guidance: Guidance) -> dict[str, str]:
        """The topic of every card of a guidance. Static: Epic keys its memory of overrides by this code."""
        return {"system": self.topic_system, "code": guidance.id, "display": guidance.title}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardForm:
    """One card of one deployed release."""

    release: Release
    text: CardText
    indicator: str
    indicator_on: Mapping[str, str]
    """Hook → how loud it is there."""
    selection: str
    notices: tuple[str, ...]
    """What every reader must be told of policy and stage, the loudest first."""
    origin: str
    source: Mapping[str, Any]
    override_reasons: list[dict[str, str]]
    links: list[dict[str, Any]]
    """Without what their apps are told."""
    suggestions: tuple[SuggestionForm, ...]
    system_actions: tuple[Creation | Deletion, ...]

    @property
    def judged(self) -> frozenset[int]:
        """The identities of the parts that were linted when this was made; nobody changes them after."""
        return frozenset({id(self.source), id(self.override_reasons), id(self.links)})


def card_forms(release: Release, manifest: Manifest, style: CardStyle) -> dict[str, CardForm]:
    """Every card of a release by its name; BadRelease if one could only break a rule of CDS Hooks."""
    forms = {
        name: _form(release, manifest, style, name=name, card=card) for name, card in release.guidance.cards.items()
    }
    for name, form in forms.items():
        faults = [fault for sample in _samples(form) for fault in faults_of(sample)]
        if faults:
            raise BadRelease(
                "; ".join(dict.fromkeys(faults[:5])),
                place=f"cards.{name}",
                remedy="Mend the guidance, or this service's settings of evidence page and topic system",
            )
    return forms


def _form(release: Release, manifest: Manifest, style: CardStyle, *, name: str, card: Card) -> CardForm:
    guidance = release.guidance
    return CardForm(
        release=release,
        text=release.cards[name],
        indicator=card.indicator,
        indicator_on=card.indicator_on,
        selection=card.selection,
        notices=tuple(_notices(manifest)),
        origin=origin_of(guidance),
        source={
            "label": f"Knowdo: {guidance.title} {guidance.version}, release {_short(release.digest)}",
            "url": style.evidence_url.format(digest=release.digest),
            "topic": style.topic(guidance),
        },
        override_reasons=[
            {"code": reason.code, "system": reason.system, "display": reason.display}
            for reason in guidance.override_reasons
        ],
        links=[_link(link) for link in card.links],
        suggestions=tuple(suggestion_form(release, suggestion) for suggestion in card.suggestions),
        system_actions=tuple(action_form(release, action) for action in card.system_actions),
    )


def _notices(manifest: Manifest) -> Iterator[str]:
    places = [str(escape_markdown(site)) for site in manifest.where.sites if site != EVERYWHERE]
    if manifest.policy.name == "demo":
        yield DEMONSTRATION_POLICY
    if said := stage_notice(manifest.stage, places=places):
        yield said


def _link(link: Link) -> dict[str, Any]:
    made: dict[str, Any] = {"label": link.label, "url": link.url, "type": link.type}
    if link.autolaunchable:
        made["autolaunchable"] = True
    return made


def _samples(form: CardForm) -> Iterator[CardJson]:
    """Answers with all that the card may carry: with everything that a call may name, and with as little as it may."""
    for encounter, user in (("e", "Practitioner/u"), ("e", None), (None, "Practitioner/u"), (None, None)):
        binding = binding_of(patient_id="p", index=0, encounter_id=encounter, user=user)
        drafts = dict.fromkeys(form.release.guidance.features, ("MedicationRequest/o",))
        card: CardJson = {
            "uuid": _SAMPLE_UUID, "summary": "-", "detail": "-", "indicator": form.indicator, "source": form.source
        }  # fmt: skip
        if form.suggestions:
            card["suggestions"] = [one.bind(binding, _SAMPLE_UUID, drafts) for one in form.suggestions]
            card["selectionBehavior"] = form.selection
        if form.override_reasons:
            card["overrideReasons"] = form.override_reasons
        if form.links:
            card["links"] = form.links
        answer: CardJson = {"cards": [card]}
        if form.system_actions:
            answer["systemActions"] = [made for one in form.system_actions for made in one.bind(binding, drafts)]
        yield answer


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
