"""A value of a wrong type, at every place that a call must have: 400, and the JSON path of just that place."""

from __future__ import annotations

from typing import Any, Final

import pytest

from services.guidance.hooks import HOOKS, ContextField, Kind
from tests.cds.bad_input.judge import Tally, ask_and_judge
from tests.cds.bad_input.mutations import written
from tests.cds.bad_input.seeds import MARK, TEA
from tests.cds.bad_input.service import Ask, Hammered

SAMPLES: Final[dict[Kind, Any]] = {
    "id": "123", "reference": "Practitioner/u1", "references": ["ServiceRequest/1"], "bundle": {"entry": []},
    "resource": {"resourceType": "MedicationRequest"}, "resources": [{"resourceType": "Task"}],
}  # fmt: skip
VALUES: Final[dict[str, Any]] = {"text": MARK, "number": 7.5, "truth": True, "list": [MARK], "object": {MARK: MARK}}
TAKEN: Final[dict[Kind, set[str]]] = {
    "id": {"text"}, "reference": {"text"}, "references": {"text", "list"}, "bundle": {"object"}, "resource": {"object"},
    "resources": {"object", "list"},
}  # fmt: skip
FIELDS: Final = [(hook.name, field) for hook in HOOKS.values() for field in hook.fields]


def call(hook: str) -> dict[str, Any]:
    """A call with all that its hook may have."""
    context = {field.name: SAMPLES[field.kind] for field in HOOKS[hook].fields}
    return {"hook": hook, "hookInstance": "i", "context": context, "prefetch": {}}


def place_of(cds: Hammered, document: Any) -> str:
    """The place that the 400 for this call names."""
    path = f"/cds-services/{TEA}"
    (answer,) = ask_and_judge(cds, [Ask(path=path, body=written(document))], Tally(), allowed={400})
    said: str = answer.json()["issue"][0]["details"]["text"]
    return said.removeprefix("In ")


@pytest.mark.parametrize(("hook", "field"), FIELDS, ids=lambda one: one if isinstance(one, str) else one.name)
def test_a_field_of_a_context_of_a_wrong_type_is_named_by_its_path(
    cds: Hammered, hook: str, field: ContextField
) -> None:
    """Under each of its spellings, whatever it is instead."""
    for name in field.spellings():
        for kind in VALUES.keys() - TAKEN[field.kind]:
            document = call(hook)
            del document["context"][field.name]
            document["context"][name] = VALUES[kind]
            assert place_of(cds, document) == f"$.context.{name}", kind


@pytest.mark.parametrize(
    ("name", "taken"),
    [("hook", {"text"}), ("hookInstance", {"text"}), ("context", {"object"}), ("prefetch", {"object"})],
)
def test_a_field_of_the_call_of_a_wrong_type_is_named_by_its_path(cds: Hammered, name: str, taken: set[str]) -> None:
    """`null` too, where something must stand."""
    for kind in VALUES.keys() - taken:
        assert place_of(cds, call("patient-view") | {name: VALUES[kind]}) == f"$.{name}", kind
    if name != "prefetch":
        assert place_of(cds, call("patient-view") | {name: None}) == f"$.{name}"


@pytest.mark.parametrize("text", ["", "x" * 129, "a\nb", "ü", "\u0000"])
def test_an_instance_that_cannot_be_kept_is_named_by_its_path(cds: Hammered, text: str) -> None:
    """Empty, longer than any UUID, or not printable."""
    assert place_of(cds, call("patient-view") | {"hookInstance": text}) == "$.hookInstance"


@pytest.mark.parametrize(
    "text", ["..", ".", "a b", "a|b", "ü", "x" * 257, "Patient/", "Group/1", "a/b", "\u0000", "#p", "urn:uuid:1"]
)
def test_an_id_that_is_none_is_named_by_its_path(cds: Hammered, text: str) -> None:
    """It would become part of a URL."""
    document = call("patient-view")
    document["context"]["patientId"] = text
    assert place_of(cds, document) == "$.context.patientId"


@pytest.mark.parametrize("length", [64, 194, 256])
def test_an_id_as_long_as_epics_is_taken(cds: Hammered, length: int) -> None:
    """FHIR allows 64 characters; Epic's have about 194."""
    document = call("patient-view")
    document["context"]["patientId"] = "e" * length
    ask_and_judge(cds, [Ask(path=f"/cds-services/{TEA}", body=written(document))], Tally(), allowed={412})
