"""Hook requests as of t against the final history: asked of the running service, rebuilt by the learner's own functions.

The bedside sees the record as it stood, through the prefetch that discovery advertises, with its `_count`; the learner
sees everything, with the times at which it was known. Slice by slice, so that memory does not grow with the requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from services.cds.settings import CdsSettings
from services.demo.facts import DAY, NEVER, PatientRecord, Stay
from services.demo.fhir_search import hook_request
from services.demo.hospital import Hospital
from services.demo.inpatient.kidneys import NEPHROTOXINS
from services.demo.paperwork.places import places
from services.demo.replay import BedsideClock
from services.demo.resources import Shapes
from services.guidance.definition import Guidance
from services.guidance.features import compile_features, read_features
from services.guidance.folder import LoadedGuidance
from services.guidance.models.published import PublishedFile
from services.guidance.prefetch import feature_queries
from services.guidance.release import ReleaseBundle, build_release
from services.learner.evidence.decisions_file import LoggedDecision, read_decisions
from services.learner.evidence.skew import STATES, SkewFound, compare_features
from services.timeline.codes import CodeSet
from services.timeline.events import EventBatch, EventColumns
from services.timeline.flatten import flatten_json
from services.timeline.instants import HOUR
from services.timeline.timeline import assemble, index_rows
from tests.cds.conftest import Running, run
from tests.cds.fake_registry import FakeRegistry

URL = "https://cds.hospital.example"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SLICE = 500
"""Requests whose patients are in memory together: some 100,000 events."""
REFERENCE = {"name": "made-up people", "base_rate": 0.12, "n": 1000, "events": 120, "inputs": {}}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When somebody at the bedside asks."""

    record: PatientRecord
    stay: Stay
    at: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One feature of one request that is not what history says."""

    moment: Moment
    feature: str
    logged: tuple[str, float | None]
    rebuilt: tuple[str, float | None]
    cut_off: bool
    """Whether a page of the prefetch that serves it held fewer rows than there were."""


Explained = list[tuple[str, Difference]]
"""Every difference with its cause."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a running service made of some requests."""

    logged: list[LoggedDecision]
    answered: Counter[int]
    cut_off: Mapping[tuple[str, int], frozenset[str]]
    """(stay, moment) → the prefetch keys whose page held fewer rows than there were."""


@dataclass(kw_only=True)
class Compared:
    """What was asked and answered, what differs, and what the learner's own comparison makes of it."""

    requests: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    values: int = 0
    known: int = 0
    """Values that were there: not absent, not unknown."""
    differences: list[Difference] = field(default_factory=list)
    learner: SkewFound = field(default_factory=SkewFound)
    traps: Counter[str] = field(default_factory=Counter)
    """Requests whose record has something that looks different later."""

    def add(self, other: Compared) -> None:
        """Add another slice's."""
        self.requests += other.requests
        self.answered += other.answered
        self.values += other.values
        self.known += other.known
        self.differences += other.differences
        self.learner.add(other.learner)
        self.traps.update(other.traps)


def hook_of(guidance: Guidance) -> str:
    """The hook that belongs to its index: the discharge, the signing of an order, or the chart that is opened."""
    names = [entry.hook for entry in guidance.hooks]
    return {"discharge": "encounter-discharge", "order": "order-sign"}.get(guidance.index.at, names[0])


