"""Schemathesis against our own OpenAPI document: what it makes of the schemas is answered as the document says."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.cds.openapi.document import openapi_document
from tests.cds.bad_input.profiles import cases_of
from tests.cds.bad_input.seeds import TEA
from tests.cds.bad_input.service import Hammered
from tests.cds.conftest import URL

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA: Final = schemathesis.openapi.from_dict(openapi_document(title="Knowdo CDS", version="1"))
OPERATIONS: Final = [found.ok() for found in SCHEMA.get_all_operations()]


SPOILABLE: Final = [one for one in OPERATIONS if one.body or one.query or one.path_parameters]
"""Those that have something in them that can break the schema."""
BOTH: Final = [
    *(pytest.param(one, GenerationMode.POSITIVE, id=f"{one.label} as it should be") for one in OPERATIONS),
    *(pytest.param(one, GenerationMode.NEGATIVE, id=f"{one.label} as it should not be") for one in SPOILABLE),
]


@cases_of(15, 300)
@pytest.mark.parametrize(("operation", "mode"), BOTH)
def test_what_the_document_says_is_what_is_answered(
    cds: Hammered, operation: Any, mode: GenerationMode, cases: int
) -> None:
    """Status, type, headers and form of every answer are documented, for requests that fit the schema and that do not."""
    statuses: Counter[int] = Counter()
    made = operation.as_strategy(generation_mode=mode)
    if "{service_id}" in operation.path:
        # A made-up service would be 404 nearly always.
        made |= operation.as_strategy(generation_mode=mode, path_parameters={"service_id": TEA})

    @settings(
        max_examples=cases, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(made)
    def one(case: Any) -> None:
        response = cds.runner.run(_sent(cds, case))
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    one()
    print(f"{statuses.total()} cases: {dict(statuses)}")  # noqa: T201
    cds.said()


async def _sent(cds: Hammered, case: Any) -> httpx.Response:
    asked = case.as_transport_kwargs(base_url=URL)
    token = "audit" if "{kind}" in case.path else "export"
    # Tokens have tests of their own; here a made-up one would end nearly every case with 401.
    headers = {name: value for name, value in (asked["headers"] or {}).items() if name.lower() != "authorization"}
    headers["Authorization"] = f"Bearer {token}"
    content = {
        key: value for key, value in asked.items() if key in {"json", "data", "files", "params"} and value is not None
    }
    if isinstance(content.get("data"), str | bytes):
        content["content"] = content.pop("data")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=cds.running.app)) as http:
        answer = await http.request(asked["method"], asked["url"], headers=headers, **content)
        if "Content-Location" in answer.headers:  # else the next exports wait for this one to be made
            await http.delete(answer.headers["Content-Location"], headers=headers)
        return answer
