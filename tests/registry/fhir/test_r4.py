"""What we call R4 is R4: HAPI's validator, with the definitions of 4.0.1, over every type that leaves here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from services.guidance.check import load_guidance
from services.guidance.definition import PRIMARY, Prediction
from services.guidance.release import ReleaseBundle, build_release, canonical_json
from services.registry.fhir.definitions import OPERATIONS
from tests.fhir_servers.hapi_server import NotHere
from tests.fhir_servers.r4_validator import judged
from tests.registry import samples
from tests.registry.fhir.conftest import Face
from tests.registry.fhir.test_authoring import contained, words
from tests.registry.fhir.test_operations import parameters

pytestmark = pytest.mark.anyio


BROKEN = {"resourceType": "PlanDefinition", "id": "broken", "status": "nonsense"}


LIBRARY = Path(__file__).parents[3] / "services/guidance/library"


def shipped(folder: Path) -> ReleaseBundle:
    """A shipped guidance with the smallest models that it takes."""
    loaded = load_guidance(folder)
    guidance = loaded.definition
    inputs = [name for name, feature in guidance.features.items() if feature.use == "model"]

    def model(prediction: Prediction) -> bytes:
        published = prediction.model.published
        return samples.one_input_model(inputs[0]) if published is None else canonical_json(
            {"kind": "published", "feature": published}
        )  # fmt: skip

    reference = {"name": "stays of the tests", "base_rate": 0.12}
    models = {name: model(one) for name, one in guidance.all_predictions.items()}
    others = {name: (data, reference) for name, data in models.items() if name != PRIMARY}
    return build_release(loaded, models[PRIMARY], reference, others=others)


async def answered(face: Face) -> list[dict[str, Any]]:
    """What every operation of authoring answers, the requirements of each release, and every definition."""
    first, second = face.key(face.first), face.key(face.second)
    review = parameters(artifactAssessmentSummary="Read")
    retire = parameters(role="operations")
    asked = (
        (f"PlanDefinition/{first}/$draft", words(version="1.1.0"), "Ben Data"),
        (f"PlanDefinition/{first}/$clone", words(version="1.0.0", guidance="small-again"), "Ben Data"),
        ("PlanDefinition", contained(change="in tea"), "Jon Developer"),
        (f"PlanDefinition/{second}/$review", review, "Ann Clinical"),
        (f"PlanDefinition/{second}/$withdraw", retire, "Fay Operations"),
        ("PlanDefinition/none/$retire", retire, "Fay Operations"),
    )
    found: list[dict[str, Any]] = [(await face.post(path, given, by=by)).json() for path, given, by in asked]
    for plan in await face.found("PlanDefinition"):
        found.append((await face.get(f"PlanDefinition/{plan['id']}/$data-requirements")).json())
        diff = f"$artifact-diff?compareComputable=true&source=PlanDefinition/{first}&target=PlanDefinition/{plan['id']}"
        found.append((await face.get(diff)).json())
    found += [(await face.get(f"OperationDefinition/{one.code}")).json() for one in OPERATIONS]
    kinds = {one["resourceType"] for one in found}
    assert kinds == {"Bundle", "PlanDefinition", "OperationOutcome", "Library", "Parameters", "OperationDefinition"}
    return found


async def test_every_resource_is_valid_r4(face: Face) -> None:
    """No error of structure, type, invariant or required code, of the shipped guidance too; and the judge sees a broken one."""
    for folder in sorted(LIBRARY.iterdir()):
        await face.house.propose(shipped(folder), evidence=())
    package = (await face.get(f"PlanDefinition/{face.key(face.first)}/$package")).json()
    answers = await answered(face)
    resources = [*await face.everything(), package, *answers, (await face.get("metadata")).json(), BROKEN]
    for one in resources[:-1]:
        get_fhir_model_class(one["resourceType"]).model_validate(one)
    try:
        said = judged(resources)
    except NotHere as lacking:
        pytest.skip(f"no Java validator: {lacking}")
    faults = [one for one in said if one.severity in ("error", "fatal")]
    ours = [one for one in faults if one.resource != "PlanDefinition/broken"]
    assert not ours, "\n".join(f"{one.resource} {one.place}: {one.text}" for one in ours)
    assert any("nonsense" in one.text for one in faults)
