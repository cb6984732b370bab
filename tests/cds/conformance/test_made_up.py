"""The patient who never lived: right R4 for every type, found by whatever a template asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.conformance.contexts import TOKENS, context_for
from services.cds.conformance.made_up import KINDS, Case, answer_to, now, resolve, resource
from tests.cds.spec.calls import library_templates

CASE = Case(patient="p-1", encounter="e-1", now=now())


@pytest.mark.parametrize("kind", ["Patient", "Encounter", *KINDS])
def test_a_made_up_resource_is_right_r4(kind: str) -> None:
    """The strict R4B models take every type that the table has."""
    models = pytest.importorskip("fhir.resources.R4B")
    models.get_fhir_model_class(kind).model_validate(resource(kind, CASE))


def test_everything_that_we_ship_can_be_answered() -> None:
    """Each template resolves, and is answered with the type and the codes that it asks for."""
    for _, hook, template in library_templates():
        query = resolve(template, context_for(hook, CASE), CASE)
        assert query is not None, template
        found: Any = answer_to(query, CASE)
        kind = query.partition("?")[0].partition("/")[0]
        resources = [entry["resource"] for entry in found["entry"]] if "?" in query else [found]
        assert {one["resourceType"] for one in resources} == {kind}


def test_tokens_of_users_and_dates_are_resolved() -> None:
    """As the specification names them; a token that this call has not leaves the key out."""
    context = context_for("patient-view", CASE)
    assert resolve("{{context.userId}}", context, CASE) == CASE.user
    assert resolve("Practitioner/{{userPractitionerId}}", context, CASE) == CASE.user
    assert resolve("Patient/{{userPatientId}}", context, CASE) is None
    assert resolve("Observation?date=ge{{today()}}", context, CASE) == f"Observation?date=ge{CASE.today}"
    assert resolve("Medication/{{context.draftOrders.entry.resource.id}}", context, CASE) is None


@given(template=st.text(max_size=60) | st.from_regex(r"[A-Z]\w+[/?](\{\{.{0,20}\}\})?.{0,30}", fullmatch=True))
def test_no_template_is_too_odd(template: str) -> None:
    """Whatever a service asks for is answered or left out."""
    query = resolve(template, context_for("order-sign", CASE), CASE)
    json.dumps(answer_to(query, CASE) if query is not None else None)


@pytest.mark.parametrize("hook", TOKENS)
def test_every_hook_has_the_context_that_its_tokens_need(hook: str) -> None:
    """What a template may name is there."""
    assert context_for(hook, CASE).keys() >= TOKENS[hook]
