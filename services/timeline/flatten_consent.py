"""Consents: what the patient permits or denies, from when it was given until it ends.

A consent speaks for its scope and categories by one event: R5's `decision`, else the type of R4's root provision,
else an opt-in or opt-out as its policy rule. A nested provision is an exception: if something narrows it, its event
is coded by its own purposes, classes, codes and actions and never by the scope, so that a permit for research with
one denied class of data is no opt-out of research.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import nan
from typing import Final

from services.timeline.codes import join_tokens
from services.timeline.concepts import plain_code, target, tokens_of, tokens_of_all, tokens_of_codings
from services.timeline.elements import Coding
from services.timeline.events import EventBatch
from services.timeline.facts import first_of, instant, known_at, retract, skip_status, span, updated_of
from services.timeline.instants import NAT
from services.timeline.resources_patient import Consent, Provision

_GIVEN: Final = frozenset({"active", "inactive"})
_NOT_GIVEN: Final = frozenset({"rejected", "not-done", "entered-in-error"})
_STATUSES: Final = _GIVEN | _NOT_GIVEN | {"draft", "proposed", "unknown"}
_TYPES: Final = frozenset({"permit", "deny"})
_OPPOSITE: Final = {"permit": "deny", "deny": "permit"}
_POLICIES: Final = {"OPTIN": "permit", "OPTINR": "permit", "OPTOUT": "deny", "OPTOUTE": "deny"}
"""The consent directives of v3-ActCode; those with restrictions or exceptions name them in nested provisions."""


def flatten_consent(seen: Consent, batch: EventBatch) -> None:
    """One event for what the consent says as a whole, and one for each nested provision."""
    patient = target(seen.patient or seen.subject, "Patient/")
    if not patient:
        batch.skipped["Consent: no patient"] += 1
        return
    resource = f"Consent/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "Consent")
    if seen.status not in _GIVEN:
        skip_status(batch, "Consent", seen.status, _STATUSES)
        if seen.status in _NOT_GIVEN:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return

    given = instant(seen.date_time or seen.date, batch, "Consent")
    root = seen.provision if isinstance(seen.provision, Provision) else None
    begin, end = span(seen.period or (root.period if root is not None else None), batch, "Consent")
    if end == NAT and seen.status == "inactive":
        end = updated
    time = first_of(given, begin)
    known, assumed = known_at(given, updated, time)
    whole = join_tokens(
        [word for one in (seen.scope, *(seen.category or ())) for word in tokens_of(one).split("\n") if word]
    )

    def say(codes: str, answer: str, until: int) -> None:
        batch.cells.extend(
            (patient, "Consent.provision", codes, "", f"|{answer}", resource, "", time, until, known, updated, assumed, nan)
        )  # fmt: skip

    before = len(batch.cells)
    decision = seen.decision or (root.type if root is not None else None) or _POLICIES.get(plain_code(seen.policy_rule))
    if decision in _TYPES:
        say(whole, decision, end)
    elif decision is not None:
        batch.losses["Consent: decision not understood"] += 1
    for one, kind in _nested(seen):
        if kind not in _TYPES:
            batch.losses["Consent: provision without a type"] += 1
            continue
        until = span(one.period, batch, "Consent")[1] if one.period is not None else end
        codes = _own_codes(one)
        speaks_for_the_whole = one.type is not None and not _narrowed(one)
        say(whole if speaks_for_the_whole else codes, kind, until)
    if len(batch.cells) == before:
        batch.skipped["Consent: no decision"] += 1
    elif time == NAT:
        batch.losses["Consent: no time"] += 1


def _nested(seen: Consent) -> Iterator[tuple[Provision, str]]:
    """The exceptions, each with its type. R5 gives them none: each is an exception to what stands above it."""
    several = seen.provision
    inner = several if isinstance(several, list) else several.provision if several is not None else None
    waiting = [(one, _OPPOSITE.get(seen.decision or "", "")) for one in inner or ()]
    while waiting:
        one, implied = waiting.pop()
        if one is not None:
            yield one, one.type or implied
            waiting.extend((below, _OPPOSITE.get(implied, "")) for below in one.provision or ())


def _own_codes(one: Provision) -> str:
    """To what a provision is restricted, as far as that is coded."""
    codings: list[Coding] = []
    lists: tuple[Sequence[Coding | None] | None, ...] = (
        one.purpose, one.class_, one.resource_type, one.document_type, one.security_label,
    )  # fmt: skip
    for several in lists:
        codings.extend(coding for coding in several or () if coding is not None)
    parts = (tokens_of_codings(codings), tokens_of_all(one.code), tokens_of_all(one.action))
    return join_tokens(word for part in parts for word in part.split("\n") if word)


def _narrowed(one: Provision) -> bool:
    """Whether anything restricts a provision: then it does not speak for the whole."""
    return bool(
        one.purpose or one.class_ or one.resource_type or one.document_type or one.security_label
        or one.code or one.action or one.actor or one.data or one.data_period or one.expression
    )  # fmt: skip
