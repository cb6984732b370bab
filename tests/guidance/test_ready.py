"""Opening a release is the proof that it can speak: what is missing or does not compile is named with its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.guidance.check import load_guidance
from services.guidance.definition import PRIMARY, Guidance, Prediction
from services.guidance.errors import BadRelease
from services.guidance.ready import conditions_of, open_release
from services.guidance.release import ReleaseBundle, build_release, canonical_json, pack, unpack
from tests.guidance import several_predictions, small_guidance
from tests.registry import samples

LIBRARY = Path(__file__).resolve().parents[2] / "services" / "guidance" / "library"
REFERENCE = {"name": "stays of the tests", "base_rate": 0.12, "n": 2000, "events": 240, "inputs": {}}


def changed(name: str, data: bytes | None) -> ReleaseBundle:
    """The small release with one file replaced or left out."""
    files = {**samples.release().files, name: data}
    return ReleaseBundle(
        guidance="small", version="1.0.0", files={key: value for key, value in files.items() if value is not None}
    )


def test_an_opened_release_holds_all_that_a_call_needs() -> None:
    """Features, model, conditions, cards, resources and reference, compiled; under the digest of its bytes."""
    bundle = samples.release()
    release = open_release(unpack(pack(bundle), expected_digest=bundle.digest))
    assert release.digest == bundle.digest
    assert release.guidance.id == "small"
    assert set(release.model.inputs) <= set(release.plan.names)
    assert set(release.conditions) == set(conditions_of(release.guidance))
    assert {"inpatient", "age >= 18", "died", "risk >= 2 * base_rate"} <= set(release.conditions)
    assert set(release.cards) == {"visit"}
    assert release.resources["visit.json"]["resourceType"] == "ServiceRequest"
    assert release.base_rate == 0.12
    assert release.queries


def model_for(guidance: Guidance, prediction: Prediction) -> bytes:
    """A model of the kind that the prediction asks for."""
    if prediction.model.published is not None:
        return canonical_json({"kind": "published", "feature": prediction.model.published})
    return samples.one_input_model(next(name for name, one in guidance.features.items() if one.use == "model"))


@pytest.mark.parametrize("folder", sorted(path.name for path in LIBRARY.iterdir() if (path / "guidance.yaml").exists()))
def test_each_shipped_guidance_becomes_a_release(folder: str) -> None:
    """With a model it packs, unpacks and opens; and what was loaded is in it byte for byte."""
    loaded = load_guidance(LIBRARY / folder)
    models = {name: model_for(loaded.definition, one) for name, one in loaded.definition.all_predictions.items()}
    others = {name: (model, REFERENCE) for name, model in models.items() if name != PRIMARY}
    bundle = build_release(loaded, models[PRIMARY], REFERENCE, others=others)
    release = open_release(unpack(pack(bundle), expected_digest=bundle.digest))
    assert release.guidance == loaded.definition
    assert bundle.files["guidance.yaml"] == (LIBRARY / folder / "guidance.yaml").read_bytes()
    assert set(bundle.files) >= {"guidance.yaml", "value_sets.json", "model.json", "reference.json"}


def test_the_same_folder_built_twice_is_the_same_release(tmp_path: Path) -> None:
    """No clock, run id or order of files goes in; a changed letter does."""
    for name, data in small_guidance.files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    first, second = (build_release(load_guidance(tmp_path), samples.model(), REFERENCE) for _ in range(2))
    assert pack(first) == pack(second)
    path = tmp_path / "guidance.yaml"
    path.write_text(path.read_text().replace("title: Small", "title: Smaller"))
    assert build_release(load_guidance(tmp_path), samples.model(), REFERENCE).digest != first.digest


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("guidance.yaml", b"id: small\nversion: 1.0.0\n", "fault"),
        ("guidance.yaml", b"a: [", "not YAML"),
        ("guidance.yaml", b"\xff\xfe", "UTF-8"),
        (
            "guidance.yaml",
            small_guidance.GUIDANCE.replace("version: 1.0.0", "version: 2.0.0").encode(),
            "manifest says",
        ),
        ("guidance.yaml", small_guidance.GUIDANCE.replace("age >= 18", "age >=").encode(), None),
        ("value_sets.json", b"[]", "value_sets"),
        ("value_sets.json", b"{", "not JSON"),
        ("value_sets.json", b'{"version":"1","terms":"","value_sets":{}}', None),
        ("model.json", b"{}", None),
        ("model.json", b'{"kind":"pickle"}', None),
        ("model.json", samples.one_input_model("shoe_size"), "no feature of the guidance: shoe_size"),
        ("reference.json", b'{"base_rate":0}', "base_rate"),
        ("reference.json", b'{"base_rate":"0.1"}', "base_rate"),
        ("resources/visit.json", b"nothing", "not JSON"),
        ("resources/visit.json", None, "it is missing"),
    ],
)
def test_what_cannot_speak_is_refused_by_name(name: str, data: bytes | None, said: str | None) -> None:
    """Whatever is wrong with a release is BadRelease, never another error, with the place in it."""
    with pytest.raises(BadRelease, match=said) as caught:
        open_release(changed(name, data))
    assert caught.value.place
    if said:
        assert caught.value.place == name


def test_every_prediction_has_its_model_and_its_average() -> None:
    """The first in model.json, the others in folders of their own; `model` and `base_rate` are the first's."""
    bundle = several_predictions.bundle()
    assert set(bundle.files) >= {
        "model.json", "reference.json", "models/heart.json", "references/heart.json", "models/deterioration.json",
    }  # fmt: skip
    release = open_release(unpack(pack(bundle), expected_digest=bundle.digest))
    assert list(release.models) == ["risk", "deterioration", "heart"]
    assert release.model is release.models["risk"]
    assert (release.base_rate, release.average("deterioration"), release.average("heart")) == (0.12, 0.03, 0.05)
    assert release.models["heart"].inputs == ("healthy",)
    assert {"inpatient", "stays >= 3", "heart >= 0.1"} <= set(release.conditions)
    row = release.row_of({"hb": 9.0}, {"risk": None, "heart": 0.2})
    assert row == {
        "hb": 9.0, "risk": None, "heart": 0.2, "deterioration": None,
        "base_rate": 0.12, "heart_average": 0.05, "deterioration_average": 0.03,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bundle", "place", "said"),
    [
        (several_predictions.without("models/heart.json"), "models/heart.json", "no such file"),
        (several_predictions.without("references/heart.json"), "references/heart.json", "no such file"),
        (several_predictions.with_file("models/other.json", b"{}"), "models/other.json", "no such prediction"),
        (several_predictions.with_file("models/heart.json", b"{}"), "models/heart.json", "cannot be read"),
        (several_predictions.with_file("models/heart.json", samples.model()), "models/heart.json", "asks for healthy"),
        (
            several_predictions.with_file("models/heart.json", {"kind": "published", "feature": "news2"}),
            "models/heart.json",
            "it is news2, and the guidance asks for healthy",
        ),
        (
            several_predictions.with_file("model.json", {"kind": "published", "feature": "healthy"}),
            "model.json",
            "asks for a learned model",
        ),
        (
            several_predictions.with_file("models/deterioration.json", samples.one_input_model("shoe_size")),
            "models/deterioration.json",
            "no feature of the guidance: shoe_size",
        ),
        (
            several_predictions.with_file("references/heart.json", {"base_rate": 1}),
            "references/heart.json",
            "base_rate",
        ),
    ],
)
def test_a_prediction_that_cannot_speak_is_refused_by_its_file(bundle: ReleaseBundle, place: str, said: str) -> None:
    """Missing, of another kind, of another score, reading what is not there, or left over from another guidance."""
    with pytest.raises(BadRelease, match=said) as caught:
        open_release(bundle)
    assert caught.value.place == place
