"""Cool-down: the same guidance does not tell the same patient's team the same thing twice within its hours.

It never hides a first card, and never the retry of a call whose answer was lost (the same `hookInstance`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from services.cds.decisions.decision import Decision

MICROSECONDS_PER_HOUR = 3_600_000_000

Shown = tuple[int, str]
"""When a card was last shown (its index), and in which call."""


def settle(
    decisions: Sequence[Decision], cool_downs: Sequence[int], shown: Mapping[tuple[str, str], Sequence[Shown]]
) -> list[Decision]:
    """The decisions, those that would be shown again too soon turned to `suppressed`; in the order they came.

    `cool_downs`: microseconds, one for each; `shown`: what was shown before, by (guidance, patient).
    """
    seen = {key: list(earlier) for key, earlier in shown.items()}
    settled = []
    for decision, cool_down in zip(decisions, cool_downs, strict=True):
        key = (decision.guidance, decision.patient)
        if decision.status == "shown" and cool_down > 0:
            if any(
                decision.index_at - cool_down < at <= decision.index_at and instance != decision.hook_instance
                for at, instance in seen.get(key, ())
            ):
                decision = msgspec.structs.replace(
                    decision, status="suppressed", reason="cool-down", suppressed_because="cool-down"
                )
            else:
                seen.setdefault(key, []).append((decision.index_at, decision.hook_instance))
        settled.append(decision)
    return settled
