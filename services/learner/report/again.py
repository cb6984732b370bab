"""The command that makes a report again on the same store: every option that the first one was given, and no other."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from services.guidance.words.evidence_wording import DataKind
from services.timeline.instants import FOREVER, NAT, instant_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a training was asked for, in so far as its evidence depends on it."""

    folds: int
    seed: int
    data: DataKind = "patients"
    since: int = NAT
    until: int = FOREVER
    data_end: int | None = None
    against: str | None = None
    """Digest of the release that it was compared with."""


def train_again(guidance: str, asked: Asked) -> str:
    """`knowdo learner train …`."""
    options = ["--folds", str(asked.folds), *_of_both(asked)]
    if asked.data != "patients":
        options += ["--data", asked.data]
    if asked.against:
        options += ["--against", asked.against]
    return shlex.join(["knowdo", "learner", "train", guidance, *options])


def import_again(guidance: str, asked: Asked, *, trained_until: str) -> str:
    """The model came from elsewhere: it is brought in again, and nothing is fitted."""
    until = ["--trained-until", trained_until] if trained_until else []
    return shlex.join(["knowdo", "learner", "import", "MODEL", "--guidance", guidance, *until, *_of_both(asked)])


def _of_both(asked: Asked) -> Iterator[str]:
    yield from ("--seed", str(asked.seed))
    moments = (("--from", asked.since, NAT), ("--until", asked.until, FOREVER), ("--data-until", asked.data_end, None))
    for option, moment, unsaid in moments:
        if moment is not None and moment != unsaid:
            yield from (option, _date_or_instant(moment))


def _date_or_instant(moment: int) -> str:
    """As it would be typed: `2025-01-01`, or with its time where it has one."""
    return instant_text(moment).removesuffix("T00:00:00Z")
