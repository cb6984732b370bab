"""services/learner/evidence/read_otherwise.py: a device that reads too high in some people is found in them and nowhere else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.guidance.check import check_guidance, load_guidance
from services.guidance.definition import Guidance
from services.guidance.features import UNKNOWN, VALUE
from services.guidance.guards.known_time import KnownTimeProof
from services.learner.cohort import Flow
from services.learner.evidence.audit_groups import attributes_of
from services.learner.evidence.intervals import mean_beside
from services.learner.evidence.read_otherwise import ReadOtherwise, read_otherwise
from services.learner.feature_matrix import CohortRows
from services.learner.setting import Setting, Told
from services.learner.sites import Sites
from services.timeline.instants import HOUR
from tests.learner.made_up_ward import GUIDANCE, write_guidance

SITES = ("east", "north", "west")
TONGUES = ("English", "Spanish", "Vietnamese")
READ = GUIDANCE.replace(
    "outcome:\n",
    """  oxygen: {kind: last, from: Observation.code, codes: {tokens: ["http://loinc.org|59408-5"]}, unit: "%", use: rule, label: oxygen saturation}
  breaths: {kind: last, from: Observation.code, codes: {tokens: ["http://loinc.org|9279-1"]}, unit: /min, use: rule, label: breathing}
outcome:
""",
    1,
).replace("evidence:\n", "evidence:\n  read_beside: {oxygen: {beside: [breaths], apart: 1}}\n", 1)


@pytest.fixture(scope="module")
def guidance(tmp_path_factory: pytest.TempPathFactory) -> Guidance:
    """The made-up guidance, with an oximeter and what moves with oxygen."""
    return load_guidance(write_guidance(tmp_path_factory.mktemp("guidance") / "made-up-death", READ)).definition


class Ward:
    """Two rows a patient. Who is ill breathes faster and has less oxygen; the old are ill more often; a third is not read."""

    def __init__(self, guidance: Guidance, *, patients: int = 2000, seed: int = 0) -> None:
        self.guidance = guidance
        rng = np.random.default_rng(seed)
        own = np.repeat(np.arange(patients), 2)
        count = len(own)
        self.patients = own
        self.site = rng.integers(0, 3, patients)[own]
        self.tongue = rng.choice(3, patients, p=[0.7, 0.2, 0.1])[own]
        self.age = np.round(rng.uniform(20, 95, patients))[own]
        ill = rng.exponential(0.3 + (self.age - 20) / 150) + 0.2 * (self.tongue == 2)
        self.breaths = np.round(15 + 4 * ill + rng.normal(0, 1, count))
        self.oxygen = 98 - 2.5 * ill + rng.normal(0, 1, patients)[own] + rng.normal(0, 0.7, count)
        self.unread = rng.random(count) < 1 / 3

    def overread(self, where: NDArray[np.bool_], by: float) -> None:
        """The device shows so much more there, and never more than 100."""
        self.oxygen = np.where(where, self.oxygen + by, self.oxygen)

    def looked(self) -> ReadOtherwise:
        """By age, sex, language and site."""
        names, count = tuple(self.guidance.features), len(self.patients)
        columns = {"age": self.age, "oxygen": np.round(np.minimum(self.oxygen, 100)), "breaths": self.breaths}
        values = np.column_stack([np.asarray(columns.get(name, np.ones(count)), dtype=float) for name in names])
        states = np.full(values.shape, VALUE, dtype=np.uint8)
        states[self.unread, names.index("oxygen")] = UNKNOWN
        values[states == UNKNOWN] = np.nan
        rows = CohortRows(
            names=names,
            values=values,
            states=states,
            y=np.zeros(count, dtype=np.int8),
            outcomes={},
            looked_for=np.zeros(count, dtype=np.bool_),
            happened=np.zeros(count, dtype=np.int64),
            until=np.zeros(count, dtype=np.int64),
            by_prediction={},
            patients=self.patients,
            at=np.arange(count, dtype=np.int64) * HOUR,
            setting=Setting(told={"language": Told(words=TONGUES, of=self.tongue.astype(np.int32))}),
            sites=Sites(names=SITES, of=self.site.astype(np.int32)),
            flow=Flow(),
            problems=Counter(),
            proof=KnownTimeProof(),
        )
        looked = read_otherwise(self.guidance, rows, attributes_of(self.guidance, rows).groups)
        assert looked is not None
        return looked


def found(looked: ReadOtherwise) -> set[str]:
    """The groups that stand by themselves."""
    return {line.name for one in looked.inputs for line in one.found}


def test_nothing_is_found_where_nothing_is_planted(guidance: Guidance) -> None:
    """In 100 made-up wards, in which groups differ in age and illness, no device is said to read otherwise in anybody."""
    assert [found(Ward(guidance, patients=800, seed=seed).looked()) for seed in range(100)] == [set()] * 100


def test_a_device_that_reads_too_high_in_one_group_is_found_there_and_nowhere_else(guidance: Guidance) -> None:
    """As much as was planted; at each site the group is seen through the group as a whole."""
    ward = Ward(guidance)
    ward.overread(ward.tongue == 1, 2.5)
    looked = ward.looked()
    assert found(looked) == {"language: Spanish"}
    (read,) = looked.inputs
    (line,) = read.found
    low, high = line.apart.ci
    # Its own rows are a fifth of those that it is held against, and nothing reads above 100.
    assert 1 < low < 0.8 * 2.2 < high
    assert line.mean.value == pytest.approx(line.explained + line.apart.value)
    through = {one.name: one.through for one in read.groups if one.verdict == "does not meet"}
    assert set(through) >= {f"site and language: {site}, Spanish" for site in SITES}
    assert all(other == "language: Spanish" for name, other in through.items() if name != "language: Spanish")


def test_one_device_of_one_site_is_found_as_the_site(guidance: Guidance) -> None:
    """It reads too low in everybody there; no group of people is accused for it."""
    ward = Ward(guidance)
    ward.overread(ward.site == 2, -3.0)
    looked = ward.looked()
    assert found(looked) == {"site: west"}
    (line,) = looked.inputs[0].found
    assert line.apart.ci[1] < -1


def test_one_group_at_one_site_is_found_there(guidance: Guidance) -> None:
    """Neither the site as a whole nor the group as a whole is accused."""
    ward = Ward(guidance, patients=4000)
    ward.overread((ward.site == 0) & (ward.tongue == 1), 4.0)
    assert found(ward.looked()) == {"site and language: east, Spanish"}


def test_only_rows_with_a_reading_count_and_of_few_people_no_number_is_told(guidance: Guidance) -> None:
    """What was not read is compared with nothing; a group of nine patients has no line, and is named."""
    ward = Ward(guidance)
    ward.tongue = np.where(ward.patients < 9, 2, np.where(ward.tongue == 2, 0, ward.tongue))
    ward.unread[ward.patients < 9] = False
    read = ward.looked().inputs[0]
    assert read.rows == int((~ward.unread).sum())
    assert "language: Vietnamese" in read.too_few
    assert "language: Vietnamese" not in {one.name for one in read.groups}
    assert sum(one.rows for one in read.groups if one.attribute == "site") == read.rows


def test_guidance_that_names_no_reading_is_not_looked_at(tmp_path: Path) -> None:
    """There is nothing to say, and nothing is said."""
    plain = load_guidance(write_guidance(tmp_path / "made-up-death", GUIDANCE)).definition
    assert plain.evidence.read_beside == {}


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("nobody: {beside: [breaths], apart: 1}", "there is no feature `nobody`"),
        ("oxygen: {beside: [nobody], apart: 1}", "there is no feature `nobody`"),
        ("oxygen: {beside: [oxygen], apart: 1}", "cannot be held against itself"),
        ("male: {beside: [oxygen], apart: 1}", "`male` is no reading"),
        ("oxygen: {beside: [], apart: 1}", "beside"),
        ("oxygen: {beside: [breaths], apart: 0}", "apart"),
    ],
)
def test_what_cannot_be_compared_is_a_fault_of_the_guidance(tmp_path: Path, declared: str, said: str) -> None:
    """Said before any data are seen, with its place."""
    text = READ.replace("oxygen: {beside: [breaths], apart: 1}", declared)
    faults = check_guidance(write_guidance(tmp_path / "made-up-death", text))
    assert [said in str(fault) for fault in faults] == [True]


def test_the_interval_of_a_mean_honours_repeated_rows() -> None:
    """Rows that say the same of one patient make it no narrower, and of 1,000 intervals 95 in 100 hold what is true."""
    rng = np.random.default_rng(1)
    values, nothing = rng.normal(0, 1, 50), np.zeros(50)
    once = mean_beside(values, nothing, np.arange(50))[1]
    twice = mean_beside(np.repeat(values, 4), np.zeros(200), np.repeat(np.arange(50), 4))[1]
    assert twice.ci == pytest.approx(once.ci)
    held = 0
    for _ in range(1000):
        own = np.repeat(rng.normal(0, 1, 30), 3) + rng.normal(0, 0.5, 90)
        low, high = mean_beside(own, np.zeros(90), np.repeat(np.arange(30), 3))[1].ci
        held += low <= 0 <= high
    assert held == pytest.approx(950, abs=25)
