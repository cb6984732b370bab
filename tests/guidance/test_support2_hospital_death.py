"""The study guidance reads from FHIR exactly what stands in the table of the cohort, and nothing that must not be read."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from services.guidance.check import load_guidance
from services.guidance.checking.features import named_codes
from services.guidance.conditions import parse
from services.guidance.features import VALUE, FeatureMatrix, compile_features, read_features
from services.guidance.words.card_text import CardFacts, compile_cards
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import HOUR
from services.timeline.timeline import Timeline, assemble, index_rows

PROJECT = Path(__file__).resolve().parents[2]
DIRECTORY = PROJECT / "infra/demo/support2-hospital-death"
PAGE = PROJECT / "docs/guidance/support2-hospital-death.md"
LOADED = load_guidance(DIRECTORY)
GUIDANCE = LOADED.definition
FEATURES = GUIDANCE.features
PATIENTS = 303  # every 30th of 9,105

# Feature → column of the table it comes from.
COLUMNS = {
    "comorbidities": "num.co", "education": "edu", "coma_score": "scoma", "hospital_day": "hday", "adl_patient": "adlp",
    "adl_surrogate": "adls", "diabetes": "diabetes", "dementia": "dementia", "mean_pressure": "meanbp", "heart_rate": "hrt",
    "resp_rate": "resp", "temperature": "temp", "wbc": "wblc", "pafi": "pafi", "albumin": "alb", "bilirubin": "bili",
    "creatinine": "crea", "sodium": "sod", "ph": "ph", "glucose": "glucose", "bun": "bun", "urine_24h": "urine",
}  # fmt: skip
GROUPS = {
    "dz_sepsis": "ARF/MOSF w/Sepsis", "dz_chf": "CHF", "dz_copd": "COPD", "dz_lung_cancer": "Lung Cancer",
    "dz_malignancy": "MOSF w/Malig", "dz_coma": "Coma", "dz_colon_cancer": "Colon Cancer", "dz_cirrhosis": "Cirrhosis",
}  # fmt: skip
INCOME = {"under $11k": 1.0, "$11-$25k": 2.0, "$25-$50k": 3.0, ">$50k": 4.0}

Table = list[dict[str, str]]


@pytest.fixture(scope="module")
def table(shared: Path) -> Table:
    """Every 30th patient of the original table: glucose, urea and urine were recorded for the second half only."""
    with gzip.open(shared / "data/support2/support2.csv.gz", "rt", encoding="utf-8") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        return [row for row in rows if int(row["sno"]) % 30 == 0]


@pytest.fixture(scope="module")
def timeline(shared: Path, table: Table) -> Timeline:
    """The same patients from FHIR, everything that is known of them."""
    wanted = {f"sup-p{row['sno']}" for row in table}
    batch = EventBatch()
    with tarfile.open(shared / "data/support2/support2-fhir.tar.xz") as archive:
        for member in archive:
            if not member.name.endswith(".ndjson") or (stream := archive.extractfile(member)) is None:
                continue
            for line in io.BufferedReader(stream):  # type: ignore[type-var]
                found = re.search(rb'"id":"(sup-[pe]\d+)', line)
                if found and found[1].decode().replace("sup-e", "sup-p") in wanted:
                    flatten_json(line, batch)
    return assemble(batch.columns())


@pytest.fixture(scope="module")
def matrix(timeline: Timeline, table: Table) -> FeatureMatrix:
    """Every feature 48 hours after the start of each stay."""
    patients = [f"sup-p{row['sno']}" for row in table]
    stays = [f"sup-e{row['sno']}" for row in table]
    far = np.full(len(patients), 2**62)
    start = index_rows(timeline, patients, far, stays).start
    plan = compile_features(GUIDANCE, LOADED.value_sets, {})
    return read_features(plan, timeline, index_rows(timeline, patients, start + 48 * HOUR, stays))


def column(matrix: FeatureMatrix, name: str) -> list[float | None]:
    """One feature of every patient; None where there is no value."""
    values, states = matrix.column(name)
    return [float(value) if state == VALUE else None for value, state in zip(values, states, strict=True)]


@pytest.mark.parametrize("name", COLUMNS)
def test_each_feature_is_the_column_of_the_table(name: str, matrix: FeatureMatrix, table: Table) -> None:
    """What is learned from FHIR can only equal what is learned from the table if each number does."""
    expected = [float(row[COLUMNS[name]]) if row[COLUMNS[name]] else None for row in table]
    assert column(matrix, name) == expected
    assert any(value is not None for value in expected)


def test_sex_age_income_cancer_and_groups_are_those_of_the_table(matrix: FeatureMatrix, table: Table) -> None:
    """Age in whole years; cancer as two questions; one admission group each."""
    assert column(matrix, "sex") == [float(row["sex"] == "female") for row in table]
    # The day of birth was rounded to a day when the table became FHIR.
    ages = zip(column(matrix, "age"), table, strict=True)
    assert all(age is not None and abs(age - int(float(row["age"]))) <= 1 for age, row in ages)
    assert column(matrix, "income") == [INCOME.get(row["income"]) for row in table]
    assert column(matrix, "cancer") == [float(row["ca"] == "yes") for row in table]
    assert column(matrix, "metastatic_cancer") == [float(row["ca"] == "metastatic") for row in table]
    for name, group in GROUPS.items():
        assert column(matrix, name) == [float(row["dzgroup"] == group) for row in table], name
    groups = np.array([column(matrix, name) for name in GROUPS])
    assert (groups.sum(axis=0) == 1).all()


def test_everybody_of_the_cohort_is_included(matrix: FeatureMatrix, table: Table) -> None:
    """Adult inpatients, all of them."""
    for text in GUIDANCE.population.include:
        assert (parse(text).evaluate(matrix.columns()) == 1).all(), text
    assert len(table) == PATIENTS


def test_race_is_read_for_audit_only(matrix: FeatureMatrix, table: Table) -> None:
    """It is there for those who look whether the model is fair, and for nobody else."""
    white = [float(row["race"] == "white") for row in table]
    assert [float(value == 5.0) for value in column(matrix, "race")] == white
    assert {name for name, feature in FEATURES.items() if feature.use == "audit"} == {"race", "ethnicity"}


def test_hardly_anything_is_out_of_range(matrix: FeatureMatrix) -> None:
    """Ranges hold what was recorded; what they refuse is counted."""
    assert sum(matrix.problems.values()) <= PATIENTS // 100, matrix.problems


def test_nothing_that_tells_the_future_is_read(shared: Path, timeline: Timeline) -> None:
    """No reference-only code, no charges, no order not to resuscitate is taken notice of."""
    forbidden = ("https://example.org/support2/reference|", "https://example.org/support2/cost|", "|304253006", "|dnr")
    for name, codes in named_codes(GUIDANCE):
        resolved = LOADED.value_sets.resolve(codes)
        assert not any(mark in token for token in resolved.tokens for mark in forbidden), name
    read = {field for feature in FEATURES.values() if feature.source for field in feature.source.split("|")}
    assert not read & {"ServiceRequest.code", "Encounter.dischargeDisposition", "Patient.deceased"}
    there = {word.partition("|")[0] for words in timeline.code_words for word in words.split("\n")}
    assert "https://example.org/support2/reference" in there  # it is in the data, and was not read


def test_features_are_those_that_are_allowed(shared: Path) -> None:
    """The list of the data's own page, and no more."""
    text = (shared / "data/README.md").read_text(encoding="utf-8")
    for column_name in ("num.co", "edu", "scoma", "hday", "adlp", "adls"):
        assert column_name in text
        feature = next(name for name, column in COLUMNS.items() if column == column_name)
        assert FEATURES[feature].codes is not None
        assert FEATURES[feature].codes.tokens == (f"https://example.org/support2|{column_name}",)
    model = {name for name, feature in FEATURES.items() if feature.use == "model"}
    assert model == {"age", "sex", "income", "cancer", "metastatic_cancer", *COLUMNS, *GROUPS}


