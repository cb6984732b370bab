"""What the registry signs: which release may speak, where, in which stage, under which policy and trial, until when.

A manifest is a lease. It names the head of the registry's ledger, so that a shortened ledger is noticed: a manifest
whose head is behind one already seen is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec

from services.guidance.errors import BadManifest
from services.guidance.release import Digest, canonical_json, digest_of
from services.guidance.trial import Trial

Stage = Literal["silent", "pilot", "general", "suspended", "retired"]
RiskTier = Literal["low", "moderate", "high"]

LEASES: Final[Mapping[RiskTier, timedelta]] = {
    "high": timedelta(minutes=15),
    "moderate": timedelta(hours=4),
    "low": timedelta(hours=24),
}
LONGEST_LEASE: Final = max(LEASES.values())
CLOCK_LEEWAY: Final = timedelta(minutes=2)  # two machines' clocks; a lease is never stretched by it
EVERYWHERE: Final = "*"

_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_FETCH: Final = "Fetch it again from the registry"


class Where(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sites and tenants (`*` = all) and the hooks on which it may speak."""

    sites: tuple[str, ...]
    hooks: tuple[str, ...]
    tenants: tuple[str, ...] = (EVERYWHERE,)

    def covers(self, *, site: str, hook: str, tenant: str = "") -> bool:
        """Whether a call on this hook at this site, from this tenant, falls under the manifest."""
        return (
            hook in self.hooks
            and (EVERYWHERE in self.sites or site in self.sites)
            and (EVERYWHERE in self.tenants or tenant in self.tenants)
        )

    def encloses(self, other: Where) -> bool:
        """Whether every call that falls under the other falls under this one."""
        return (
            set(other.hooks) <= set(self.hooks)
            and (EVERYWHERE in self.sites or set(other.sites) <= set(self.sites))
            and (EVERYWHERE in self.tenants or set(other.tenants) <= set(self.tenants))
        )


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The patients among whom a release is tried: so many of 10,000, drawn by a key that all releases of a guidance share.

    Whole numbers, so that no rounding moves anybody; one key, so that who is among 5 % is among 25 % later.
    """

    of_10000: Annotated[int, msgspec.Meta(ge=1, le=9_999)]
    seed: _Hash

    @property
    def said(self) -> str:
        """`5 %`."""
        return f"{self.of_10000 / 100:g} %"


class PolicyNamed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The policy's name (`demo` is said on every card), its digest, and the overlay of thresholds by site."""

    name: str
    digest: Digest
    overlay: dict[str, Any]

    def __post_init__(self) -> None:
        if self.digest != policy_digest(self.name, self.overlay):
            raise ValueError("the policy's digest is not that of its name and overlay")


class LedgerHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last entry of the ledger when this was signed."""

    number: Annotated[int, msgspec.Meta(ge=0)]
    hash: _Hash


class Manifest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="typ", tag="knowdo-manifest"
):
    """One deployment of one release, for a while."""

    format: Literal[1] = 1
    deployment: str
    guidance: str
    release: Digest | None
    stage: Stage
    where: Where
    policy: PolicyNamed
    issued_at: _Time
    expires_at: _Time
    ledger: LedgerHead
    issuer: str
    trial: Trial | msgspec.UnsetType = msgspec.UNSET
    """Absent (also in every manifest from before there were trials): everyone is shown."""
    share: Share | None = None
    """None: every patient."""
    starts_at: _Time | None = None
    ends_at: _Time | None = None
    """Not before and not after these, whatever its lease; None: at once, and until it is decided otherwise."""
    decided: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The entry of the ledger that decided where it speaks; of two that could, the newer decision counts."""
    fallback: Digest | None = None
    """The release that speaks when this one is stopped; None: none does."""
    replaces: tuple[str, ...] = ()
    """Deployments that this one has taken the place of: whoever takes this manifest lets go of those."""

    @property
    def in_trial(self) -> Trial | None:
        """The trial that runs, if any."""
        return self.trial if isinstance(self.trial, Trial) else None

    def is_in_time(self, now: datetime) -> bool:
        """Whether it has begun and has not ended."""
        return (self.starts_at is None or self.starts_at <= now) and (self.ends_at is None or now < self.ends_at)

    @property
    def runs(self) -> bool:
        """Whether the release computes at all: silent, pilot or general."""
        return self.stage in {"silent", "pilot", "general"}

    @property
    def speaks(self) -> bool:
        """Whether cards may be shown: pilot or general."""
        return self.stage in {"pilot", "general"}

    @property
    def lease_seconds(self) -> float:
        """How long the lease was when it was given."""
        return (self.expires_at - self.issued_at).total_seconds()

    def seconds_left(self, now: datetime) -> float:
        """What is left of the lease; negative when it is over."""
        return (self.expires_at - now).total_seconds()


