"""Units that are not what they say."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from services.timeline.events import COLUMNS, Coded, EventBatch, EventColumns
from services.timeline.flatten import flatten_json
from services.timeline.mislabelled import FEWEST, Column, Spread, Suspect, find_suspects, spread_of
from services.timeline.plausible import PLAUSIBLE
from services.timeline.unit_grammar import read_unit
from services.timeline.units import ANALYTES, conversion
from tests.timeline.made import LOINC

CREATININE, UREA, HAEMOGLOBIN, TEMPERATURE = (f"{LOINC}|{code}" for code in ("2160-0", "3094-0", "718-7", "8310-5"))
UNKNOWN = "https://hospital.example/codes|NT-X"


def sent(batch: EventBatch, code: str, unit: str, values: list[float], *, site: str = "") -> None:
    """Values of one test, each in an encounter of its own at a site."""
    for value in values:
        number = len(batch)
        encounter = f"Encounter/{number}"
        if site:
            batch.add(
                patient="p",
                field="Encounter.serviceProvider",
                answer=f"Organization/{site}",
                resource=encounter,
                known=0,
            )
        batch.add(
            patient="p", field="Observation.code", codes=code, unit=unit, value=value, encounter=encounter, known=0
        )


def around(median: float, *, count: int = 200, seed: int = 0, spread: float = 0.15) -> list[float]:
    """Values around a median, log-normal with a spread in decades."""
    return list(median * 10 ** default_rng(seed).normal(0, spread, count))


def suspects(batch: EventBatch) -> list[Suspect]:
    """Of all events."""
    return find_suspects(spread_of(batch.columns()))


def test_creatinine_in_umol_labelled_mg_is_impossible_and_said() -> None:
    """88 times too high lies outside of what can be; in umol/L it does not."""
    batch = EventBatch()
    sent(batch, CREATININE, "mg/dL", around(85))
    (suspect,) = suspects(batch)
    assert suspect.column == Column(CREATININE, "mg/dL", "")
    assert (suspect.values, suspect.looks_like, suspect.against) == (200, ("umol/L",), "plausible range")
    assert suspect.median == pytest.approx(85, rel=0.1)


def test_the_site_that_mislabels_is_named_and_the_others_are_not() -> None:
    """The site is the provider of the encounter."""
    batch = EventBatch()
    sent(batch, CREATININE, "mg/dL", around(1.0), site="north")
    sent(batch, CREATININE, "umol/L", around(90, seed=1), site="east")
    sent(batch, CREATININE, "mg/dL", around(92, seed=2), site="south")
    (suspect,) = suspects(batch)
    assert suspect.column == Column(CREATININE, "mg/dL", "Organization/south")


@pytest.mark.parametrize(
    ("code", "labelled", "median", "factor", "really"),
    [(CREATININE, "mg/dL", 1.0, 88.4, "umol/L"), (HAEMOGLOBIN, "g/dL", 12.5, 10, "g/L")],
)
def test_some_months_of_a_wrong_unit_are_found_in_a_column_that_fits(
    code: str, labelled: str, median: float, factor: float, really: str
) -> None:
    """One value in fourteen is beyond what can be, and would in the other unit lie where the rest lies."""
    batch = EventBatch()
    sent(batch, code, labelled, around(median, count=1300, spread=0.1))
    sent(batch, code, labelled, around(median * factor, count=100, seed=1, spread=0.1))
    (suspect,) = suspects(batch)
    assert suspect.looks_like == (really,)
    assert suspect.against == "plausible range"
    assert 0.05 < suspect.share < 0.08
    assert suspect.median == pytest.approx(median * factor, rel=0.15)


def test_scattered_nonsense_in_a_column_is_no_wrong_unit() -> None:
    """Values that cannot be in any unit that the test is sent in are missing and reported elsewhere, not suspected here."""
    batch = EventBatch()
    sent(batch, HAEMOGLOBIN, "g/dL", around(12.5, count=1000, spread=0.1))
    sent(batch, HAEMOGLOBIN, "g/dL", around(9_000, count=100, seed=1))
    assert suspects(batch) == []


def test_a_possible_value_is_suspected_by_what_other_columns_say() -> None:
    """A test without a known range: ten times the others' median, and a unit of a tenth is in use."""
    batch = EventBatch()
    for number, (unit, median) in enumerate([("ng/mL", 40), ("ng/mL", 35), ("ng/dL", 4200), ("ng/mL", 4000)]):
        sent(batch, UNKNOWN, unit, around(median, seed=number), site=f"s{number}")
    (suspect,) = suspects(batch)
    assert suspect.column == Column(UNKNOWN, "ng/mL", "Organization/s3")
    assert (suspect.looks_like, suspect.against) == (("ng/dL",), "other units and sites")


