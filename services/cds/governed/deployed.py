"""One deployment as it stands here, and what there is to say of it: its facts, its weight, how its release is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.cds.cards.form import CardForm
from services.cds.governed.site_policy import SitePolicy
from services.guidance.errors import BadRelease
from services.guidance.manifest import Manifest
from services.guidance.ready import Release, open_release
from services.guidance.release import unpack
from services.timeline.errors import KnowdoError
from services.timeline.terminology import Terminology


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """One guidance as it stands here: its verified manifest and, where it runs, its opened release."""

    signed: str
    manifest: Manifest
    release: Release | None
    policy: SitePolicy | None = None
    """What holds at this site; there is one exactly when there is a release."""
    cards: Mapping[str, CardForm] = field(default_factory=dict, repr=False)
    """Every card of the release by name, as far as it is the same for every call."""
    fault: str = ""
    """Why a manifest that runs has no release."""


def facts_of(deployed: Deployed) -> tuple[object, ...]:
    """What a reader would see of it; a renewed lease is no difference."""
    manifest = deployed.manifest
    return (
        manifest.release, manifest.stage, manifest.where, manifest.share, manifest.starts_at, manifest.ends_at,
        manifest.decided, manifest.policy.digest, manifest.in_trial, deployed.fault,
    )  # fmt: skip


def weight_of(deployed: Deployed) -> tuple[bool, bool, bool, int, str]:
    """How much a deployment counts among those of its guidance: speaking, running, for everybody, newest."""
    manifest = deployed.manifest
    return manifest.speaks, manifest.runs, manifest.share is None, manifest.decided, manifest.deployment


def said_of(deployed: Deployed, now: datetime) -> str:
    """Its stage, its share and what is left of its lease, for readiness."""
    manifest = deployed.manifest
    share = f", {manifest.share.said}" if manifest.share is not None else ""
    return deployed.fault or f"{manifest.stage}{share}, {max(0, int(manifest.seconds_left(now)))} s of lease left"


def shut(text: str, manifest: Manifest, fault: str = "") -> Deployed:
    """A guidance that does not run here: it was stopped, or something is wrong with its release."""
    return Deployed(signed=text, manifest=manifest, release=None, fault=fault)


def opened(manifest: Manifest, data: bytes, terminology: Terminology) -> Release:
    """Check every byte and compile the release; whatever is wrong with it, it is the release that is wrong."""
    try:
        release = open_release(unpack(data, expected_digest=manifest.release), terminology=terminology)
    except BadRelease:
        raise
    except KnowdoError as fault:
        raise BadRelease(f"it cannot be opened: {fault.message}", place=fault.place, remedy=fault.remedy) from fault
    if release.guidance.id != manifest.guidance:
        raise BadRelease(f"it is a release of {release.guidance.id}", place=manifest.guidance)
    return release


def releases_of(held: Sequence[Deployed]) -> set[str]:
    """The releases that these name."""
    return {deployed.manifest.release for deployed in held if deployed.manifest.release is not None}
