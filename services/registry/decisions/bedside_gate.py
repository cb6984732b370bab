"""Whether a silent period is that of the service itself: calls as they came, answered, unseen, of patients whom the record has."""

from __future__ import annotations

from collections.abc import Iterator

from services.guidance.bedside_evidence import Bedside
from services.guidance.lifecycle import Check
from services.guidance.policies import Policy
from services.guidance.release import EvidencePack
from services.guidance.words.bedside_wording import came_from
from services.registry.decisions.checked import check, met
from services.registry.decisions.training_gate import NUMBERS


def bedside_checks(found: Bedside | None, policy: Policy, pack: EvidencePack) -> Iterator[Check]:
    """Of a report of before the service's log was read, only that nobody can tell."""
    asked = "Decisions of the CDS service itself, on calls as they came"
    if found is None:
        said = "the report does not say whose decisions these are: weigh the silent period again"
        yield check("silent-source", asked, said, "cannot tell", pack, accepted_by=NUMBERS)
        return
    yield check(
        "silent-source",
        asked,
        came_from(found),
        "meets" if policy.replays or not found.replayed else "cannot tell",
        pack,
        accepted_by=NUMBERS,
        live=found.live,
        replayed=found.replayed,
    )
    yield check(
        "silent-unseen",
        "Nobody saw a card",
        f"{found.shown:,} cards shown, {found.answers:,} answered",
        met(found.shown == 0 and found.answers == 0),
        pack,
        shown=found.shown,
        answers=found.answers,
    )
    yield check(
        "silent-faults",
        f"At most {policy.failed_share:.0%} of calls failed",
        f"{found.ended.get('failed', 0):,} of {found.decisions:,}",
        met(found.failed.value <= policy.failed_share),
        pack,
        failed=found.failed.value,
    )
    yield check(
        "silent-joined",
        f"The record has the patients of at least {policy.in_record_share:.0%} of the decisions",
        f"{found.in_record:.1%}" + (f" ({found.pseudonyms:,} came under a pseudonym)" if found.pseudonyms else ""),
        met(found.in_record >= policy.in_record_share),
        pack,
        in_record=found.in_record,
    )
