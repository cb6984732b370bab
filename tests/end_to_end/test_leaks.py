"""Leaks of the outcome, planted and looked for with the real functions, from ingest to the refusal (Show 3).

On 9,105 real patients of the SUPPORT2 cohort where their data is at hand, and on a made-up ward everywhere.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.guidance.check import load_guidance
from services.guidance.errors import BadGuidance, Refused
from services.learner.feature_matrix import CohortRows, read_cohort_rows
from services.learner.gate import must_be_proposable
from services.learner.intake.ingest import ingest
from services.learner.retrain import Trained, train
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from services.timeline.instants import HOUR, instant_text, parse_instant
from tests.learner.made_up_ward import GUIDANCE, concept, ward, write_guidance

PROJECT = Path(__file__).resolve().parents[2]
PLANTED = "https://example.org/planted"
QUICK = "candidates: [scorecard_additive]"
FOUR = "candidates: [logistic, scorecard_additive, scorecard, forest]"

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A store in which leaks were planted, and the guidance that is learned from it."""

    folder: Path
    """Where guidances are written."""
    store: EventStore
    text: str
    """guidance.yaml as it should be; its index is so many hours after admission:"""
    hours: int
    value_sets: str
    too_good: str
    """The code of an input that is known in time, but made of what came later."""

    def guidance(self, name: str, *codes: str, hours: int | None = None) -> Path:
        """The guidance with further inputs, each the last value of one code, and with one quick kind of model."""
        inputs = "".join(
            f"  {code.rpartition('|')[2]}:\n    kind: last\n    from: Observation.code\n"
            f'    codes: {{tokens: ["{code}"]}}\n    unit: "1"\n    window: {{this_stay: true}}\n    label: planted\n'
            for code in codes
        )
        text = self.text.replace(FOUR, QUICK).replace("\noutcome:\n", f"\n{inputs}\noutcome:\n")
        if hours is not None:
            text = text.replace(f"plus_hours: {self.hours}", f"plus_hours: {hours}")
        # No alarm asks how far risks would move with other patients: nothing is fitted again for that.
        text = text.replace("refits: 3", "refits: 0") if "\nevidence:" in text else text + "\nevidence: {refits: 0}\n"
        folder = write_guidance(self.folder / name, text)
        (folder / "value_sets.json").write_text(self.value_sets)
        return folder

    def train(self, name: str, *codes: str) -> Trained:
        """The whole way, as `knowdo learner train` goes it."""
        return train(self.guidance(name, *codes), self.store, folds=3, seed=0)

    def rows(self, folder: Path) -> CohortRows:
        """The rows that would be learned from."""
        with worker_pool(1) as pool:
            return read_cohort_rows(self.store, load_guidance(folder), pool).matured()


@pytest.fixture(scope="module", params=["SUPPORT2", "made-up ward"])
def planted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """A cohort, and canaries for each of its stays, ingested once."""
    folder = tmp_path_factory.mktemp("planted")
    if request.param == "SUPPORT2":
        archive = request.getfixturevalue("shared") / "data" / "support2" / "support2-fhir.tar.xz"
        ingest(archive, folder / "store")
        with tarfile.open(archive) as packed:
            name = next(name for name in packed.getnames() if name.endswith("/Encounter.ndjson"))
            lines = packed.extractfile(name)
            assert lines is not None
            stays = [json.loads(line) for line in lines]
        source = PROJECT / "infra" / "demo" / "support2-hospital-death"
        text, value_sets = ((source / name).read_text() for name in ("guidance.yaml", "value_sets.json"))
        hours, too_good = 48, "https://example.org/support2/reference|avtisst"
    else:
        resources = ward(2500)
        _write(folder / "ward.ndjson", resources)
        ingest(folder / "ward.ndjson", folder / "store", buckets=3)
        stays = [resource for resource in resources if resource["resourceType"] == "Encounter"]
        text = GUIDANCE.replace(FOUR, f"{FOUR}\n  auroc_alarm: 0.87")
        value_sets = json.dumps({"version": "1", "terms": "", "value_sets": {}})
        hours, too_good = 24, f"{PLANTED}|effort"
    _write(folder / "planted.ndjson", _leaks(stays, hours))
    ingest(folder / "planted.ndjson", folder / "store")
    return Planted(
        folder=folder,
        store=EventStore.open(folder / "store"),
        text=text,
        hours=hours,
        value_sets=value_sets,
        too_good=too_good,
    )


def _write(path: Path, resources: Iterable[Json]) -> None:
    path.write_text("".join(json.dumps(resource) + "\n" for resource in resources))


