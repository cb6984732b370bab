"""From advice to a CDS Hooks card: the guidance's words, the reasons with their resources, suggestions bound to the call.

Every sentence is `guidance.words.wording`'s or the guidance's own; every piece of the record is escaped. Always a uuid:
without it clients send no feedback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from services.cds.advice.advise import Advice
from services.cds.cards.actions import References
from services.cds.cards.form import CardForm, CardJson
from services.cds.patient.draft_orders import Draft, DraftOrders
from services.cds.patient.order_names import names_of
from services.cds.schemas import HookRequest
from services.guidance.definition import PRIMARY
from services.guidance.words.binding import Binding, binding_of
from services.guidance.words.card_text import CardFacts, CardWords, Stated, read_from
from services.guidance.words.wording import escape_markdown
from services.plumbing.random_bytes import random_uuid


class Composed(msgspec.Struct, frozen=True, kw_only=True):
    """A card in the words of CDS Hooks, before it is put into the dialect of one client."""

    card: CardJson
    together: frozenset[str] = frozenset()
    """The uuids of the suggestions whose actions belong together."""
    system_actions: list[dict[str, Any]]
    """What a client that agreed to it does without asking; most clients never hear of it."""


def make_card(
    form: CardForm,
    advice: Advice,
    request: HookRequest,
    *,
    card_uuid: str,
    index_at: int,
    gender: str | None,
    orders: DraftOrders,
    ordered: Mapping[str, Sequence[Draft]],
) -> Composed:
    """The card of the advice's band; `ordered`: feature of this very order → the drafts that it counts. What it says is complete in itself; clients may show nothing else."""
    release = form.release
    not_computed = [one.said for one in advice.predicted.values() if one.risk is None]
    words = form.text.render(
        CardFacts(
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
            notices=form.notices,
        )
    )
    must_be_said = [*(f"**{notice}**" for notice in form.notices), *not_computed, form.origin]
    card: CardJson = {
        "uuid": card_uuid,
        "summary": words.summary,
        "indicator": form.indicator_on.get(request.hook, form.indicator),
        "detail": "\n\n".join(_paragraphs(words.detail, _sources(form, advice, words), must_be_said)),
        "source": form.source,
    }
    together: frozenset[str] = frozenset()
    system_actions: list[dict[str, Any]] = []
    if form.suggestions or form.system_actions:
        binding = binding_of(
            patient_id=request.patient,
            index=index_at,
            encounter_id=request.encounter or None,
            user=request.user or None,
        )
        drafts = {name: [one.reference for one in counted if one.reference] for name, counted in ordered.items()}
        suggestions, together = _suggestions(form, advice, binding, drafts)
        if suggestions:
            card["suggestions"] = suggestions
            card["selectionBehavior"] = form.selection
        system_actions = [made for action in form.system_actions for made in action.bind(binding, drafts)]
    if form.override_reasons:
        card["overrideReasons"] = form.override_reasons
    if form.links:
        card["links"] = _links(form, words)
    return Composed(card=card, together=together, system_actions=system_actions)


def _paragraphs(detail: str, sources: str, must_be_said: Sequence[str]) -> Iterator[str]:
    """The guidance's own words; then what it did not say itself, because it must be said."""
    yield detail
    if sources:
        yield sources
    yield from (said for said in must_be_said if said.strip("*") not in detail)


def _sources(form: CardForm, advice: Advice, words: CardWords) -> str:
    """Each reason with the resource that it was read from, so that a clinician can look; not what the detail names."""
    if words.says_reasons:
        return ""
    lines = []
    for reason in words.reasons:
        for resource in read_from(form.release.guidance, reason.name, advice.facts.sources):
            if (named := escape_markdown(resource)) not in words.detail:
                lines.append(f"- {escape_markdown(reason.text)}: from {named}")
    return "In the record:\n\n" + "\n".join(lines) if lines else ""


def _suggestions(
    form: CardForm, advice: Advice, binding: Binding, drafts: References
) -> tuple[list[dict[str, Any]], frozenset[str]]:
    """What is offered in this call, and the uuids of those whose actions belong together."""
    row = form.release.row_of(advice.facts.values, advice.risks) if any(one.when for one in form.suggestions) else {}
    made, together = [], set()
    for one in form.suggestions:
        if one.when is not None and one.when.evaluate_one(row) is not True:
            continue
        if (suggestion := one.bind(binding, identity := random_uuid(), drafts)) is None:
            continue
        made.append(suggestion)
        if one.together:
            together.add(identity)
    return made, frozenset(together)


def _links(form: CardForm, words: CardWords) -> list[dict[str, Any]]:
    """The very list of the form where no app is told anything, so that it need not be linted again."""
    if not any(words.app_contexts):
        return form.links
    told = zip(form.links, words.app_contexts, strict=True)
    return [{**link, "appContext": context} if context else link for link, context in told]
