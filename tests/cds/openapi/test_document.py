"""The OpenAPI document: every path of the service, every hook of the library, and the examples of others fit it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
from fastapi import FastAPI

from services.cds.app import create_app
from services.cds.openapi.document import openapi_document
from services.cds.settings import CdsSettings
from services.guidance.hooks import HOOKS
from tests.cds.conftest import Running
from tests.cds.spec.calls import answer

DOCUMENT: Final = openapi_document(title="Knowdo CDS", version="1")
SAMPLES: Final[dict[str, Any]] = {
    "id": "123", "reference": "Practitioner/u1", "references": ["ServiceRequest/1"], "bundle": {"entry": []},
    "resource": {"resourceType": "MedicationRequest"}, "resources": [{"resourceType": "Task"}],
}  # fmt: skip


def fits(name: str, value: Any) -> bool:
    """Whether a value fits a named schema of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.validator_for(schema).is_valid(value)


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")  # GET and HEAD share a function
def test_every_path_and_method_of_the_service_is_described(tmp_path: Path) -> None:
    """And nothing that is not there."""
    app = create_app(CdsSettings(var=tmp_path, demo=True))
    generated = FastAPI.openapi(app)["paths"]  # from the routes, as it would be without ours
    there = {(path, method) for path, item in generated.items() for method in item}
    said = {
        (path, method)
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method not in {"parameters", "options"}
    }
    assert said == there
    assert app.openapi() == openapi_document(title=app.title, version=app.version)


@pytest.mark.anyio
async def test_the_document_is_served_to_anyone(cds: Running) -> None:
    """It holds no patient data; whoever integrates reads it first."""
    got = await cds.http.get("/openapi.json")
    assert got.status_code == 200
    assert got.json()["paths"] == json.loads(json.dumps(DOCUMENT["paths"]))


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_a_call_with_all_that_its_hook_requires_fits_and_one_without_does_not(hook: str) -> None:
    """Field by field, as the service itself judges it."""
    fields = [field for field in HOOKS[hook].fields if field.required]
    context = {field.name: SAMPLES[field.kind] for field in fields}
    call = {"hook": hook, "hookInstance": "i", "context": context, "surprise": 1}
    assert fits("HookCall", call)
    for field in fields:
        assert not fits("HookCall", call | {"context": {k: v for k, v in context.items() if k != field.name}})
        assert not fits("HookCall", call | {"context": context | {field.name: 7}})


def test_the_calls_and_the_feedback_that_others_wrote_fit(shared: Path) -> None:
    """But for the one that shows an extension and names no patient."""
    lacking = set()
    for path in sorted((shared / "data" / "cds-hooks").glob("*.json")):
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            continue
        if path.stem.startswith("hooklib_"):
            hook = path.stem.removeprefix("hooklib_").rpartition("_")[0]
            content = {"hook": hook, "hookInstance": "i", **content}
        if "feedback" in content:
            assert fits("Feedback", content), path.name
        elif "hook" in content and not fits("HookCall", content):
            lacking.add(path.stem)
    assert lacking == {"spec3_13"}


@pytest.mark.anyio
async def test_a_card_of_ours_fits_and_one_with_more_does_not(cds: Running) -> None:
    """The schema of the answer is as closed as the lint."""
    given = await answer(cds)
    assert fits("Cards", given)
    assert not fits("Cards", given | {"more": 1})
    assert not fits("Cards", {"cards": [given["cards"][0] | {"indicator": "hard-stop"}]})
