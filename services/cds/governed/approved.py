"""What may speak: the newest manifest of each guidance that the registry signed, and its release, byte for byte.

Nothing else is ever served. A look-up costs the same whatever else is deployed. A new manifest takes effect only when
its release is there; a stop takes effect at once; a bundle whose bytes are wrong silences its guidance, loudly.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from services.cds.cards.form import CardStyle, card_forms
from services.cds.governed.approved_files import ApprovedFiles, Remembered
from services.cds.governed.deployed import Deployed, facts_of, opened, releases_of, said_of, shut, weight_of
from services.cds.governed.site_policy import site_policy
from services.guidance.choosing import Call, choose, choose_beside, why_none
from services.guidance.errors import BadManifest, BadRelease, NotFound, Unavailable
from services.guidance.manifest import Manifest, check_manifest, read_manifest
from services.guidance.ready import Release
from services.plumbing.keys import verify
from services.plumbing.logs import get_logger
from services.plumbing.registry_messages import SignedManifests
from services.timeline.errors import KnowdoError
from services.timeline.terminology import NOTHING, Terminology

_log = get_logger("cds")


class BundleSource(Protocol):
    """Where bundles come from: the registry."""

    async def release(self, digest: str) -> bytes:
        """The packed release."""


class Approved:
    """The guidance that may speak, by id."""

    def __init__(
        self,
        *,
        files: ApprovedFiles,
        keys: Mapping[str, Any] | None,
        site: str = "",
        terminology: Terminology = NOTHING,
        style: CardStyle = CardStyle(),  # noqa: B008 (frozen)
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`keys`: the registry's pinned public keys; None until they are known, and then nothing is served.

        `terminology`: what the site's own codes mean; every release that is opened here reads them so.
        """
        self.keys = keys
        self.site = site
        self._terminology = terminology
        self._style = style
        self._files = files
        self._clock = clock
        self._on_refused = on_refused
        self._held: dict[str, tuple[Deployed, ...]] = {}
        """Guidance → what is deployed of it, side by side; the one that counts most comes first."""
        # Only what was signed moves this: the head beside the manifests is anyone's word.
        self._seen = Remembered()
        self.heard_to = -1
        """The ledger entry up to which the registry said that it had told us; the next question asks from there."""
        self.changes = 0
        """Counts up with every change, so that what is derived (discovery) knows when to be derived again."""

    def find(self, guidance: str) -> Deployed:
        """What counts most of a guidance. NotFound, or BadManifest/BadRelease when it should run and must not."""
        return self._sound(self.deployed(guidance)[0])

    def choose(self, guidance: str, call: Call) -> tuple[Deployed, str]:
        """What of a guidance answers this call; or what counts most of it, and why nothing of it is for this call.

        NotFound, or BadManifest/BadRelease when it should run and must not.
        """
        held, now = self.deployed(guidance), self._clock()
        manifests = [one.manifest for one in held]
        chosen = choose(manifests, call, now)
        if chosen is None:
            return held[0], why_none(manifests, call, now)
        return self._sound(next(one for one in held if one.manifest is chosen)), ""

    def beside(self, answers: Deployed, call: Call) -> Deployed | None:
        """The silent release that computes this call beside the one that answers it, if one is and may."""
        held, now = self.deployed(answers.manifest.guidance), self._clock()
        chosen = choose_beside([one.manifest for one in held], answers.manifest, call, now)
        sound = [one for one in held if one.release is not None and one.manifest.seconds_left(now) > 0]
        return next((one for one in sound if one.manifest is chosen), None)

    def _sound(self, deployed: Deployed) -> Deployed:
        """The same, if what should run may run."""
        guidance = deployed.manifest.guidance
        if not deployed.manifest.runs:
            return deployed
        if deployed.manifest.seconds_left(self._clock()) <= 0:
            raise BadManifest(
                f"the lease ended at {deployed.manifest.expires_at.isoformat()}",
                place=guidance,
                remedy="Check that the registry answers; its leases are renewed when it does",
            )
        if deployed.release is None:
            raise BadRelease(deployed.fault, place=guidance, remedy="Look in the registry's ledger, and in this log")
        return deployed

    def deployed(self, guidance: str) -> tuple[Deployed, ...]:
        """All that is deployed of a guidance, running or not, what counts most first; NotFound if there is none."""
        held = self._held.get(guidance)
        if held is None:
            raise NotFound(
                "no guidance of this id is deployed here", place="service id", remedy="GET /cds-services lists them"
            )
        return held

    def holds(self, guidance: str) -> bool:
        """Whether there is a guidance of that id here, running or not."""
        return guidance in self._held

    def all(self) -> list[Deployed]:
        """Everything held, by guidance, what counts most of each first."""
        return [deployed for guidance in sorted(self._held) for deployed in self._held[guidance]]

    @property
    def shortest_lease(self) -> float:
        """Seconds that the shortest lease held here was given for; infinite if none is."""
        return min((one.manifest.lease_seconds for one in self.all()), default=math.inf)

    def readiness(self) -> dict[str, object]:
        """What a person or a load balancer asks: keys, and for each guidance its stage and what is left of its lease."""
        facts: dict[str, object] = {"registry keys": self.keys is not None}
        now = self._clock()
        for guidance in sorted(self._held):
            facts[guidance] = "; ".join(said_of(deployed, now) for deployed in self._held[guidance])
        return facts

    async def load(self) -> None:
        """Take what an earlier process kept, verified anew; leases that ended stay visible and silent."""
        self._seen = self._files.remembered()
        await self._take(self._seen.manifests.values(), source=None)

    async def take(self, answer: SignedManifests, source: BundleSource) -> list[Deployed]:
        """Take what the registry says now; what changed comes back. A ledger that went backwards is refused whole."""
        seen = self._seen
        said = answer.head
        if said.number < seen.number or (said.number == seen.number and said.hash != seen.hash):
            self._on_refused()
            raise _backwards(seen, said.number)
        changed = await self._take(answer.manifests, source=source)
        kept = msgspec.structs.replace(
            self._seen, manifests={deployed.manifest.deployment: deployed.signed for deployed in self.all()}
        )
        if kept != seen:
            self._seen = kept
            await asyncio.to_thread(self._keep, kept)
        self.heard_to = said.number
        return changed

    async def _take(self, signed: Iterable[str], *, source: BundleSource | None) -> list[Deployed]:
        held = {deployed.signed for deployed in self.all() if not deployed.fault}
        # Of one answer all name the same entry; what names an earlier one than was seen before it is a replay.
        floors = {guidance: max(one.manifest.ledger.number for one in known) for guidance, known in self._held.items()}
        changed, verified = [], []
        for text in signed:
            if text in held:
                continue
            try:
                if (manifest := self._verified(text, floors, at_start=source is None)) is not None:
                    verified.append((text, manifest))
            except BadManifest as fault:
                self._refuse(fault)
        # What stops comes first: it waits for no bundle of another.
        for text, manifest in sorted(verified, key=lambda one: one[1].runs):
            try:
                deployed = await self._opened(text, manifest, source)
            except Unavailable as fault:
                # What was approved before speaks on until its own lease ends; the next round tries again.
                _log.warning("release not to be had", message=fault.message, place=fault.place)
            except (BadManifest, BadRelease) as fault:
                self._refuse(fault)
            else:
                if self._put(deployed):
                    changed.append(deployed)
        return changed

    def _refuse(self, fault: KnowdoError) -> None:
        self._on_refused()
        _log.error("manifest refused", message=fault.message, place=fault.place, remedy=fault.remedy)

    def _verified(self, text: str, floors: Mapping[str, int], *, at_start: bool) -> Manifest | None:
        """The manifest if it is the registry's and newer than what is held; None if it is older."""
        if self.keys is None:
            raise BadManifest("the registry's public keys are not known", place="registry keys")
        payload = verify(text, self.keys)
        seen = floors.get(str(payload.get("guidance")), -1)
        # At the start a lease may be over: it is held all the same, so that the guidance answers 503 and not 404.
        manifest = read_manifest(payload) if at_start else check_manifest(payload, self._clock(), seen)
        held = self._same(manifest)
        if held is not None and manifest.issued_at < held.manifest.issued_at:
            return None
        ledger = manifest.ledger
        if ledger.number == self._seen.number and ledger.hash != self._seen.hash:
            raise _backwards(self._seen, ledger.number)
        if ledger.number > self._seen.number:
            self._seen = msgspec.structs.replace(self._seen, number=ledger.number, hash=ledger.hash)
        return manifest

    async def _opened(self, text: str, manifest: Manifest, source: BundleSource | None) -> Deployed:
        if not manifest.runs or manifest.release is None:
            before = self._same(manifest)
            same = before is not None and before.release is not None and before.release.digest == manifest.release
            # What stopped is still listed and named in its decisions, if it was open here.
            return replace(before, signed=text, manifest=manifest) if before and same else shut(text, manifest)
        digest = manifest.release
        for deployed in self.all():
            if deployed.release is not None and deployed.release.digest == digest:
                return self._with_policy(text, manifest, deployed.release)
        data = await asyncio.to_thread(self._files.bundle, digest)
        if data is not None:
            try:
                return await self._ready(text, manifest, data)
            except BadRelease as fault:
                # The disk may have lost a bit; the registry's copy decides.
                _log.error("kept bundle refused", message=fault.message, place=fault.place, release=digest)
                if source is None:
                    return shut(text, manifest, fault.message)
        if source is None:
            return shut(text, manifest, "its bundle is not kept here")
        data = await source.release(digest)
        try:
            deployed = await self._ready(text, manifest, data)
        except BadRelease as fault:
            self._on_refused()
            _log.error("release refused", message=fault.message, place=fault.place, release=digest)
            return shut(text, manifest, fault.message)
        await asyncio.to_thread(self._files.keep_bundle, digest, data)
        return deployed

    async def _ready(self, text: str, manifest: Manifest, data: bytes) -> Deployed:
        return self._with_policy(text, manifest, await asyncio.to_thread(opened, manifest, data, self._terminology))

    def _with_policy(self, text: str, manifest: Manifest, release: Release) -> Deployed:
        policy = site_policy(release.guidance, manifest.policy.overlay, self.site)
        cards = card_forms(release, manifest, self._style)
        return Deployed(signed=text, manifest=manifest, release=release, policy=policy, cards=cards)

    def _put(self, deployed: Deployed) -> bool:
        """Hold it; whether a reader would see a difference beyond a renewed lease."""
        now, before = deployed.manifest, self._same(deployed.manifest)
        guidance, replaced = now.guidance, {*now.replaces, now.deployment}
        others = [one for one in self._held.get(guidance, ()) if one.manifest.deployment not in replaced]
        # What stopped is told of until its last lease is over; after that it stands only where nothing else does.
        lasting = [one for one in others if one.manifest.runs or one.manifest.seconds_left(self._clock()) > 0]
        self._held[guidance] = tuple(sorted([*lasting, deployed], key=weight_of, reverse=True))
        if before is not None and facts_of(before) == facts_of(deployed):
            return False
        self.changes += 1
        _log.info("deployed", guidance=guidance, release=now.release, stage=now.stage, fault=deployed.fault)
        return True

    def _same(self, manifest: Manifest) -> Deployed | None:
        """What is held of the same deployment."""
        known = self._held.get(manifest.guidance, ())
        return next((one for one in known if one.manifest.deployment == manifest.deployment), None)

    def _keep(self, state: Remembered) -> None:
        self._files.remember(state)
        self._files.drop_bundles(but=releases_of(self.all()))


def _backwards(seen: Remembered, number: int) -> BadManifest:
    return BadManifest(
        f"the registry's ledger went backwards, or apart: entry {seen.number} was seen, this names {number}",
        place="registry",
        remedy="Run `knowdo registry verify`: the ledger was cut, or restored from an old copy",
    )
