"""services/learner/evidence/measured_less.py: what is planted is found there and nowhere else; need is no fault."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.guidance.check import load_guidance
from services.guidance.definition import Guidance
from services.guidance.features import UNKNOWN, VALUE
from services.guidance.guards.known_time import KnownTimeProof
from services.learner.cohort import Flow
from services.learner.evidence.audit_groups import attributes_of
from services.learner.evidence.measured_less import MeasuredLess, measured_less
from services.learner.evidence.recorded_needs import Needs, need_features
from services.learner.feature_matrix import CohortRows
from services.learner.setting import Setting, Told
from services.learner.sites import Sites
from services.timeline.instants import HOUR
from tests.learner.made_up_ward import GUIDANCE, write_guidance

SITES = ("east", "north", "west")
TONGUES = ("English", "Spanish", "Vietnamese")
INPUTS = ("creatinine", "sodium", "age")
WITH_NEED = GUIDANCE.replace(
    "outcome:\n",
    """  heart: {kind: exists, from: Condition.code, codes: {tokens: ["http://hl7.org/fhir/sid/icd-10-cm|I50.9"]}, label: heart failure}
  sodium: {kind: last, from: Observation.code, codes: {tokens: ["http://loinc.org|2951-2"]}, unit: mmol/L, label: sodium}