def test_value_sets_are_those_of_the_pack_and_all_used(shared: Path) -> None:
    """Word for word, and none too many."""
    pack = json.loads((shared / "clinical/value_sets.json").read_bytes())["value_sets"]
    ours: Mapping[str, object] = json.loads((DIRECTORY / "value_sets.json").read_bytes())["value_sets"]
    assert all(ours[name] == pack[name] for name in ours)
    assert set(ours) == {
        name for _, codes in named_codes(GUIDANCE) for name in (codes.value_set, *codes.value_sets) if name
    }


def test_the_card_says_that_it_is_a_study() -> None:
    """In the summary, so that nobody can miss it; and no button."""
    card = GUIDANCE.cards["study_risk"]
    assert (card.indicator, card.suggestions) == ("info", ())
    facts = CardFacts(risk=0.61, base_rate=0.26, release="sha256:" + "0" * 64, values={}, gender="female")
    words = compile_cards(GUIDANCE)["study_risk"].render(facts)
    assert words.summary.endswith("A demonstration, not for care.")
    assert "Of **100** people like her, about **61** die in hospital and **39** leave alive" in words.detail
    assert "chosen for a six-month mortality of about one half" in words.detail


def test_the_page_names_every_feature_and_shows_the_card() -> None:
    """What the committee reads is what runs."""
    page = PAGE.read_text(encoding="utf-8")
    labels = dict(re.findall(r"^\| `([a-z0-9_]+)` \| ([^|]+?) \|", page, flags=re.M))
    assert labels == {name: feature.label for name, feature in FEATURES.items()}
    facts = CardFacts(
        risk=0.61,
        base_rate=0.26,
        release="sha256:4b1d90aa7e12" + "0" * 52,
        values={**dict.fromkeys(FEATURES, 0.0), "coma_score": 44.0, "mean_pressure": 52.0, "age": 71.0, "ph": None, "urine_24h": None},
        contributions={"coma_score": 0.9, "mean_pressure": 0.5, "age": 0.2},
        gender="female",
    )  # fmt: skip
    words = compile_cards(GUIDANCE)["study_risk"].render(facts)
    shown = page.replace("> ", "")
    assert all(line in shown for line in (words.summary, *words.detail.splitlines()))
    assert "not approved for patient care" in page
    assert "AUROC above 0.87" in page
    assert GUIDANCE.model.auroc_alarm == 0.87
