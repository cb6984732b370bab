"""What travels between the services and the registry: the feed of counts and acknowledgements, manifests, proposals.

Declared once, for both ends; they have no place for patient data.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=0)]
_Short = Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")]
CountName = Literal[
    "calls", "shown", "below-band", "outside", "silent", "masked", "abstained", "unknown", "suppressed", "suspended",
    "failed", "cool-down", "duplicate", "snoozed", "rule", "cap", "accepted", "overridden", "beside",
]  # fmt: skip
"""What became of calls, why cards were suppressed, what clinicians did; `beside`: of these `calls` so many were answered by
another release, which speaks, and this one, which is silent, computed beside it."""
VoteChoice = Literal["approve", "approve-with-conditions", "reject", "not-enough-evidence", "withdraw"]


class Aggregate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happened with one release at one site on one day, in counts; sent again, it replaces what was sent before."""

    guidance: _Short
    release: _Short
    site: _Short
    day: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    counts: dict[CountName, _Count]


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One worker says which stage it is in for one deployment: `release X live / stopped in worker Y at t`."""

    worker: _Short
    deployment: _Short
    guidance: _Short
    release: _Short | None
    stage: Literal["silent", "pilot", "general", "suspended", "retired"]
    ledger_number: _Count
    at: _Short


class Head(msgspec.Struct, frozen=True):
    """The last entry of the registry's ledger."""

    number: int
    hash: str


class SignedManifests(msgspec.Struct, frozen=True):
    """Every deployment's manifest as it stands, renewed; and the head of the ledger, for the next question."""

    head: Head
    manifests: tuple[str, ...]


class Proposed(msgspec.Struct, frozen=True):
    """What the registry calls a proposal."""

    proposal: str
    release: str
    state: str
