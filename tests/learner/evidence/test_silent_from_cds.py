"""A silent period read from a CDS service that runs: its decisions fetched by HTTP, joined with the hospital's record."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import httpx
import msgspec
import pytest

import services.guidance as guidance_room
from services.cds.settings import CdsSettings
from services.demo.facts import DAY, PatientRecord
from services.demo.fhir_search import hook_request
from services.demo.hospital import Hospital
from services.demo.paperwork.places import places
from services.demo.replay import BedsideClock
from services.demo.resources import Shapes
from services.guidance.bedside_evidence import Bedside, BesideAnother
from services.guidance.check import load_guidance
from services.guidance.errors import Unavailable
from services.guidance.folder import LoadedGuidance
from services.guidance.release import ReleaseBundle
from services.learner.evidence.decisions_file import read_decisions
from services.learner.evidence.silent import weigh_silence
from services.learner.intake.fetch_decisions import fetch_decisions
from services.learner.intake.ingest import ingest
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.serving import free_port, served
from tests.demo.as_of_comparison import ACT_CODE, Moment, release_of

pytestmark = pytest.mark.anyio

CALLS = 60
LIVE = 2
STRANGERS = 5
"""The last patients who are asked about are not in the record that the learner is given."""
GUIDANCE = "readmission-30d"
TOKEN = "export-me"


@dataclass(frozen=True, kw_only=True)
class House:
    """A service that was silent and still runs, and what the learner knows of its patients."""

    url: str
    token_file: Path
    release: ReleaseBundle
    store: EventStore
    strangers: int
    """Decisions about people whom the record does not have."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop for the module's service."""
    return "asyncio"


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Sixty replayed discharges of some time ago, and two that are being planned now, by calls to a process of its own."""
    folder = tmp_path_factory.mktemp("house")
    loaded = load_guidance(Path(guidance_room.__file__).parent / "library" / GUIDANCE)
    release, registry, clock = release_of(loaded), FakeRegistry(), BedsideClock()
    registry.deploy(release, stage="silent")
    now = datetime.now(UTC)
    hospital = Hospital.ending(now.date() + timedelta(days=20), seed=20, patients=2000)
    records, moments, live = _discharges(hospital, loaded, round(now.timestamp() * 1e6))
    settings = CdsSettings(var=folder / "var", demo=True, public_url="https://cds.hospital.example", export_token=TOKEN)
    async with run(settings, registry, client=registry.client(), clock=clock) as cds:
        listed = (await cds.http.get("/cds-services")).json()["services"]
        service = next(one for one in listed if one["id"] == GUIDANCE)
        for moment in moments:
            clock.at = moment.at
            answer = await cds.post(f"/cds-services/{GUIDANCE}", _asked(service, moment, moment.at))
            assert (answer.status_code, answer.json().get("cards")) == (200, [])
    unknown = {one.record.person.id for one in moments[-STRANGERS:]} - {one.record.person.id for one in live}
    written = folder / "record.ndjson"
    lines = [text for _, text in places(hospital.begins)]
    for record in records:
        if record.person.id not in unknown:
            lines += [text for _, text in Shapes(record).everything(hospital.until, versions=True)]
    written.write_text("\n".join(lines) + "\n")
    ingest(written, folder / "store")
    (folder / "token").write_text(TOKEN)
    port = free_port()
    with served(folder / "var", port, KNOWDO_CDS_OPEN="true", KNOWDO_CDS_EXPORT_TOKEN=TOKEN):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            for moment in live:
                body = _asked(service, moment, moment.at)
                answer = await http.post(f"/cds-services/{GUIDANCE}", json=body)
                assert (answer.status_code, answer.json().get("cards")) == (200, []), answer.text
        yield House(
            url=f"http://127.0.0.1:{port}",
            token_file=folder / "token",
            release=release,
            store=EventStore.open(folder / "store"),
            strangers=sum(one.record.person.id in unknown for one in moments),
        )


def _discharges(
    hospital: Hospital, loaded: LoadedGuidance, now: int
) -> tuple[list[PatientRecord], list[Moment], list[Moment]]:
    """Patients with enough discharges of two weeks ago and before, and enough who lie in the hospital now."""
    stays = loaded.value_sets.resolve(loaded.definition.index.stay)
    records: list[PatientRecord] = []
    before: list[Moment] = []
    live: list[Moment] = []
    for record in hospital.records():
        here = [s for s in record.stays if stays.matches(f"{ACT_CODE}|{s.kind}") and s.disposition != "exp"]
        wanted = [Moment(record=record, stay=stay, at=stay.end) for stay in here if stay.end < now - 14 * DAY]
        fresh = [Moment(record=record, stay=stay, at=now) for stay in here if stay.start < now < stay.end]
        wanted, fresh = wanted[: CALLS - len(before)], fresh[: LIVE - len(live)]
        if wanted or fresh:
            records.append(record)
            before += wanted
            live += fresh
        if (len(before), len(live)) == (CALLS, LIVE):
            return records, before, live
    raise AssertionError("the hospital is too small")


def _asked(service: dict[str, Any], moment: Moment, at: int) -> dict[str, Any]:
    return hook_request(service, moment.record, moment.stay.id, at)


async def fetched(house: House, folder: Path) -> Path:
    """The decisions, fetched as the learner does."""
    return await anyio.to_thread.run_sync(
        lambda: fetch_decisions(house.url, house.token_file, folder, guidance=GUIDANCE)
    )


async def test_the_silent_period_is_what_the_service_decided(house: House, tmp_path: Path) -> None:
    """Fetched over HTTP: every call that was made, live and replayed told apart, risks and ends as the service kept them."""
    path = await fetched(house, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = weigh_silence(house.store, house.release, path)
    report, kept = found.report, read_decisions(path, guidance=GUIDANCE, release=house.release.digest)
    bedside = told(report.bedside)
    assert (report.decisions, bedside.live, bedside.replayed) == (CALLS + LIVE, LIVE, CALLS)
    assert bedside.ended == {status: sum(one.status == status for one in kept) for status in {o.status for o in kept}}
    assert (bedside.shown, bedside.answers, bedside.failed.value) == (0, 0, 0.0)
    assert bedside.with_card.value == sum(one.would_have_spoken for one in kept) / len(kept)
    assert report.calibration is not None
    assert report.matured > 40
    assert bedside.beside is None  # it answered them all
    assert bedside.clinicians == 1
    days = {one.moment // DAY for one in kept}
    assert bedside.clinician_days == len(days)
    assert bedside.milliseconds["all"].calls == len(kept)
    assert 0 < bedside.milliseconds["features"].p50 <= bedside.milliseconds["all"].p99 < 60_000


async def test_the_record_and_the_bedside_agree_and_strangers_are_told_apart(house: House, tmp_path: Path) -> None:
    """Features of those whom the record has are compared one by one, and nothing is unexplained; the others are counted, not judged."""
    found = weigh_silence(house.store, house.release, await fetched(house, tmp_path))
    bedside = told(found.report.bedside)
    assert house.strangers > 0
    assert (bedside.not_in_record, bedside.pseudonyms) == (house.strangers, 0)
    assert found.report.skew.unexplained == 0
    features = load_guidance(Path(guidance_room.__file__).parent / "library" / GUIDANCE).definition.features
    assert {one.feature for one in bedside.features} == set(features)
    assert {one.compared for one in bedside.features} == {CALLS + LIVE - house.strangers}
    assert sum(one.different for one in bedside.features) == found.report.skew.different
    assert bedside.differing is not None


async def test_overlapping_exports_count_every_decision_once(house: House, tmp_path: Path) -> None:
    """A folder of two exports, one of them again and packed, is the same evidence as one."""
    import gzip

    one = await fetched(house, tmp_path / "one")
    both = tmp_path / "both"
    both.mkdir()
    (both / "a.ndjson").write_bytes(b"".join(one.read_bytes().splitlines(keepends=True)[:40]))
    (both / "b.ndjson.gz").write_bytes(gzip.compress(one.read_bytes()))
    alone, together = (weigh_silence(house.store, house.release, path) for path in (one, both))
    assert alone.pack.digest == together.pack.digest
    assert (alone.exported.repeated, together.exported.repeated) == (0, 40)


async def test_only_the_span_that_is_asked_for_counts(house: House, tmp_path: Path) -> None:
    """Before yesterday there were the replayed ones, from then on those that came."""
    path = await fetched(house, tmp_path)
    today = round(datetime.now(UTC).timestamp() * 1e6) - 2 * DAY
    before = weigh_silence(house.store, house.release, path, until=today).report
    assert told(before.bedside).ended.keys() <= {"silent", "below-band", "outside", "suppressed"}
    assert (told(before.bedside).live, before.decisions) == (0, CALLS)
    with pytest.raises(BadInput, match="no decision has a known outcome yet"):
        weigh_silence(house.store, house.release, path, since=today)
    with pytest.raises(BadInput, match=r"with this release in this span is in it"):
        weigh_silence(house.store, house.release, path, until=0)


async def test_another_release_is_counted_and_left_out(house: House, tmp_path: Path) -> None:
    """By its digest: what the release before decided is no word of this one."""
    path = await fetched(house, tmp_path)
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    other = "sha256:" + "7" * 64
    for line in lines[:7]:
        line["release"] = other
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = weigh_silence(house.store, house.release, path)
    assert found.exported.others == {other: 7}
    assert found.report.decisions == CALLS + LIVE - 7


async def test_beside_a_release_that_spoke_cards_are_compared_call_by_call(house: House, tmp_path: Path) -> None:
    """Both, this one alone, the other alone; an answer that is not in the export is counted and not compared."""
    path = await fetched(house, tmp_path)
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    due = {
        one.decision: one.would_have_spoken
        for one in read_decisions(path, guidance=GUIDANCE, release=house.release.digest)
    }
    paired, alone = lines[:30], lines[30:34]
    answers = []
    for number, line in enumerate(paired):
        answer = {
            "decision": str(UUID(int=number)), "release": "sha256:" + "7" * 64, "stage": "general",
            "status": "shown" if number < 8 else "masked" if number < 10 else "below-band", "beside": "",
        }  # fmt: skip
        answers.append(line | answer)
        line["beside"] = answer["decision"]
    for line in alone:
        line["beside"] = str(UUID(int=1000))
    path.write_text("".join(json.dumps(line) + "\n" for line in [*answers, *lines]))
    found = weigh_silence(house.store, house.release, path)
    both = sum(due[line["decision"]] for line in paired[:10])
    assert told(found.report.bedside).beside == BesideAnother(
        decisions=34, compared=30, both=both, only_this=sum(due[line["decision"]] for line in paired[10:]),
        only_other=10 - both, shown=8,
    )  # fmt: skip
    assert found.report.decisions == CALLS + LIVE


async def test_pseudonyms_come_too_late_and_an_export_of_before_helps(house: House, tmp_path: Path) -> None:
    """What the log has forgotten cannot be joined; an earlier export of the same decisions can, beside the later one."""
    early = await fetched(house, tmp_path / "both")
    lines = [msgspec.json.decode(line) for line in early.read_bytes().splitlines()]
    for number, line in enumerate(lines):
        line |= {"patient": f"pseudonym-{number:032x}", "encounter": f"pseudonym-{number:032x}"}
    late = tmp_path / "both" / "late.ndjson"
    late.write_text("".join(json.dumps(line) + "\n" for line in lines))
    together = told(weigh_silence(house.store, house.release, tmp_path / "both").report.bedside)
    assert (together.not_in_record, together.pseudonyms) == (house.strangers, 0)
    early.unlink()
    with pytest.raises(BadInput, match="no decision has a known outcome yet"):
        weigh_silence(house.store, house.release, late)


async def test_one_decision_with_two_contents_is_a_fault(house: House, tmp_path: Path) -> None:
    """Two logs were mixed: nothing is weighed, and the line is named."""
    path = await fetched(house, tmp_path)
    first = msgspec.json.decode(path.read_bytes().splitlines()[0])
    with path.open("a") as file:
        file.write(json.dumps(first | {"risk": 0.5}) + "\n")
    with pytest.raises(BadInput, match=rf"ndjson:{CALLS + LIVE + 1}: a decision that is told otherwise"):
        weigh_silence(house.store, house.release, path)


async def test_a_service_that_does_not_take_the_token_is_named(house: House, tmp_path: Path) -> None:
    """And no half-fetched file is taken for an export."""
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-token")
    folder = tmp_path / "into"
    with pytest.raises(Unavailable, match="token"):
        await anyio.to_thread.run_sync(lambda: fetch_decisions(house.url, wrong, folder, guidance=GUIDANCE))
    assert not list(folder.glob("*.ndjson"))


def told(bedside: Bedside | None) -> Bedside:
    """What the report says of the service."""
    assert bedside is not None
    return bedside
