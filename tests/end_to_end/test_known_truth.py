"""Where the truth is known the evidence must find it: risks as they are, bias where it was planted, and too few rows (Show 3).

In full on 50,000 patients of the demo hospital (nightly), in small on a made-up ward whose risks are a formula. Planted
leaks are in `test_leaks.py`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.demo.faults.planted import MISLABELLED, OVERREAD_BY, UNDERTESTED, UNDERTESTED_SITE
from services.demo.hospital import Hospital, write_hospital
from services.guidance.check import load_guidance
from services.guidance.models.model_file import load_model
from services.guidance.policies import POLICIES
from services.guidance.release import MODEL_FILE
from services.learner.intake.ingest import ingest
from services.learner.retrain import Trained, train
from services.plumbing.event_store import EventStore
from services.registry.decisions.gates import check_gate
from tests.end_to_end.true_risks import ENDS, Compared, compared, learned, lived
from tests.learner.made_up_ward import GUIDANCE, ward, write_guidance, write_ndjson

RACE = """  race:
    kind: last
    from: Patient.race
    levels:
      "urn:oid:2.16.840.1.113883.6.238|2054-5": 3
      "urn:oid:2.16.840.1.113883.6.238|2106-3": 5
    words:
      "urn:oid:2.16.840.1.113883.6.238|2054-5": Black or African American
      "urn:oid:2.16.840.1.113883.6.238|2106-3": White
    use: audit
    label: race
"""
TEXT = GUIDANCE.replace("[logistic, scorecard_additive, scorecard, forest]", "[logistic]").replace(
    "\noutcome:\n", f"\n{RACE}outcome:\n"
)
WORSE = 0.5
"""Of those who would have lived, this share dies where bias is planted; nothing that the model reads tells it."""


def learn(folder: Path, resources: list[dict[str, Any]]) -> Trained:
    """The whole way, from FHIR to evidence."""
    ingest(write_ndjson(folder / "ward.ndjson", resources), folder / "store", buckets=2)
    guidance = write_guidance(folder / "made-up-death", TEXT)
    return train(guidance, EventStore.open(folder / "store"), folds=3, seed=0)


def biased(patients: int) -> list[dict[str, Any]]:
    """A ward of three sites and two groups; at site c, and in one group, more die than what is recorded tells."""
    rng = np.random.default_rng(3)
    resources = ward(patients)
    for resource in resources:
        kind = resource["resourceType"]
        if kind not in ("Patient", "Encounter"):
            continue
        number = int(resource["id"][1:])
        site, black = "abc"[number % 3], number // 3 % 4 == 0
        if kind == "Patient":
            code = "2054-5" if black else "2106-3"
            coding = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": code}
            resource["extension"] = [
                {
                    "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
                    "extension": [{"url": "ombCategory", "valueCoding": coding}],
                }
            ]
        else:
            resource["serviceProvider"] = {"reference": f"Organization/{site}"}
            coding = resource["hospitalization"]["dischargeDisposition"]["coding"][0]
            if (site == "c" or black) and rng.random() < WORSE:
                coding["code"] = "exp"
    return resources


def test_estimated_risks_are_the_true_ones_on_a_ward_whose_risks_are_a_formula(tmp_path: Path) -> None:
    """Slope 1 within 0.15 and a mean distance of at most 0.02, on patients that the model was not fitted on."""
    trained = learn(tmp_path, ward(3000))
    model = load_model(trained.bundle.files[MODEL_FILE])
    rng = np.random.default_rng(9)
    age, male, creatinine = rng.integers(20, 95, 3000) + 0.5, rng.integers(0, 2, 3000), rng.lognormal(0.2, 0.5, 3000)
    columns = {"age": age, "male": male, "creatinine": creatinine, "creatinines": np.ones(3000)}
    estimated = model.risk(np.column_stack([columns[name].astype(np.float64) for name in model.inputs]))
    odds = np.exp(-5.2 + 0.04 * np.floor(age) + 0.9 * creatinine)
    beside = Compared(estimated=estimated, true=odds / (1 + odds))
    assert beside.slope[0] == pytest.approx(1.0, abs=0.15)
    assert beside.ici <= 0.02


def test_bias_planted_in_one_site_and_one_group_is_found_there(tmp_path: Path) -> None:
    """Of the groups only that one does not meet its limits; left out, only that site sees far more events than expected."""
    trained = learn(tmp_path, biased(3000))
    groups = json.loads(trained.pack.files["evidence.json"])["predictions"]["risk"]["looks"]["groups"]["groups"]
    worse = {
        group["value"]
        for group in groups
        if group["attribute"] == "race" and group["observed_expected"]["verdict"] == "does not meet"
    }
    assert worse == {"Black or African American"}
    sites = {one.name: one.observed_expected for one in trained.evaluation.validations if one.scheme == "site"}
    assert {name for name, ratio in sites.items() if ratio is not None and ratio.ci[0] > 1.25} == {"c"}
    assert set(sites) == {"a", "b", "c"}


def test_units_that_the_demo_hospital_mislabels_at_two_sites_are_found_there(tmp_path: Path) -> None:
    """The quality of what was ingested names the test, the site and the unit of both planted faults, and doubts nothing else."""
    hospital = Hospital.ending(ENDS, seed=7, patients=600, faults=True)
    written = write_hospital(hospital, tmp_path / "hospital", workers=1)
    report = ingest(written.fhir, tmp_path / "store", terminology=written.terminology, workers=1)
    assert report.quality is not None
    found = {(one.code, one.unit, one.site): one.looks_like for one in report.quality.mislabelled}
    assert found == {
        ("http://loinc.org|2160-0", "mg/dL", "Organization/site-1"): ["umol/L"],
        ("http://loinc.org|718-7", "g/dL", "Organization/site-2"): ["g/L"],
    }
    assert {(fault.site, fault.test) for fault in MISLABELLED} == {(1, "creatinine"), (2, "hb")}


def test_too_small_a_cohort_is_refused_for_want_of_sample_size(tmp_path: Path) -> None:
    """A few hundred stays train and are judged; the gate before silence says how many rows Riley's criteria ask for."""
    trained = learn(tmp_path, ward(200))
    size = trained.evaluation.sample_size
    assert size is not None
    assert size.needed > size.rows == trained.evaluation.rows
    checks = check_gate(
        "silent",
        guidance=load_guidance(tmp_path / "made-up-death").definition,
        release=trained.bundle.digest,
        packs={"training": trained.pack},
        policy=POLICIES["standard"],
    )
    (refused,) = [one for one in checks if one.name == "sample-size"]
    assert refused.verdict == "does not meet"
    assert f"Riley: {size.needed:,}" in refused.asked


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_whom_the_demo_hospital_tests_less_is_found_and_nobody_else(tmp_path: Path) -> None:
    """6,000 patients with the planted faults: of every group and every group at each site one line does not meet, albumin of Spanish speakers at St Vera."""
    store = lived(tmp_path / "a", patients=6_000, seed=7, faults=True)
    trained = learned(tmp_path, store, candidates="logistic", workers=2)
    (prediction,) = json.loads(trained.pack.files["evidence.json"])["predictions"].values()
    found = [
        (group["attribute"], group["value"], one["name"])
        for group in prediction["looks"]["measured_less"]["groups"]
        for one in group["inputs"]
        if one["verdict"] == "does not meet"
    ]
    assert found == [("site and language", f"site-{UNDERTESTED_SITE}, Spanish", f"{UNDERTESTED}_last")]


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_in_whom_the_demo_hospitals_oximeters_read_too_high_is_found_and_nobody_else(tmp_path: Path) -> None:
    """2,000 patients with the planted faults: one group does not meet, and its part at each site is seen through it."""
    store = lived(tmp_path / "a", patients=2_000, seed=7, faults=True)
    trained = learned(tmp_path, store, candidates="logistic", workers=2, name="in-hospital-mortality")
    evidence = json.loads(trained.pack.files["evidence.json"])
    for prediction in evidence["predictions"].values():
        (read,) = prediction["looks"]["read_otherwise"]["inputs"]
        beyond = {
            f"{one['attribute']}: {one['value']}": one for one in read["groups"] if one["verdict"] == "does not meet"
        }
        own = [name for name, one in beyond.items() if one["through"] is None]
        assert own == ["race: Black or African American"]
        assert all(name.endswith(", Black or African American") for name in beyond if name not in own)
        # A ninth of the readings are their own, and none is above 100.
        low, high = beyond[own[0]]["apart"]["ci"]
        assert 1.2 < low < high < OVERREAD_BY


