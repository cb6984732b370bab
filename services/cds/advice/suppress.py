"""What was said already is not said again: cool-down, once per encounter, snooze after an override. Pure.

It never hides a first card, never a higher band than was said, and never the retry of a call whose answer was lost
(the same `hookInstance`). Over the cap of a circuit breaker nothing is hidden either: the desk answers 503.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

import msgspec

from services.cds.decisions.decision import Decision
from services.guidance.definition import Policy

MICROSECONDS_PER_HOUR: Final = 3_600_000_000
# Two workers' clocks: what the other said a moment "later" was said all the same.
CLOCK_LEEWAY: Final = 5 * 60_000_000
# An encounter has no length that we know of; what was said in it is looked for this far back.
LONGEST_ENCOUNTER: Final = 366 * 24 * MICROSECONDS_PER_HOUR

SuppressedBy = Literal["cool-down", "duplicate", "snoozed", "rule", "cap"]
"""Why a card was computed, kept and not shown: `suppressed_because` of its decision, and the first word of its reason."""
SUPPRESSED_BY: Final[tuple[SuppressedBy, ...]] = get_args(SuppressedBy)

Key = tuple[str, str, str, str]
"""Guidance, patient, and the issuer and tenant that the patient's id comes from: two hospitals may share an id."""


class Snoozed(msgspec.Struct, frozen=True):
    """Microseconds for which one reason silences, and whom."""

    span: int
    per_clinician: bool


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy asks of a card that is due; travels with its decision to where it is known what was said before."""

    bands: tuple[str, ...] = ()
    """The worst first, as the policy lists them."""
    cool_down: int = 0
    """Microseconds."""
    per_clinician: bool = False
    once_per_encounter: bool = False
    snooze: dict[str, Snoozed] = {}
    cards_per_hour: int = 0
    """0: no cap."""

    @property
    def looks_back(self) -> int:
        """How many microseconds before the call may matter; 0: nothing need be looked up."""
        encounter = LONGEST_ENCOUNTER if self.once_per_encounter else 0
        # A lost answer is asked for again at once; under a cap it must be known for what it is.
        retry = MICROSECONDS_PER_HOUR if self.cards_per_hour else 0
        return max(self.cool_down, encounter, retry, *(one.span for one in self.snooze.values()))


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A card that was shown before, and the code of the reason for which it was declined (empty: it was not)."""

    at: int
    """Its index."""
    instance: str
    user: str
    encounter: str
    band: str
    declined: str = ""


def quiet_of(policy: Policy) -> Quiet | None:
    """The rules of a policy, made once at deployment; None if it asks for nothing."""
    quiet = Quiet(
        bands=tuple(band.name for band in policy.bands),
        cool_down=round(policy.cooldown_hours * MICROSECONDS_PER_HOUR),
        per_clinician=policy.cooldown_per == "clinician",
        once_per_encounter=policy.once_per_encounter,
        snooze={
            code: Snoozed(round(one.hours * MICROSECONDS_PER_HOUR), one.per == "clinician")
            for code, one in policy.snoozes.items()
        },
        cards_per_hour=policy.circuit_breaker.cards_per_hour if policy.circuit_breaker is not None else 0,
    )
    return quiet if quiet.looks_back else None


def key_of(decision: Decision) -> Key:
    """Whom a card was said of."""
    return decision.guidance, decision.patient, decision.issuer, decision.tenant


def hour_of(at: int) -> int:
    """The hour of the clock (since 1970 UTC) in which a card counts towards the cap."""
    return at // MICROSECONDS_PER_HOUR


def settle(
    decisions: Sequence[Decision],
    rules: Sequence[Quiet | None],
    said: Mapping[Key, Sequence[Said]],
    counted: Mapping[tuple[str, int], int],
) -> list[Decision]:
    """The decisions in the order they came, those that must not be shown turned to `suppressed`.

    `rules`: one for each; `said`: what was shown before; `counted`: cards shown by (guidance, hour of the clock).
    """
    known = {key: list(earlier) for key, earlier in said.items()}
    shown = dict(counted)
    settled = []
    for decision, quiet in zip(decisions, rules, strict=True):
        if decision.status == "shown":
            key, hour = key_of(decision), (decision.guidance, hour_of(decision.at))
            decision = _settled(decision, quiet, known.get(key, ()), shown.get(hour, 0))
            if decision.status == "shown":
                known.setdefault(key, []).append(_as_said(decision))
                shown[hour] = shown.get(hour, 0) + 1
        settled.append(decision)
    return settled


def _settled(decision: Decision, quiet: Quiet | None, earlier: Sequence[Said], shown: int) -> Decision:
    if quiet is None or any(one.instance == decision.hook_instance for one in earlier):
        return decision
    # What was said of a lower band does not count: the patient is worse now.
    as_bad = [one for one in earlier if _is_as_bad(one.band, decision.band, quiet.bands)]
    reason = (
        _snoozed(decision, quiet, as_bad) or _duplicate(decision, quiet, as_bad) or _cooling(decision, quiet, as_bad)
    )
    if not reason and 0 < quiet.cards_per_hour <= shown:
        reason = f"cap: {quiet.cards_per_hour} cards were shown in this hour"
    if not reason:
        return decision
    notes = f"{reason}; {decision.reason}" if decision.reason else reason
    because = reason.partition(":")[0]
    return msgspec.structs.replace(decision, status="suppressed", reason=notes, suppressed_because=because)


def _snoozed(decision: Decision, quiet: Quiet, as_bad: Sequence[Said]) -> str:
    for one in as_bad:
        snooze = quiet.snooze.get(one.declined) if one.declined else None
        if snooze is None or not _within(decision, one, snooze.span):
            continue
        if not snooze.per_clinician or _same(one.user, decision.user):
            return f"snoozed: {one.declined}, until {snooze.span / MICROSECONDS_PER_HOUR:g} h after that card"
    return ""


def _duplicate(decision: Decision, quiet: Quiet, as_bad: Sequence[Said]) -> str:
    if quiet.once_per_encounter and any(
        _same(one.encounter, decision.encounter) and _within(decision, one, LONGEST_ENCOUNTER) for one in as_bad
    ):
        return "duplicate: said before in this encounter"
    return ""


def _cooling(decision: Decision, quiet: Quiet, as_bad: Sequence[Said]) -> str:
    if quiet.cool_down > 0 and any(
        _within(decision, one, quiet.cool_down) and (not quiet.per_clinician or _same(one.user, decision.user))
        for one in as_bad
    ):
        return f"cool-down: said within the last {quiet.cool_down / MICROSECONDS_PER_HOUR:g} h"
    return ""


def _is_as_bad(said: str, now: str, bands: Sequence[str]) -> bool:
    """Whether what was said is at least as bad as what is due now; a name that the policy has no more is lower than all."""
    return said in bands and now in bands and bands.index(said) <= bands.index(now)


def _within(decision: Decision, one: Said, span: int) -> bool:
    return decision.index_at - span < one.at <= decision.index_at + CLOCK_LEEWAY


def _same(told: str, asks: str) -> bool:
    """Whether two references name the same; one that is not known is nobody's."""
    return bool(asks) and told == asks


def _as_said(decision: Decision) -> Said:
    return Said(
        at=decision.index_at,
        instance=decision.hook_instance,
        user=decision.user,
        encounter=decision.encounter,
        band=decision.band,
    )