def lease_of(risk_tier: RiskTier, longest: timedelta = LONGEST_LEASE) -> timedelta:
    """How long a lease of this tier is, where `longest` shortens those of all tiers; it lengthens none."""
    return min(LEASES[risk_tier], longest)


def is_half_spent(issued_at: datetime, expires_at: datetime, now: datetime) -> bool:
    """Whether less than half of a lease is left: the one rule of when it is renewed."""
    return (expires_at - now) * 2 < expires_at - issued_at


def policy_digest(name: str, overlay: Mapping[str, Any]) -> str:
    """The digest of a policy as a decision names it."""
    return digest_of(canonical_json({"name": name, "overlay": dict(overlay)}))


def policy_named(name: str, overlay: Mapping[str, Any]) -> PolicyNamed:
    """A policy with the digest that belongs to it."""
    return PolicyNamed(name=name, digest=policy_digest(name, overlay), overlay=dict(overlay))


def new_manifest(
    *,
    deployment: str,
    guidance: str,
    release: str | None,
    stage: Stage,
    where: Where,
    policy: PolicyNamed,
    risk_tier: RiskTier,
    ledger: LedgerHead,
    issuer: str,
    now: datetime,
    trial: Trial | None = None,
    longest: timedelta = LONGEST_LEASE,
    share: Share | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    decided: int = 0,
    fallback: str | None = None,
    replaces: tuple[str, ...] = (),
) -> Manifest:
    """A manifest whose lease begins now and is as long as the risk tier and `longest` allow."""
    issued_at = now.astimezone(UTC).replace(microsecond=0)
    return Manifest(
        deployment=deployment,
        guidance=guidance,
        release=release,
        stage=stage,
        where=where,
        policy=policy,
        issued_at=issued_at,
        expires_at=issued_at + lease_of(risk_tier, longest),
        ledger=ledger,
        issuer=issuer,
        trial=msgspec.UNSET if trial is None else trial,
        share=share,
        starts_at=starts_at,
        ends_at=ends_at,
        decided=decided,
        fallback=fallback,
        replaces=replaces,
    )


def to_payload(manifest: Manifest) -> dict[str, Any]:
    """The manifest as the JSON object that is signed."""
    payload: dict[str, Any] = msgspec.to_builtins(manifest)
    return payload


def read_manifest(payload: Mapping[str, Any]) -> Manifest:
    """The payload of a verified signature as a manifest, whatever its lease; BadManifest if it is anything else."""
    try:
        manifest = msgspec.convert(dict(payload), Manifest)
    except msgspec.ValidationError as fault:
        raise BadManifest(f"the manifest cannot be read: {fault}", remedy=_FETCH) from fault
    if manifest.runs and manifest.release is None:
        raise BadManifest("a manifest that runs names its release", place=manifest.guidance, remedy=_FETCH)
    if not timedelta(0) < manifest.expires_at - manifest.issued_at <= LONGEST_LEASE:
        raise BadManifest("the lease is longer than any may be, or ends before it begins", place=manifest.guidance)
    return manifest


def check_manifest(payload: Mapping[str, Any], now: datetime, last_seen_number: int) -> Manifest:
    """The manifest, if its lease runs and its ledger is not behind `last_seen_number`; else BadManifest."""
    manifest = read_manifest(payload)
    if manifest.ledger.number < last_seen_number:
        raise BadManifest(
            f"the registry's ledger went backwards: entry {last_seen_number} was seen, this names {manifest.ledger.number}",
            place=manifest.guidance,
            remedy="Run `knowdo registry verify`: the ledger was cut, or the registry was restored from an old copy",
        )
    if manifest.issued_at > now + CLOCK_LEEWAY:
        raise BadManifest(
            f"the lease begins in the future ({manifest.issued_at.isoformat()})",
            place=manifest.guidance,
            remedy="Set the clocks of this machine and the registry's",
        )
    if manifest.seconds_left(now) <= 0:
        raise BadManifest(
            f"the lease ended at {manifest.expires_at.isoformat()}",
            place=manifest.guidance,
            remedy="Check that the registry answers; it renews leases when asked",
        )
    return manifest
