"""What a CDS is told: the deployments that count, each as a signed manifest whose lease is renewed when it is read.

Told are those that run, and those that stopped while a lease of them may still run somewhere. What another has taken the
place of is named in that one's manifest instead, so that a worker changes from old to new in one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from services.guidance.lifecycle import RUNNING, SPEAKING
from services.guidance.manifest import (
    LONGEST_LEASE,
    LedgerHead,
    Manifest,
    is_half_spent,
    lease_of,
    new_manifest,
    policy_named,
    to_payload,
)
from services.plumbing.keys import SigningKey, sign
from services.registry.deployed.deployments import Deployment, every
from services.registry.memory import ledger
from services.registry.tables import deployments, instant_of, instant_text


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedList:
    """All current manifests as signed, and the head of the ledger that they name."""

    head: LedgerHead
    manifests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A deployment that CDS is told of, and those that it has taken the place of."""

    deployment: Deployment
    replaces: tuple[str, ...] = ()


def signed_manifests(
    connection: Connection, *, kid: str, now: datetime, longest: timedelta = LONGEST_LEASE
) -> SignedList | None:
    """Every manifest as signed; None if one must be renewed first: half its lease is over, the ledger grew, a new key."""
    last = ledger.head(connection)
    signed = []
    for deployment in current(connection, now=now):
        if deployment.jws is None or _is_stale(deployment, last, kid, now, longest):
            return None
        signed.append(deployment.jws)
    return SignedList(head=last, manifests=tuple(signed))


def renew_manifests(
    connection: Connection, key: SigningKey, *, issuer: str, now: datetime, longest: timedelta = LONGEST_LEASE
) -> SignedList:
    """Every manifest, signed anew where it must be."""
    last = ledger.head(connection)
    signed = []
    for told in told_of(connection, now=now):
        deployment, jws = told.deployment, told.deployment.jws
        if jws is None or _is_stale(deployment, last, key.kid, now, longest):
            manifest = _manifest(told, last, issuer, now, longest)
            jws = sign(to_payload(manifest), key)
            _keep(connection, manifest, jws, key.kid)
        signed.append(jws)
    return SignedList(head=last, manifests=tuple(signed))


def current(connection: Connection, *, now: datetime) -> list[Deployment]:
    """The deployments that CDS is told of, by guidance."""
    return [told.deployment for told in told_of(connection, now=now)]


def told_of(connection: Connection, *, now: datetime) -> list[Told]:
    """The same, with what each has taken the place of."""
    by_guidance: dict[str, list[Deployment]] = {}
    for one in every(connection):
        by_guidance.setdefault(one.guidance, []).append(one)
    return [told for known in by_guidance.values() for told in _counting(known, now)]


def _counting(known: Sequence[Deployment], now: datetime) -> list[Told]:
    """Of one guidance's deployments those that count; if none does, the one that stopped last stands for it."""
    recent = instant_text(now - LONGEST_LEASE)
    whole = [one for one in known if one.stage in SPEAKING and one.is_whole]
    told: list[Deployment] = []
    replaced: list[Deployment] = []
    for one in known:
        if one.stage in RUNNING:
            told.append(one)  # a silent one computes beside what speaks
        elif one.changed_at >= recent:
            (replaced if one.replaced_by is not None and whole else told).append(one)
    if not told:
        told = [one for one in known if one.stage != "retired"]
        told = sorted(told, key=lambda one: one.changed_at)[-1:]
    gone = tuple(sorted(one.id for one in replaced))
    return [Told(deployment=one, replaces=gone if one in whole else ()) for one in told]


def _is_stale(deployment: Deployment, last: LedgerHead, kid: str, now: datetime, longest: timedelta) -> bool:
    if deployment.issued_at is None or deployment.expires_at is None or deployment.kid != kid:
        return True
    issued, expires = instant_of(deployment.issued_at), instant_of(deployment.expires_at)
    if expires - issued > lease_of(deployment.risk_tier, longest):
        return True  # signed before leases were shortened
    # Every manifest names the newest head: whoever has seen entry n takes nothing that is signed at an earlier one.
    return deployment.ledger_number != last.number or is_half_spent(issued, expires, now)


def _manifest(told: Told, last: LedgerHead, issuer: str, now: datetime, longest: timedelta) -> Manifest:
    deployment = told.deployment
    return new_manifest(
        deployment=deployment.id,
        guidance=deployment.guidance,
        release=deployment.release,
        stage=deployment.stage,
        where=deployment.where,
        policy=policy_named(deployment.policy, deployment.overlay),
        risk_tier=deployment.risk_tier,
        ledger=last,
        issuer=issuer,
        now=now,
        trial=deployment.trial,
        longest=longest,
        share=deployment.drawn,
        starts_at=instant_of(deployment.starts_at) if deployment.starts_at else None,
        ends_at=instant_of(deployment.ends_at) if deployment.ends_at else None,
        decided=deployment.decided_in,
        fallback=deployment.fallback,
        replaces=told.replaces,
    )


def _keep(connection: Connection, manifest: Manifest, jws: str, kid: str) -> None:
    connection.execute(
        update(deployments)
        .where(deployments.c.id == manifest.deployment)
        .values(
            jws=jws,
            kid=kid,
            ledger_number=manifest.ledger.number,
            issued_at=instant_text(manifest.issued_at),
            expires_at=instant_text(manifest.expires_at),
        )
    )