def test_fahrenheit_labelled_celsius_is_said() -> None:
    """A shift and a factor: the median is read again, whatever the conversion."""
    batch = EventBatch()
    sent(batch, TEMPERATURE, "Cel", around(98.6, spread=0.005))
    (suspect,) = suspects(batch)
    assert suspect.looks_like == ("[degF]",)


@pytest.mark.parametrize(
    ("code", "unit", "median"),
    [
        (CREATININE, "mg/dL", 3.0),  # a ward of nephrology
        (CREATININE, "umol/L", 30),  # a ward of children
        (HAEMOGLOBIN, "g/dL", 8.1),  # anaemia; in mmol/L it would be normal
        (UREA, "mg/dL", 7),  # low; in mmol/L it would be usual
        (UNKNOWN, "ng/mL", 4000),  # nothing to compare with
        (CREATININE, "furlong", 85),  # not a unit: that is reported elsewhere
    ],
)
def test_an_unusual_ward_is_no_mislabelled_one(code: str, unit: str, median: float) -> None:
    """What can be, and differs from others by less than a factor of 2.5, is left alone."""
    batch = EventBatch()
    sent(batch, code, unit, around(median))
    usual = {CREATININE: 1.5 if median < 20 else 0.6, HAEMOGLOBIN: 13, UREA: 15}.get(code)
    if usual is not None:
        for number in range(3):
            sent(
                batch,
                code,
                "mg/dL" if code != HAEMOGLOBIN else "g/dL",
                around(usual, seed=number + 1),
                site=f"s{number}",
            )
    assert suspects(batch) == []


def test_few_values_are_not_judged() -> None:
    """One short of enough."""
    batch = EventBatch()
    sent(batch, CREATININE, "mg/dL", around(85, count=FEWEST - 1))
    assert suspects(batch) == []


def drawn(random: Generator, median: float) -> Counter[int]:
    """The logarithms of 40 values around a median, counted in bins as they are kept."""
    return Counter(np.floor((np.log10(median) + random.normal(0, 0.2, 40)) / 0.004).astype(int).tolist())


def honest_test(random: Generator, code: str, other_unit: str, factor: float) -> Spread:
    """Five sites' columns of one test, in two units."""
    spread = Spread()
    for site in range(5):
        unit, scale = (("mg/dL", 1.0), (other_unit, factor))[site % 2]
        spread.counts[Column(code, unit, f"s{site}")] = drawn(random, 15 * 10 ** random.normal(0, 0.1) * scale)
    return spread


@pytest.mark.parametrize(("code", "unit", "factor"), [(UREA, "mmol/L", 1 / 2.801), (UNKNOWN, "mg/L", 10.0)])
def test_honest_columns_are_hardly_ever_suspected(code: str, unit: str, factor: float) -> None:
    """Twice 10,000 columns whose medians differ by 0.1 decades, in units 2.8 and 10 times apart."""
    random = default_rng(7)
    alarms = sum(len(find_suspects(honest_test(random, code, unit, factor))) for _ in range(2_000))
    assert alarms <= 1


def test_mislabelled_columns_among_honest_ones_are_found() -> None:
    """Of 200 tests with one of five sites wrong by a factor of ten, nearly all; and nobody else is blamed."""
    random = default_rng(8)
    spread = Spread()
    for test in range(200):
        for site in range(5):
            unit, scale = (("mg/dL", 1.0), ("mg/L", 10.0))[site % 2]
            wrong = 10.0 if site == 4 else 1.0
            spread.counts[Column(f"urn:x|{test}", unit, f"s{site}")] = drawn(
                random, 15 * 10 ** random.normal(0, 0.1) * scale * wrong
            )
    found = find_suspects(spread)
    assert {suspect.column.site for suspect in found} == {"s4"}
    assert len(found) >= 180


def test_spreads_of_parts_add_up() -> None:
    """Bucket by bucket, or all at once."""
    parts, whole = (EventBatch(), EventBatch()), EventBatch()
    for number, batch in enumerate(parts):
        for into in (batch, whole):
            sent(into, CREATININE, "mg/dL", [*around(85, seed=number), -1.0, 0.0, float("nan")])
    added = Spread()
    for batch in parts:
        added.add(spread_of(batch.columns()))
    assert added == spread_of(whole.columns())
    assert added.counts[Column(CREATININE, "mg/dL", "")].total() == 400


