"""Which release of a guidance answers one call, where several are deployed side by side. Pure, and the same at every worker.

Of those that speak here and now: the share that a patient falls into, if any; else the one that was decided for this very
site, else for this tenant, else last. Where none speaks, a silent one computes; where one does, a silent one computes beside
it. Nothing is remembered: patient and manifests decide.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.guidance.manifest import EVERYWHERE, Manifest, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is known of a call before anything is read: where it comes from and about whom it is."""

    site: str
    tenant: str
    hook: str
    patient: str


def choose(manifests: Sequence[Manifest], call: Call, now: datetime) -> Manifest | None:
    """The one of a guidance's manifests that answers this call; None if none is for it. Leases are not looked at."""
    here = _here(manifests, call, now)
    speaking = [one for one in here if one.speaks]
    return _tried(speaking, call) or _nearest(speaking) or _nearest([one for one in here if not one.speaks])


def choose_beside(manifests: Sequence[Manifest], answers: Manifest, call: Call, now: datetime) -> Manifest | None:
    """The silent one that computes this call beside the one that answers it; None if none is, or if that one is silent itself.

    Of several the one decided for the narrowest place, and of equals the newest: a call is computed twice at most.
    """
    return _nearest([one for one in _here(manifests, call, now) if not one.speaks]) if answers.speaks else None


def why_none(manifests: Sequence[Manifest], call: Call, now: datetime) -> str:
    """Why no manifest is for this call, as its decision notes it."""
    running = [one for one in manifests if one.runs]
    if not running:
        last = max(manifests, key=lambda one: (one.ledger.number, one.decided))
        return last.stage
    covering = [one for one in running if _covers(one, call)]
    if not covering:
        return f"not approved for {call.hook} at this site"
    in_time = [one for one in covering if one.is_in_time(now)]
    if not in_time:
        return "its time has not begun, or is over"
    return (
        f"not among the {', '.join(one.share.said for one in in_time if one.share)} of patients with whom it is tried"
    )


def place_of(share: Share, guidance: str, patient: str) -> int:
    """Where a patient lies in [0, 2^64): the first eight bytes of a keyed hash (HMAC-SHA256, RFC 2104)."""
    message = b"".join(b"%d:%s" % (len(part), part) for part in (guidance.encode(), patient.encode()))
    return int.from_bytes(hmac.digest(bytes.fromhex(share.seed), message, "sha256")[:8])


def _here(manifests: Sequence[Manifest], call: Call, now: datetime) -> list[Manifest]:
    return [one for one in manifests if one.runs and one.is_in_time(now) and _covers(one, call)]


def _tried(speaking: Sequence[Manifest], call: Call) -> Manifest | None:
    """The release whose share the patient falls into: shares lie side by side, the oldest decision first."""
    reached = 0
    for one in sorted(speaking, key=lambda one: (one.decided, one.deployment)):
        if one.share is not None:
            reached += one.share.of_10000
            if place_of(one.share, one.guidance, call.patient) * 10_000 < reached << 64:
                return one
    return None


def _nearest(manifests: Sequence[Manifest]) -> Manifest | None:
    """Of those for every patient the one decided for the narrowest place, and of equals the newest."""
    return max(
        (one for one in manifests if one.share is None),
        key=lambda one: (
            EVERYWHERE not in one.where.sites,
            EVERYWHERE not in one.where.tenants,
            one.decided,
            one.deployment,
        ),
        default=None,
    )


def _covers(manifest: Manifest, call: Call) -> bool:
    return manifest.where.covers(site=call.site, hook=call.hook, tenant=call.tenant)