outcome:
""",
    1,
)


@pytest.fixture(scope="module")
def guidance(tmp_path_factory: pytest.TempPathFactory) -> Guidance:
    """The made-up guidance, with an illness and a second measurement."""
    return load_guidance(write_guidance(tmp_path_factory.mktemp("guidance") / "made-up-death", WITH_NEED)).definition


class Ward:
    """Two rows a patient; heart failure, which old people have more often, is a need of creatinine; sodium is missing by chance."""

    def __init__(self, guidance: Guidance, *, patients: int = 2000, seed: int = 0) -> None:
        self.guidance = guidance
        self.rng = np.random.default_rng(seed)
        own = np.repeat(np.arange(patients), 2)
        self.patients = own
        self.site = self.rng.integers(0, 3, patients)[own]
        self.tongue = self.rng.choice(3, patients, p=[0.7, 0.2, 0.1])[own]
        self.age = np.round(self.rng.uniform(20, 95, patients))[own]
        self.male = self.rng.integers(0, 2, patients)[own]
        self.heart = (self.rng.random(patients)[own] < (self.age - 15) / 100).astype(float)
        usual = self.rng.random(patients)[own]  # some are measured in every row, others in none
        self.missing = {
            "creatinine": usual < np.where(self.heart == 1, 0.1, 0.6),
            "sodium": self.rng.random(2 * patients) < 0.2,
        }

    def leave_out(self, name: str, where: NDArray[np.bool_], share: float) -> None:
        """Of what there would be of an input in some rows, this share."""
        self.missing[name] = self.missing[name] | (where & (self.rng.random(len(where)) < share))

    def looked(self) -> MeasuredLess:
        """By age, sex, language and site."""
        names, count = tuple(self.guidance.features), len(self.patients)
        columns = {"age": self.age, "male": self.male, "heart": self.heart}
        values = np.column_stack([np.asarray(columns.get(name, np.ones(count)), dtype=float) for name in names])
        states = np.full(values.shape, VALUE, dtype=np.uint8)
        for name, missing in self.missing.items():
            states[missing, names.index(name)] = UNKNOWN
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
        return measured_less(self.guidance, rows, attributes_of(self.guidance, rows).groups, INPUTS)


def found(looked: MeasuredLess) -> set[tuple[str, str]]:
    """Group and input of what stands by itself."""
    return {(group.name, one.name) for group, one in looked.found}


def test_nothing_is_found_where_nothing_is_planted(guidance: Guidance) -> None:
    """In 100 made-up wards no group is shown to be measured less: the intervals hold together, and hold the limit."""
    assert [found(Ward(guidance, patients=800, seed=seed).looked()) for seed in range(100)] == [set()] * 100


def test_what_one_group_at_one_site_is_not_given_is_found_there_and_nowhere_else(guidance: Guidance) -> None:
    """As large as it was planted; the group as a whole and the site as a whole are not accused for it."""
    ward = Ward(guidance)
    ward.leave_out("sodium", (ward.site == 1) & (ward.tongue == 1), 0.6)
    looked = ward.looked()
    assert found(looked) == {("site and language: north, Spanish", "sodium")}
    ((_, line),) = looked.found
    low, high = line.beyond.ci
    assert low < 0.8 * 0.6 * 0.85 < high  # its own rows are a fifth of what is usual at the site
    assert line.missing.value == pytest.approx(line.by_needs + line.beyond.value)
    assert line.missing.value == pytest.approx(0.68, abs=0.07)


def test_what_a_group_is_not_given_anywhere_is_told_once(guidance: Guidance) -> None:
    """The group stands by itself; the same group at each site is seen through it."""
    ward = Ward(guidance, patients=4000)
    ward.leave_out("sodium", ward.tongue == 1, 0.6)
    looked = ward.looked()
    assert found(looked) == {("language: Spanish", "sodium")}
    through = {group.name: one.through for group, one in looked.lines if one.through}
    assert through == {f"site and language: {site}, Spanish": "language: Spanish" for site in SITES}


def test_what_a_whole_site_does_not_measure_is_told_of_the_site(guidance: Guidance) -> None:
    """Not of every group at it: within a site its own usage is what is usual."""
    ward = Ward(guidance)
    ward.leave_out("sodium", ward.site == 2, 0.5)
    assert found(ward.looked()) == {("site: west", "sodium")}


def test_a_need_explains_what_is_measured_less(guidance: Guidance) -> None:
    """Creatinine is missing far more often in the young, who have no heart failure; that is no fault, and is not called one."""
    looked = Ward(guidance, patients=4000).looked()
    lines = {(group.name, one.name): one for group, one in looked.lines}
    young, old = lines["age: 18 to 44", "creatinine"], lines["age: 80 and over", "creatinine"]
    assert young.missing.ci[0] > old.missing.ci[1] + looked.limit
    assert abs(young.beyond.value) < 0.05
    assert abs(old.beyond.value) < 0.05
    assert not found(looked)


def test_every_group_is_there_and_few_patients_have_no_number(guidance: Guidance) -> None:
    """Groups of fewer than ten patients are listed without a number; an input that is never missing is not compared."""
    ward = Ward(guidance, patients=60)
    ward.tongue = np.where(ward.patients < 7, 2, 0)
    looked = ward.looked()
    groups = {group.name: group for group in looked.groups}
    assert groups["language: Vietnamese"].inputs == ()
    assert groups["language: Vietnamese"].patients == 7
    assert {one.name for one in groups["language: English"].inputs} == {"creatinine", "sodium"}
    assert looked.comparisons == sum(len(group.inputs) for group in looked.groups)
    assert looked.level == pytest.approx(1 - 0.05 / looked.comparisons)


def test_rows_of_one_patient_count_as_one(guidance: Guidance) -> None:
    """What is missing in every row of a patient leaves a wider interval than what is missing by chance."""
    looked = Ward(guidance).looked()
    english = next(group for group in looked.groups if group.name == "language: English")
    creatinine, sodium = english.inputs
    assert (creatinine.name, sodium.name) == ("creatinine", "sodium")
    assert creatinine.beyond.ci[1] - creatinine.beyond.ci[0] > 1.3 * (sodium.beyond.ci[1] - sodium.beyond.ci[0])


def test_only_what_is_recorded_of_needs_explains(guidance: Guidance, tmp_path: Path) -> None:
    """Age, sex and illness; no measurement, and nothing that is read for audit only or says who pays."""
    assert need_features(guidance) == ("age", "male", "heart")
    audited = WITH_NEED.replace(
        "outcome:\n",
        """  tongue: {kind: last, from: Patient.language, levels: {"urn:ietf:bcp:47|es": 1}, use: audit, label: language}
outcome:
""",
        1,
    )
    again = load_guidance(write_guidance(tmp_path / "made-up-death", audited)).definition
    assert "tongue" not in need_features(again)


def test_an_input_that_is_a_need_does_not_explain_itself(guidance: Guidance) -> None:
    """That it is missing would otherwise be what is expected."""
    ward = Ward(guidance)
    missing = (ward.tongue == 1)[:, None]
    columns = np.column_stack([np.ones(len(ward.patients), dtype=np.bool_), missing])
    needs = Needs(of=("", "heart"), columns=columns)
    told = needs.expected(missing, ("sodium",), without=())
    itself = needs.expected(missing, ("heart",), without=())
    assert told[:, 0] == pytest.approx(missing[:, 0].astype(float))
    assert itself[:, 0] == pytest.approx(missing.mean())
