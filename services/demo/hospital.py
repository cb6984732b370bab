"""The demo hospital: patients generated one by one, any of them alone, and written as NDJSON a type.

The learner is given `OUT/fhir`; what only the generative model knows goes to `OUT/truth`, outside of it. The same seed,
end and years give the same bytes, whatever the number of workers.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path

from services.demo.dice import INPATIENT, KIDNEYS, OPERATIONS, PREVENTION, SCREENING, Dice
from services.demo.facts import DAY, YEAR, PatientRecord
from services.demo.faults.local_codes import write_terminology
from services.demo.fragments import instant
from services.demo.inpatient.kidneys import injure, kidney_risks
from services.demo.inpatient.landmarks import landmark_risks
from services.demo.inpatient.operations import operate
from services.demo.inpatient.signs import attend
from services.demo.paperwork.papers import KINDS
from services.demo.paperwork.places import places
from services.demo.patients import draw_person
from services.demo.prevention.cardiovascular import cardiovascular_risks, tell_causes
from services.demo.prevention.diabetes import diabetes_risks, find, set_in
from services.demo.prevention.readings import measure_glucose
from services.demo.prevention.visits import complete_visits
from services.demo.resources import Shapes
from services.demo.stays import Life
from services.timeline.errors import BadInput

CHUNK = 250  # patients a task: some 30 MB of NDJSON, so that progress moves and memory stays small
AHEAD = 2 * DAY  # lived beyond `until`, so that those in hospital on the last day have a discharge to come
RISKS, IN_STAY, CARDIOVASCULAR = "true_risks.csv", "in_stay.csv", "cardiovascular.csv"
DIABETES = "diabetes.csv"
KIDNEY = "kidneys.csv"
TRUTHS = {
    RISKS: "encounter,patient,discharged,readmission_30d,death_30d",
    IN_STAY: "encounter,patient,at,death_in_stay,intensive_or_death_24h",
    CARDIOVASCULAR: "encounter,patient,at,hazard_per_year,event_1y",
    DIABETES: "encounter,patient,at,hazard_per_year,diabetes_5y",
    KIDNEY: "order,encounter,patient,at,kidney_injury_7d,declines",
}
"""The tables of true risks and their columns; an empty risk is of who was in intensive care already."""
TERMINOLOGY = "terminology"
TYPES = (
    "Organization", "Location", "PractitionerRole", "Patient", "Encounter", "Condition", "Observation",
    "MedicationRequest", "Procedure", "ServiceRequest", "ChargeItem", *KINDS,
)  # fmt: skip


def midnight_today() -> datetime:
    """Today, 00:00 UTC: the default end of the record."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospital:
    """A hospital as four numbers; `patient(i)` lives the i-th patient's years. `faults`: the sites' planted faults show."""

    seed: int
    patients: int
    until: int
    years: float = 3.5
    faults: bool = False

    @classmethod
    def ending(
        cls, day: date | None, *, seed: int, patients: int, years: float = 3.5, faults: bool = False
    ) -> Hospital:
        """The hospital whose record ends at the beginning of that day (today if none)."""
        end = midnight_today() if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)
        since_epoch = (end - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        return cls(seed=seed, patients=patients, until=since_epoch, years=years, faults=faults)

    @property
    def begins(self) -> int:
        """When the record begins."""
        return (self.until - int(self.years * YEAR)) // DAY * DAY

    def patient(self, index: int) -> PatientRecord:
        """Everything about patient `index`, up to two days beyond `until`."""
        if not 0 <= index < self.patients:
            raise BadInput(f"there is no patient {index}", remedy=f"Patients are numbered 0 to {self.patients - 1}")
        dice = Dice(self.seed, index)
        person = draw_person(dice, index=index, begins=self.begins, ends=self.until)
        record = Life(dice, person, begins=self.begins, horizon=self.until + AHEAD).live()
        record.seed, record.faults = self.seed, self.faults
        attend(Dice(self.seed, index, INPATIENT), record)
        injure(Dice(self.seed, index, KIDNEYS), record)
        prevention, screening = Dice(self.seed, index, PREVENTION), Dice(self.seed, index, SCREENING)
        diabetes = set_in(screening, record)  # it is a cause of the next
        tell_causes(prevention, record)
        complete_visits(prevention, record)
        measure_glucose(screening, record)
        find(screening, record, diabetes)
        operate(Dice(self.seed, index, OPERATIONS), record)
        return record

    def records(self) -> Iterator[PatientRecord]:
        """Every patient in turn."""
        for index in range(self.patients):
            yield self.patient(index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written where."""

    fhir: Path
    truth: Path
    terminology: Path | None
    """What the codes of the sites mean; None where all of them send standard ones."""
    resources: dict[str, int]

    @property
    def total(self) -> int:
        """All resources."""
        return sum(self.resources.values())


def write_hospital(
    hospital: Hospital,
    out: Path,
    *,
    compress: bool = False,
    workers: int | None = None,
    advance: Callable[[int], None] = lambda patients: None,
) -> Written:
    """Write the whole hospital; `out` appears complete or not at all. `advance` hears how many patients are done."""
    if hospital.patients < 1:
        raise BadInput("a hospital needs a patient", place="--patients", remedy="Ask for at least 1")
    _claim(out)
    partial = out / f".partial-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "parts").mkdir(parents=True)
    try:
        counts: Counter[str] = Counter()
        tasks = [
            (hospital, start, min(start + CHUNK, hospital.patients), partial / "parts", compress)
            for start in range(0, hospital.patients, CHUNK)
        ]
        for done, counted in _run(tasks, workers or os.cpu_count() or 1):
            counts += counted
            advance(done)
        for kind, found in groupby(sorted(places(hospital.begins)), key=itemgetter(0)):
            texts = [text for _, text in found]
            counts[kind] = len(texts)
            _write_text(partial / "parts" / f"{kind}.000000", "\n".join(texts) + "\n", compress)
        _join(partial, compress)
        if hospital.faults:
            write_terminology(partial / TERMINOLOGY)
        about = {**asdict(hospital), "ends": instant(hospital.until), "resources": dict(sorted(counts.items()))}
        (partial / "hospital.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        for name in ("fhir", "truth", TERMINOLOGY):
            shutil.rmtree(out / name, ignore_errors=True)
            if (partial / name).is_dir():
                (partial / name).replace(out / name)
        (partial / "hospital.json").replace(out / "hospital.json")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Written(
        fhir=out / "fhir",
        truth=out / "truth" / RISKS,
        terminology=out / TERMINOLOGY if hospital.faults else None,
        resources=dict(counts),
    )


def _claim(out: Path) -> None:
    """A folder that holds something else is left alone."""
    if out.exists() and any(out.iterdir()) and not (out / "hospital.json").is_file():
        stray = [entry.name for entry in out.iterdir() if not entry.name.startswith(".partial-")]
        if stray:
            raise BadInput(
                f"{out} holds something that is not a demo hospital",
                place="--out",
                remedy="Name a new or empty folder",
            )
    out.mkdir(parents=True, exist_ok=True)


_Task = tuple[Hospital, int, int, Path, bool]


def _run(tasks: list[_Task], workers: int) -> Iterator[tuple[int, Counter[str]]]:
    if len(tasks) == 1 or workers == 1:
        yield from map(_write_chunk, tasks)
        return
    # spawn: the parent may hold threads (progress bar, event loop), which fork would break
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(_write_chunk, tasks)


def _write_chunk(task: _Task) -> tuple[int, Counter[str]]:
    """Generate a range of patients into one part file a type."""
    hospital, start, stop, folder, compress = task
    texts: dict[str, list[str]] = {kind: [] for kind in TYPES}
    truths: dict[str, list[str]] = {name: [] for name in TRUTHS}
    for index in range(start, stop):
        record = hospital.patient(index)
        for kind, text in Shapes(record).everything(hospital.until, versions=True):
            texts[kind].append(text)
        for name, line in _truths(record):
            truths[name].append(line)
    for kind, lines in texts.items():
        if lines:
            _write_text(folder / f"{kind}.{start:06d}", "\n".join(lines) + "\n", compress)
    for name, lines in truths.items():
        (folder / f"{name}.{start:06d}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return stop - start, Counter({kind: len(lines) for kind, lines in texts.items()})


def _truths(record: PatientRecord) -> Iterator[tuple[str, str]]:
    """(table, row) of every true risk of a patient."""
    patient = record.person.id
    for risk in record.risks:
        yield RISKS, f"{risk.encounter},{patient},{instant(risk.discharged)},{risk.readmission:.9f},{risk.death:.9f}"
    for stay in record.stays:
        for mark in landmark_risks(record, stay) if stay.kind == "IMP" else ():
            either = "" if mark.intensive_or_death is None else f"{mark.intensive_or_death:.9f}"
            yield IN_STAY, f"{mark.encounter},{patient},{instant(mark.at)},{mark.death_in_stay:.9f},{either}"
    for kidney in kidney_risks(record):
        at = instant(kidney.at)
        yield KIDNEY, f"{kidney.order},{kidney.encounter},{patient},{at},{kidney.within_week:.9f},{kidney.declines:d}"
    for one in cardiovascular_risks(record):
        yield CARDIOVASCULAR, f"{one.encounter},{patient},{instant(one.at)},{one.per_year:.9f},{one.within_year:.9f}"
    for new in diabetes_risks(record):
        yield DIABETES, f"{new.encounter},{patient},{instant(new.at)},{new.per_year:.9f},{new.within_five_years:.9f}"


def _write_text(path: Path, text: str, compress: bool) -> None:
    data = text.encode()
    # level 1: three times the speed of the default for a tenth more bytes; mtime 0 keeps the bytes the same
    path.write_bytes(gzip.compress(data, compresslevel=1, mtime=0) if compress else data)


def _join(partial: Path, compress: bool) -> None:
    """One file a type from its parts, in the order of the patients (gzip members may follow one another)."""
    (partial / "fhir").mkdir()
    (partial / "truth").mkdir()
    for kind in TYPES:
        if parts := sorted((partial / "parts").glob(f"{kind}.*")):
            with (partial / "fhir" / f"{kind}.ndjson{'.gz' if compress else ''}").open("wb") as whole:
                for part in parts:
                    with part.open("rb") as source:
                        shutil.copyfileobj(source, whole, 1 << 20)
                    part.unlink()
    for name, columns in TRUTHS.items():
        with (partial / "truth" / name).open("w", encoding="utf-8") as table:
            table.write(f"{columns}\n")
            for part in sorted((partial / "parts").glob(f"{name}.*")):
                table.write(part.read_text(encoding="utf-8"))
