"""Feedback: what clinicians did with cards is taken, once or again, alone or in a batch, for cards known or not."""

from __future__ import annotations

import uuid
from typing import Any

from services.cds.conformance.checks import Faults, Skipped, as_list, as_object, check
from services.cds.conformance.exchange import Exchange
from services.cds.conformance.made_up import now
from services.cds.conformance.target import Service, Target


@check(46)
def accepted_is_taken(target: Target, service: Service) -> Faults:
    """An accepted suggestion is taken."""
    yield from _taken(_tell(target, service, _entry(target, service)))


@check(46)
def overridden_is_taken(target: Target, service: Service) -> Faults:
    """An overridden card is taken, with a reason that has no display and with a comment."""
    reason = {"reason": {"code": "check", "system": "https://example.org/reasons"}, "userComment": "made up"}
    yield from _taken(_tell(target, service, _entry(target, service, outcome="overridden", overrideReason=reason)))


@check(46)
def overridden_without_a_reason_is_taken(target: Target, service: Service) -> Faults:
    """An overridden card without a reason is taken: it is optional."""
    yield from _taken(_tell(target, service, _entry(target, service, outcome="overridden")))


@check(47)
def a_batch_is_taken(target: Target, service: Service) -> Faults:
    """Several cards in one body are taken."""
    entries = [_entry(target, service), _entry(target, service, card=str(uuid.uuid4())), _entry(target, service)]
    yield from _taken(_tell(target, service, *entries))


@check(47)
def a_repeat_is_taken(target: Target, service: Service) -> Faults:
    """The same feedback twice is taken twice."""
    entry = _entry(target, service)
    yield from _taken(_tell(target, service, entry))
    yield from _taken(_tell(target, service, entry))


@check(47)
def an_unknown_card_is_taken(target: Target, service: Service) -> Faults:
    """Feedback on a card that the service does not know is taken."""
    yield from _taken(_tell(target, service, _entry(target, service, card=str(uuid.uuid4()))))


@check(46)
def malformed_feedback_is_refused(target: Target, service: Service) -> Faults:
    """A body without `feedback`, a `feedback` that is no array, and broken JSON are 4xx."""
    for what, body in (
        ("no feedback", {}),
        ("feedback as a text", {"feedback": "yes"}),
        ("broken JSON", b'{"feedback"'),
    ):
        answer = _post(target, service, body)
        if not 400 <= answer.status < 500:
            yield f"{what}: answered {answer.says}"


@check(46, level="SHOULD")
def an_outcome_that_there_is_not_is_refused(target: Target, service: Service) -> Faults:
    """`outcome` is accepted or overridden; `ignored` is not taken for either."""
    answer = _tell(target, service, _entry(target, service, outcome="ignored"))
    if not 400 <= answer.status < 500:
        yield f"answered {answer.says}"


def _entry(target: Target, service: Service, **changes: Any) -> dict[str, Any]:
    """Feedback on a card that was shown, if one was; else on one that might have been."""
    card, suggestion = _shown(target, service)
    made = {
        "card": card,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": suggestion}],
        "outcomeTimestamp": now().isoformat().replace("+00:00", "Z"),
    } | changes
    if made["outcome"] != "accepted":
        del made["acceptedSuggestions"]
    return made


def _shown(target: Target, service: Service) -> tuple[str, str]:
    for answer in target.answers.get(service, ()):
        for card in map(as_object, as_list(as_object(answer.json).get("cards"))):
            for suggestion in map(as_object, as_list(card.get("suggestions"))):
                if isinstance(card.get("uuid"), str) and isinstance(suggestion.get("uuid"), str):
                    return card["uuid"], suggestion["uuid"]
    return str(uuid.uuid4()), str(uuid.uuid4())


def _tell(target: Target, service: Service, *entries: dict[str, Any]) -> Exchange:
    return _post(target, service, {"feedback": list(entries)})


def _post(target: Target, service: Service, body: Any) -> Exchange:
    answer = target.post(f"{service.path}/feedback", body)
    if answer.status in {404, 405, 501}:
        raise Skipped("there is no feedback endpoint, which is permitted")
    return target.let_in(answer)


def _taken(answer: Exchange) -> Faults:
    if not 200 <= answer.status < 300:
        yield f"answered {answer.says}"
