"""The demo on the running platform: proposal, votes, the silent month, pilot, one discharge, the clinician's answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from services.all_in_one import Platform, open_platform
from services.cds.callers.demo_issuer import DemoIssuer
from services.demo.committee import AUTHOR, Committee, gather
from services.demo.facts import DAY
from services.demo.fragments import instant
from services.demo.hospital import Hospital, Written
from services.demo.replay import BedsideClock, DemoEhr, Discharge, discharges_between, replay
from services.demo.telling import Telling
from services.guidance.errors import Unavailable
from services.guidance.release import EvidencePack, ReleaseBundle, pack
from services.learner.evidence.silent import SilentEvidence, weigh_silence
from services.learner.proposal import Registry, propose
from services.plumbing.event_store import EventStore

LOOK_BACK: Final = 30  # days before today in which a discharge with a card is looked for
PATIENCE: Final = 30.0  # seconds until the bedside must have heard of a step; it takes a fraction of one


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What the learner made of the hospital, and which time it has not seen."""

    store: EventStore
    bundle: ReleaseBundle
    pack: EvidencePack
    silent_from: int
    silent_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The call that was answered with a card."""

    discharge: Discharge
    request: dict[str, Any]
    card: dict[str, Any]
    calls: int


def live(
    hospital: Hospital,
    written: Written,
    learned: Learned,
    telling: Telling,
    *,
    var: Path,
    log: Path,
    url: str,
    serve_at: tuple[str, int] | None,
) -> None:
    """Run the platform and the rest of the loop on it; then serve there, if a place is named."""

    async def run() -> None:
        clock = BedsideClock()
        async with open_platform(
            var=var, demo=True, url=url, bedside_clock=clock, terminology=written.terminology
        ) as platform:
            stage = _Stage(platform, learned, DemoEhr(platform.http, _issuer(var), clock, url=url), gather(platform))
            await stage.propose(telling)
            await stage.silence(hospital, written, telling)
            await stage.pilot(telling)
            shown = await stage.discharge_today(hospital, written, telling)
            await stage.answer(shown, telling)
            request = var / "discharge.json"
            request.write_bytes(msgspec.json.format(msgspec.json.encode(shown.request), indent=1))
            telling.next_steps(
                card=shown.card,
                url=url,
                request=request,
                var=var,
                log=log,
                terminology=written.terminology,
                once=serve_at is None,
            )
            if serve_at is not None:
                await _serve(platform, *serve_at)

    asyncio.run(run())


def _issuer(var: Path) -> DemoIssuer:
    return DemoIssuer.load_or_create(var / "cds" / "demo-issuer.json")


class _Stage:
    """The acts, in order, on one platform."""

    def __init__(self, platform: Platform, learned: Learned, ehr: DemoEhr, committee: Committee) -> None:
        self._platform = platform
        self._learned = learned
        self._ehr = ehr
        self._committee = committee
        self._proposal = ""

    @property
    def _guidance(self) -> str:
        return self._learned.bundle.guidance

    async def propose(self, telling: Telling) -> None:
        """The learner proposes, the author is named, and the committee votes for development and silence."""
        telling.chapter("Propose, and vote: development, then silent")
        registry = Registry(
            url=f"{self._platform.url}/registry",
            token=_secret(self._platform.learner.token),
            transport=httpx.ASGITransport(app=self._platform.app),
        )
        proposed = await propose(
            registry, self._learned.bundle, [self._learned.pack], author=AUTHOR.name, note="Made by `knowdo demo run`."
        )
        self._proposal = proposed.proposal
        telling.say(f"Proposed by {AUTHOR.name}, who will not vote on it")
        for state in ("development", "silent"):
            telling.step(await self._committee.move(self._proposal, state))
        await self._heard("silent")

    async def silence(self, hospital: Hospital, written: Written, telling: Telling) -> None:
        """Replay the silent period through the real hooks; weigh what was kept; file it as evidence."""
        since, until = self._learned.silent_from, self._learned.silent_until
        days = (until - since) // DAY
        telling.chapter(f"A silent period of {days} days: scored and kept, never shown")
        discharges = discharges_between(hospital, written.truth, since, until)
        service = await self._ehr.service(self._guidance)
        with telling.bar("discharges", len(discharges)) as bar:
            done = await replay(self._ehr, service, discharges, each=bar.advance)
        if done.cards or done.refused:
            raise Unavailable(f"a silent guidance answered with {done.cards} cards and {done.refused}", place="replay")
        telling.say(f"{done.calls:,} discharges from {instant(since)[:10]} to {instant(until)[:10]}, no card shown")
        found = await self._weigh()
        telling.silence(found.report)
        await self._committee.author.add_evidence(self._proposal, pack(found.pack))

    async def _weigh(self) -> SilentEvidence:
        """The decisions as CDS exports them, against the outcomes in the store."""
        file = self._platform.var / "learner" / "silent-decisions.ndjson"
        file.write_bytes(await self._export())
        return await asyncio.to_thread(weigh_silence, self._learned.store, self._learned.bundle, file)

    async def _export(self) -> bytes:
        token = _secret(self._platform.cds.export_token)
        answer = await self._platform.http.get(
            "/decisions/export", params={"guidance": self._guidance}, headers={"Authorization": f"Bearer {token}"}
        )
        if answer.status_code != 200:
            raise Unavailable(f"the export was answered with {answer.status_code}", place="/decisions/export")
        return answer.content

    async def pilot(self, telling: Telling) -> None:
        """Four different people agree that it may speak."""
        telling.chapter("Vote: pilot")
        await self._committee.make_ready(self._proposal)
        telling.say(f"{AUTHOR.name} files a trial: one patient of ten, by lot, sees no card; and nothing to go back to")
        telling.step(await self._committee.move(self._proposal, "pilot"))
        await self._heard("pilot")

    async def discharge_today(self, hospital: Hospital, written: Written, telling: Telling) -> Shown:
        """Call for each of today's discharges until one gets a card; if none does, for those of the days before."""
        telling.chapter("A discharge")
        service = await self._ehr.service(self._guidance)
        calls = 0
        for day in range(LOOK_BACK):
            start = hospital.until - day * DAY
            for discharge in discharges_between(hospital, written.truth, start, start + DAY):
                request, answer = await self._ehr.call(service, discharge)
                calls += 1
                if answer.status_code == 200 and (cards := answer.json()["cards"]):
                    at = instant(discharge.stay.end)
                    telling.say(f"Asked about {calls:,} discharges; that of {at[:10]} {at[11:16]} UTC gets a card")
                    telling.card(cards[0], true_risk=discharge.true_risk)
                    return Shown(discharge=discharge, request=request, card=cards[0], calls=calls)
        raise Unavailable(
            f"none of {calls} discharges got a card", place="demo", remedy="Try a larger hospital: --patients"
        )

    async def answer(self, shown: Shown, telling: Telling) -> None:
        """The clinician accepts; the answer is kept beside the decision."""
        telling.chapter("The clinician's answer")
        card, suggestion = shown.card["uuid"], shown.card["suggestions"][0]
        await self._ehr.say_back(
            self._guidance,
            {
                "card": card,
                "outcome": "accepted",
                "acceptedSuggestions": [{"id": suggestion["uuid"]}],
                "outcomeTimestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            },
        )
        for line in (await self._export()).splitlines():
            decision = msgspec.json.decode(line)
            if decision["card_uuid"] == card and decision["feedback"]:
                outcome = decision["feedback"][0]["outcome"]
                telling.say(f"“{suggestion['label']}”: {outcome}, kept beside decision {decision['decision']},")
                telling.say(f"release {decision['release']}")
                return
        raise Unavailable("the clinician's answer was not kept", place="/decisions/export")

    async def _heard(self, stage: str) -> None:
        """Wait until the bedside has acknowledged the stage to the registry."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    for entry in await self._committee.author.guidance():
                        for worker in entry["workers"]:
                            if (worker["release"], worker["stage"]) == (self._learned.bundle.digest, stage):
                                return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise Unavailable(
                f"the bedside has not taken over stage {stage} within {PATIENCE:.0f} s", place="CDS"
            ) from None


async def _serve(platform: Platform, host: str, port: int) -> None:
    """Serve the running platform until it is told to stop."""
    import uvicorn

    config = uvicorn.Config(
        platform.app,
        host=host,
        port=port,
        lifespan="off",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=3,
    )
    await uvicorn.Server(config).serve()


def _secret(secret: Any) -> str:  # SecretStr | None; pydantic is the settings' business
    return secret.get_secret_value() if secret is not None else ""