def _leaks(stays: list[Json], hours: int) -> Iterator[Json]:
    """Per stay: the outcome an hour before the index, known then; the same, known a microsecond after it; an effort."""
    rng = np.random.default_rng(0)
    for number, stay in enumerate(stays):
        index = parse_instant(stay["period"]["start"]) + hours * HOUR
        disposition = stay.get("hospitalization", {}).get("dischargeDisposition", {"coding": [{"code": ""}]})
        died = float(disposition["coding"][0]["code"] == "exp")
        told = 1 - died if number % 500 == 0 else died  # one in 500 is wrong: no leak is perfect
        effort = round(1.75 * died + float(rng.normal()), 3)
        for code, value, known in (("early", told, index - HOUR), ("late", told, index + 1), ("effort", effort, index)):
            yield {
                "resourceType": "Observation",
                "id": f"{code}-{number}",
                "status": "final",
                "code": concept(PLANTED, code),
                "subject": stay["subject"],
                "encounter": {"reference": f"Encounter/{stay['id']}"},
                "effectiveDateTime": instant_text(index - HOUR),
                "issued": instant_text(known),
                "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "1"},
            }


@pytest.fixture(scope="module")
def honest(planted: Planted) -> Trained:
    """The guidance with one more input: the canary that became known too late."""
    return planted.train("honest", f"{PLANTED}|late")


def test_a_canary_stamped_before_the_index_is_refused_by_name(planted: Planted) -> None:
    """It tells nearly all alone: the alarm names the input, and nothing is proposed."""
    leaky = planted.train("leaky", f"{PLANTED}|early")
    leaks = leaky.evaluation.leaks
    assert leaks.largest_feature == "early"
    assert leaks.largest_feature_auroc >= 0.99
    assert any(said.startswith("The input early alone has an AUROC of") for said in leaks.found)
    with pytest.raises(Refused, match="nothing is proposed") as refusal:
        must_be_proposable(leaky.evaluation)
    assert "The input early alone" in str(refusal.value)


def test_a_canary_known_after_the_index_is_absent_from_the_matrix(planted: Planted) -> None:
    """Although it happened before the index: no row has a value. An hour later, when it is known, every row has one."""
    folder = planted.guidance("late", f"{PLANTED}|late")
    rows = planted.rows(folder)
    assert len(rows) > 1000
    assert np.isnan(rows.inputs(("late",))).all()
    later = planted.rows(planted.guidance("later", f"{PLANTED}|late", hours=planted.hours + 1))
    assert not np.isnan(later.inputs(("late",))).any()


def test_the_time_filter_is_proved_on_every_run(planted: Planted) -> None:
    """The rows bring their proof: no value from the future, and canaries of every input that only later moments see."""
    proof = planted.rows(planted.guidance("proved")).proof
    assert proof.faults() == ()
    assert proof.rows >= 100
    features = load_guidance(planted.guidance("proved")).definition.features
    read = {name for name, feature in features.items() if feature.source and feature.kind not in ("age", "duration")}
    assert read <= set(proof.awake)


def test_an_input_made_of_the_outcome_is_refused_before_anything_is_read(planted: Planted) -> None:
    """The way out of the very stay tells the death: a fault of the guidance on its line, and no training."""
    folder = planted.guidance("overlap")
    text = (folder / "guidance.yaml").read_text()
    way_out = "  way_out:\n    kind: exists\n    from: Encounter.dischargeDisposition\n    label: way out\n"
    (folder / "guidance.yaml").write_text(text.replace("\noutcome:\n", f"\n{way_out}\noutcome:\n"))
    with pytest.raises(BadGuidance, match="the outcome itself"):
        train(folder, planted.store, folds=3)


def test_without_a_leak_nothing_rings(honest: Trained) -> None:
    """The same cohort, honestly read, is proposed."""
    assert honest.evaluation.leaks.found == ()
    must_be_proposable(honest.evaluation)


def test_shuffled_labels_teach_nothing(honest: Trained) -> None:
    """0.5 ± 0.02, on the same rows and inputs."""
    assert honest.evaluation.leaks.shuffled_auroc.value == pytest.approx(0.5, abs=0.02)


def test_what_was_measured_after_the_index_trips_the_upper_alarm(planted: Planted, honest: Trained) -> None:
    """An input stamped in time but made of later days (`avtisst`, the mean effort of care of days 3 to 25).

    No input alone rings; the model as a whole is better than anybody can be, and the alarm names the input to look at.
    """
    too_good = planted.train("too-good", planted.too_good)
    name = planted.too_good.rpartition("|")[2]
    auroc = too_good.evaluation.models["scorecard_additive"].auroc
    assert honest.evaluation.models["scorecard_additive"].auroc < 0.87 < auroc
    (said,) = too_good.evaluation.leaks.found
    assert f"has an AUROC of {auroc:.3f}, above the alarm at 0.87" in said
    assert f"alone is {name} (" in said
    with pytest.raises(Refused, match=r"above the alarm at 0\.87"):
        must_be_proposable(too_good.evaluation)