def asked_at(guidance: Guidance, stay: Stay, number: int) -> int | None:
    """The guidance's own moment in this stay; of landmarks one, now an early, now a late; None if there is none."""
    index = guidance.index
    if index.at == "discharge":
        return stay.end
    first = stay.start + round(index.plus_hours * HOUR)
    if first >= stay.end:
        return None
    if index.every_hours is None:
        return first
    step = round(index.every_hours * HOUR)
    return first + number % (1 + (stay.end - 1 - first) // step) * step


def slices(
    hospital: Hospital, loaded: LoadedGuidance, requests: int, *, before: int = 0
) -> Iterator[tuple[list[PatientRecord], list[Moment]]]:
    """Patients and the moments at which they are asked about (`before` the guidance's own), until there are enough.

    What is recorded or corrected days later must be part of the final history, so stays of the last days are left out.
    """
    stays = loaded.value_sets.resolve(loaded.definition.index.stay)
    records: list[PatientRecord] = []
    moments: list[Moment] = []
    done = 0
    for record in hospital.records():
        records.append(record)
        for moment in _moments_of(record, loaded.definition, stays, hospital.until, done + len(moments), before):
            if done + len(moments) < requests:
                moments.append(moment)
        enough = done + len(moments) == requests
        if enough or len(moments) >= SLICE:
            yield records, moments
            done += len(moments)
            records, moments = [], []
        if enough:
            return
    raise AssertionError(f"the hospital is too small: {done + len(moments)} of {requests} moments")


def _moments_of(
    record: PatientRecord, guidance: Guidance, stays: CodeSet, until: int, number: int, before: int
) -> Iterator[Moment]:
    for stay in record.stays:
        if not stays.matches(f"{ACT_CODE}|{stay.kind}") or stay.end >= until - 10 * DAY:
            continue
        if guidance.index.at == "discharge" and stay.disposition == "exp":
            continue
        if guidance.index.at == "order":
            for at in _ordered(record, stay):
                yield Moment(record=record, stay=stay, at=at)
            continue
        at = asked_at(guidance, stay, number)
        if at is not None and (not before or at - before > stay.start + HOUR):
            yield Moment(record=record, stay=stay, at=at - before)
            number += 1


def _ordered(record: PatientRecord, stay: Stay) -> list[int]:
    """When something that can injure the kidneys was ordered in the stay."""
    orders = [order for order in record.orders if order.encounter == stay.id and order.drug in NEPHROTOXINS]
    return sorted({order.written for order in orders if stay.start <= order.written <= stay.end})


async def compare(
    folder: Path, hospital: Hospital, loaded: LoadedGuidance, *, requests: int, hook: str, before: int = 0
) -> Compared:
    """Ask the running service, and rebuild every feature that it logged from the final history."""
    release = release_of(loaded)
    found = Compared()
    for number, (records, moments) in enumerate(slices(hospital, loaded, requests, before=before)):
        asked = await _ask(folder / str(number), release, moments, hook)
        found.add(_rebuilt(loaded, _history(hospital, records), asked, moments))
    return found


def release_of(loaded: LoadedGuidance) -> ReleaseBundle:
    """The guidance with the smallest models that speak; the features are what is compared."""
    guidance = loaded.definition
    models = {
        name: msgspec.json.encode(
            _scorecard(guidance)
            if prediction.model.published is None
            else PublishedFile(feature=prediction.model.published)
        )
        for name, prediction in guidance.all_predictions.items()
    }
    first, *others = models
    return build_release(loaded, models[first], REFERENCE, others={name: (models[name], REFERENCE) for name in others})


def _scorecard(guidance: Guidance) -> dict[str, Any]:
    """One step over one input."""
    name = next(name for name, feature in guidance.features.items() if feature.use == "model")
    return {
        "kind": "scorecard", "inputs": [name], "intercept": -2.5, "linear": [],
        "steps": [{"input": 0, "cuts": [70.0], "values": [0.0, 0.5], "missing": 0.0}], "pairs": [],
        "calibration": {"intercept": 0.0, "slope": 1.0},
        "reference": {"name": "made-up people", "linear": [], "steps": [0.3], "pairs": []},
    }  # fmt: skip


async def _ask(folder: Path, release: ReleaseBundle, moments: list[Moment], hook: str) -> Asked:
    """Post every hook request to a running service."""
    registry = FakeRegistry()
    registry.deploy(release)
    settings = CdsSettings(var=folder, demo=True, public_url=URL, export_token="export-me")
    clock = BedsideClock()
    answered: Counter[int] = Counter()
    cut_off: dict[tuple[str, int], frozenset[str]] = {}
    async with run(settings, registry, client=registry.client(), clock=clock) as cds:
        service = await _service(cds, hook)
        for moment in moments:
            clock.at = moment.at
            request = hook_request(service, moment.record, moment.stay.id, moment.at)
            cut_off[moment.stay.id, moment.at] = frozenset(
                key
                for key, answer in request["prefetch"].items()
                if answer.get("total", 0) > len(answer.get("entry", ()))
            )
            body = msgspec.json.encode(request)
            answered[(await cds.post(f"/cds-services/{release.guidance}", body)).status_code] += 1
        exported = await cds.http.get("/decisions/export", headers={"Authorization": "Bearer export-me"})
    file = folder / "decisions.ndjson"
    file.write_bytes(exported.content)
    logged = read_decisions(file, guidance=release.guidance, release=release.digest)
    return Asked(logged=logged, answered=answered, cut_off=cut_off)


async def _service(cds: Running, hook: str) -> Mapping[str, Any]:
    services = (await cds.http.get("/cds-services")).json()["services"]
    return next(entry for entry in services if entry["hook"] == hook)


def _history(hospital: Hospital, records: list[PatientRecord]) -> EventColumns:
    """Everything that the learner is given of these patients, with every version, and the hospital's places."""
    batch = EventBatch()
    for _, text in places(hospital.begins):
        flatten_json(text.encode(), batch)
    for record in records:
        for _, text in Shapes(record).everything(hospital.until, versions=True):
            flatten_json(text.encode(), batch)
    return batch.columns()


def _rebuilt(loaded: LoadedGuidance, columns: EventColumns, asked: Asked, moments: list[Moment]) -> Compared:
    """The features of every decision once more, from the final history."""
    guidance, value_sets = loaded.definition, loaded.value_sets
    queries, logged = feature_queries(guidance, value_sets), asked.logged
    plan = compile_features(guidance, value_sets, queries)
    timeline = assemble(columns)
    rows = index_rows(timeline, [d.person for d in logged], [d.moment for d in logged], [d.stay for d in logged])
    matrix = read_features(plan, timeline, rows)
    by_stay = {(moment.stay.id, moment.at): moment for moment in moments}
    differences = []
    for row, decision in enumerate(logged):
        assert set(decision.states) == set(plan.names)
        for place, name in enumerate(plan.names):
            state = STATES[int(matrix.states[row, place])]
            rebuilt = (state, float(matrix.values[row, place]) if state == "value" else None)
            told = (decision.states[name], decision.features[name])
            if told != rebuilt:
                at = decision.stay, decision.moment
                cut_off = not asked.cut_off[at].isdisjoint(queries.get(name, ()))
                differences.append(
                    Difference(moment=by_stay[at], feature=name, logged=told, rebuilt=rebuilt, cut_off=cut_off)
                )
    return Compared(
        requests=len(logged),
        answered=asked.answered,
        values=len(logged) * len(plan.names),
        known=int((matrix.states == STATES.index("value")).sum()),
        differences=differences,
        learner=compare_features(guidance, value_sets, plan, columns, logged),
        traps=_traps(moments),
    )


def _traps(moments: list[Moment]) -> Counter[str]:
    """How many requests have something that looks different later: the comparison must have met it."""
    met: Counter[str] = Counter()
    for moment in moments:
        record, stay, at = moment.record, moment.stay, moment.at
        results = [result for result in record.results if result.taken <= at]
        met["result pending"] += any(result.issued > at for result in results)
        met["result corrected later"] += any(result.issued <= at < result.corrected < NEVER for result in results)
        met["diagnosis coded later"] += any(diagnosis.recorded > at for diagnosis in stay.diagnoses)
        met["diagnosis refuted later"] += any(
            diagnosis.recorded <= at < diagnosis.refuted < NEVER for diagnosis in record.diagnoses
        )
        met["order ended later"] += any(order.written <= at < order.ended < NEVER for order in record.orders)
        met["stay still open"] += stay.start <= at < stay.end
    return met