HOSPITALS = (7, 17, 27)
"""Seeds of the hospitals learned from. One would not do: what chance did to its labels is learned along with them, and at
50,000 patients moves the slope by 0.015 (a standard deviation). Seed 7, whose draws lean most of all that were looked at
(0.964 on their own risks, 2.5 standard errors; 700,000 fresh patients: 1.000), stays among them."""


@pytest.mark.nightly
@pytest.mark.timeout(4 * 3600)
def test_estimated_risks_are_the_true_ones_of_the_demo_hospital(tmp_path: Path) -> None:
    """Learned from 50,000 patients, on 10,000 others: slope 1 within 0.05 (mean of three), mean distance at most 0.01."""
    others = lived(tmp_path / "b", patients=10_000, seed=8)
    slopes = []
    for seed in HOSPITALS:
        folder = tmp_path / f"a{seed}"
        trained = learned(
            folder, lived(folder, patients=50_000, seed=seed), candidates="logistic, scorecard", workers=2
        )
        beside = compared(trained, tmp_path / "b", others, folder / "readmission-30d", workers=2)
        slope, error = beside.slope
        print(f"seed {seed}: slope {slope:.4f} ({error:.4f}), ICI {beside.ici:.4f}")  # noqa: T201 - the figures of the night
        shutil.rmtree(folder)
        assert beside.ici <= 0.01, f"seed {seed}"
        slopes.append(slope)
    assert np.mean(slopes) == pytest.approx(1.0, abs=0.05), slopes
