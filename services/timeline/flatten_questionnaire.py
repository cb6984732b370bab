"""Questionnaire responses: what patients report of themselves, and what is reported of them. An event per answer.

A question is known by its questionnaire and its link: `http://example.org/phq-9|1.2`, without the version. A coded
answer that carries a score (ordinalValue, in R5 itemWeight) has it as its value. Texts, dates and files are never
copied: their event only says that there is an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from typing import Final

from services.timeline.codes import join_tokens, token
from services.timeline.concepts import target, tokens_of_codings
from services.timeline.elements import Coding
from services.timeline.events import EventBatch
from services.timeline.facts import instant, known_at, retract, skip_status, stay_of, updated_of
from services.timeline.instants import NAT
from services.timeline.resources_findings import Answer, AnswerCoding, Item, QuestionnaireResponse
from services.timeline.values import NO_ANSWER, UNITY, Said, quantity_said, yes_or_no

_FACTS: Final = frozenset({"completed", "amended"})
_RETRACTED: Final = frozenset({"entered-in-error"})
_STATUSES: Final = _FACTS | _RETRACTED | {"in-progress", "stopped"}
_SCORES: Final = frozenset({"ordinalValue", "itemWeight"})


def flatten_questionnaire_response(seen: QuestionnaireResponse, batch: EventBatch) -> None:
    """One event for each answer to each question, however deep."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["QuestionnaireResponse: no patient"] += 1
        return
    resource = f"QuestionnaireResponse/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "QuestionnaireResponse")
    if seen.status not in _FACTS:
        skip_status(batch, "QuestionnaireResponse", seen.status, _STATUSES)
        if seen.status in _RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return

    time = instant(seen.authored, batch, "QuestionnaireResponse")
    known, assumed = known_at(time, updated, NAT)
    encounter = stay_of(seen.encounter)
    form = (seen.questionnaire or "").partition("|")[0]
    form = "" if form.startswith("#") else form  # a form of its own, known to nobody else
    before = len(batch.cells)
    for item, answer in _answers(seen):
        if not (codes := _question(form, item)):
            batch.losses["QuestionnaireResponse: item without a link"] += 1
            continue
        value, unit, told = _said(answer, batch)
        batch.cells.extend(
            (patient, "QuestionnaireResponse.item", codes, unit, told, resource, encounter, time, NAT, known, updated, assumed, value)
        )  # fmt: skip
    if len(batch.cells) == before:
        batch.skipped["QuestionnaireResponse: no answer"] += 1
    elif time == NAT:
        batch.losses["QuestionnaireResponse: no time"] += 1


def _answers(seen: QuestionnaireResponse) -> Iterator[tuple[Item, Answer]]:
    """Every question with each of its answers, in groups and below answers too, in the order of the form."""
    waiting = [*reversed(seen.item or ())]
    while waiting:
        if (item := waiting.pop()) is None:
            continue
        below = [*(item.item or ())]
        for answer in item.answer or ():
            if answer is not None:
                yield item, answer
                below.extend(answer.item or ())
        waiting.extend(reversed(below))


def _question(form: str, item: Item) -> str:
    """How a question is coded: its link within its form, and codes that came with it."""
    codings: list[Coding] = [one for one in item.code or () if one is not None]
    named = [token(form, item.link_id)] if item.link_id else []
    return join_tokens([*named, *(word for word in tokens_of_codings(codings).split("\n") if word)])


def _said(answer: Answer, batch: EventBatch) -> Said:
    """Value, unit and answer."""
    if answer.value_quantity is not None:
        return quantity_said(answer.value_quantity, batch, "QuestionnaireResponse") or NO_ANSWER
    if answer.value_coding is not None:
        return _coded(answer.value_coding)
    if answer.value_boolean is not None:
        return yes_or_no(answer.value_boolean)
    number = answer.value_decimal if answer.value_decimal is not None else answer.value_integer
    return (number, UNITY, "") if number is not None else NO_ANSWER


def _coded(coding: AnswerCoding) -> Said:
    """A coded answer, and its score if one is attached."""
    told = (
        token(coding.system or "", coding.code)
        if coding.code
        else token("", coding.display or "")
        if coding.display
        else ""
    )
    for extension in coding.extension or ():
        if extension is None or not extension.url or extension.value_decimal is None:
            continue
        if extension.url.rpartition("/")[2] in _SCORES:
            return extension.value_decimal, UNITY, told
    return nan, "", told
