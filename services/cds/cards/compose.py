"""From advice to a CDS Hooks card: the guidance's words, the reasons with their resources, suggestions bound to the call.

Every sentence is `guidance.words.wording`'s or the guidance's own; every piece of the record is escaped. Always a uuid:
without it clients send no feedback.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from services.cds.advice.advise import Advice
from services.cds.cards.actions import Ordered, actions_of
from services.cds.governed.approved import Deployed
from services.cds.patient.draft_orders import DraftOrders
from services.cds.patient.order_names import names_of
from services.cds.schemas import HookRequest
from services.guidance.definition import PRIMARY, Card
from services.guidance.errors import Unavailable
from services.guidance.manifest import EVERYWHERE
from services.guidance.ready import Release
from services.guidance.words.card_text import CardFacts, Stated, origin_of, read_from, reasons_of
from services.guidance.words.wording import DEMONSTRATION_POLICY, escape_markdown, stage_notice

CardJson = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardStyle:
    """What a deployment of this service puts on its cards: where evidence stands, and the topics' code system."""

    evidence_url: str
    """With `{digest}` to be filled in; absolute."""
    topic_system: str


def make_card(
    deployed: Deployed,
    advice: Advice,
    request: HookRequest,
    *,
    card_uuid: str,
    index_at: int,
    gender: str | None,
    orders: DraftOrders,
    ordered: Ordered,
    style: CardStyle,
) -> CardJson:
    """The card of the advice's band. What it says is complete in itself; clients may show nothing else."""
    release = deployed.release
    if release is None or advice.band is None or advice.band.card is None:
        raise Unavailable("there is no card to make", place=deployed.manifest.guidance)
    guidance = release.guidance
    card = guidance.cards[advice.band.card]
    notices = _notices(deployed)
    not_computed = [one.said for one in advice.predicted.values() if one.risk is None]
    facts = CardFacts(
        risk=advice.risk,
        base_rate=release.base_rate,
        release=release.digest,
        values=advice.facts.values,
        contributions=advice.contributions,
        sources=advice.facts.sources,
        others={
            name: Stated(risk=risk, average=release.average(name))
            for name, risk in advice.risks.items()
            if name != PRIMARY
        },
        not_computed=not_computed,
        gender=gender,
        ordered={name: names_of(drafts, orders) for name, drafts in ordered.items()},
        notices=notices,
    )
    words = release.cards[advice.band.card].render(facts)
    must_be_said = [*(f"**{notice}**" for notice in notices), *not_computed, origin_of(guidance)]
    made: CardJson = {
        "uuid": card_uuid,
        "summary": words.summary,
        "indicator": card.indicator_on.get(request.hook, card.indicator),
        "detail": "\n\n".join(_paragraphs(words.detail, _sources(release, advice, words.detail), must_be_said)),
        "source": {
            "label": f"Knowdo: {guidance.title} {guidance.version}, release {_short(release.digest)}",
            "url": style.evidence_url.format(digest=release.digest),
            # Static: Epic keys its memory of overrides by this code.
            "topic": {"system": style.topic_system, "code": guidance.id, "display": guidance.title},
        },
    }
    if suggestions := list(_suggestions(release, card, advice, request, index_at, ordered)):
        made["suggestions"] = suggestions
        made["selectionBehavior"] = card.selection
    if guidance.override_reasons:
        made["overrideReasons"] = [
            reason.model_dump(include={"code", "system", "display"}) for reason in guidance.override_reasons
        ]
    if card.links:
        made["links"] = [{"label": link.label, "url": link.url, "type": "absolute"} for link in card.links]
    return made


def _notices(deployed: Deployed) -> list[str]:
    """What every reader of the card must be told of policy and stage, the loudest first."""
    manifest = deployed.manifest
    places = [str(escape_markdown(site)) for site in manifest.where.sites if site != EVERYWHERE]
    demo = DEMONSTRATION_POLICY if manifest.policy.name == "demo" else ""
    return [notice for notice in (demo, stage_notice(manifest.stage, places=places)) if notice]


def _paragraphs(detail: str, sources: str, must_be_said: Sequence[str]) -> Iterator[str]:
    """The guidance's own words; then what it did not say itself, because it must be said."""
    yield detail
    if sources:
        yield sources
    yield from (said for said in must_be_said if said.strip("*") not in detail)


def _sources(release: Release, advice: Advice, detail: str) -> str:
    """Each reason with the resource that it was read from, so that a clinician can look; not what the detail names."""
    lines = []
    for reason in reasons_of(release.guidance, advice.facts.values, advice.contributions):
        for resource in read_from(release.guidance, reason.name, advice.facts.sources):
            if (named := escape_markdown(resource)) not in detail:
                lines.append(f"- {escape_markdown(reason.text)}: from {named}")
    return "In the record:\n\n" + "\n".join(lines) if lines else ""


def _suggestions(
    release: Release, card: Card, advice: Advice, request: HookRequest, index_at: int, ordered: Ordered
) -> Iterator[dict[str, Any]]:
    row = release.row_of(advice.facts.values, advice.risks)
    for suggestion in card.suggestions:
        # Unknown is not enough to propose something: only a condition that surely holds offers it.
        if suggestion.when is not None and release.conditions[suggestion.when].evaluate_one(row) is not True:
            continue
        if actions := actions_of(release, suggestion, request, index_at=index_at, ordered=ordered):
            yield {"label": suggestion.label, "uuid": str(uuid.uuid4()), "actions": actions}


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