def test_a_text_in_place_of_a_code_is_no_test() -> None:
    """A narrative is not carried into a report."""
    batch = EventBatch()
    sent(batch, "|crea of Mrs Example", "mg/dL", around(85))
    sent(batch, "", "mg/dL", around(85))
    assert spread_of(batch.columns()) == Spread()
    assert spread_of(EventBatch().columns()) == Spread()


def test_plausible_ranges_are_in_units_that_can_be_read_and_that_their_tests_convert_to() -> None:
    """The table agrees with that of the analytes."""
    for code, plausible in PLAUSIBLE.items():
        assert read_unit(plausible.unit) is not None
        assert plausible.low < plausible.high
        sent_in = [*plausible.also, *([ANALYTES[code].amount] if code in ANALYTES else [])]
        for unit in sent_in:
            assert conversion(token_or_codes=f"{LOINC}|{code}", from_unit=unit, to_unit=plausible.unit) is not None


@pytest.fixture(scope="module")
def support2(shared: Path) -> EventColumns:
    """The laboratory values of SUPPORT2."""
    path = shared / "data" / "support2" / "support2-fhir.tar.xz"
    if not path.is_file():
        pytest.skip("SUPPORT2 is not beside the checkout")
    batch = EventBatch()
    with tarfile.open(path) as packed:
        for member in packed:
            if "Observation" in member.name and (file := packed.extractfile(member)) is not None:
                for line in file:
                    if b'"http://loinc.org"' in line:
                        flatten_json(line, batch)
    return batch.columns()


def as_sites(events: EventColumns, sites: int, *, by: Callable[[EventColumns, int], NDArray[np.int64]]) -> Spread:
    """The same events, spread over so many sites."""
    site = by(events, sites)
    whole = Spread()
    for number in range(sites):
        part = events_of(events, np.flatnonzero(site == number))
        for column, counts in spread_of(part).counts.items():
            whole.counts[column._replace(site=f"s{number}")] = counts
    return whole


def events_of(events: EventColumns, rows: NDArray[np.int64]) -> EventColumns:
    """Some rows."""
    taken = {}
    for name in COLUMNS:
        column = getattr(events, name)
        taken[name] = replace(column, index=column.index[rows]) if isinstance(column, Coded) else column[rows]
    return EventColumns(**taken)


def by_patient(events: EventColumns, sites: int) -> NDArray[np.int64]:
    """Patients at random."""
    return (events.patient.index % sites).astype(np.int64)


def by_creatinine(events: EventColumns, sites: int) -> NDArray[np.int64]:
    """The sickest kidneys at one site, the healthiest at another: far apart, and honest."""
    worst = np.zeros(len(events.patient.words))
    of_creatinine = np.array([CREATININE in word for word in events.codes.words])[events.codes.index]
    np.maximum.at(worst, events.patient.index[of_creatinine], events.value[of_creatinine])
    rank = worst.argsort().argsort() * sites // len(worst)
    return np.asarray(rank[events.patient.index], dtype=np.int64)


@pytest.mark.parametrize("by", [by_patient, by_creatinine])
def test_real_laboratories_are_not_suspected(
    support2: EventColumns, by: Callable[[EventColumns, int], NDArray[np.int64]]
) -> None:
    """9,105 patients of SUPPORT2 at five sites, even where the wards differ as much as wards can."""
    spread = as_sites(support2, 5, by=by)
    assert len(spread.counts) > 50
    assert find_suspects(spread) == []


@pytest.mark.parametrize(
    ("code", "factor", "looks_like"),
    [(CREATININE, 88.4, "umol/L"), (f"{LOINC}|2345-7", 1 / 18.016, "mmol/L"), (f"{LOINC}|1975-2", 17.1, "umol/L")],
)
def test_a_real_laboratory_that_forgets_to_relabel_is_found(
    support2: EventColumns, code: str, factor: float, looks_like: str
) -> None:
    """One of five sites changes its unit and not the label."""
    wrong = (by_patient(support2, 5) == 2) & np.array([code in word for word in support2.codes.words])[
        support2.codes.index
    ]
    changed = replace(support2, value=np.where(wrong, support2.value * factor, support2.value))
    (suspect,) = find_suspects(as_sites(changed, 5, by=by_patient))
    assert (suspect.column.code, suspect.column.site, suspect.looks_like[0]) == (code, "s2", looks_like)
