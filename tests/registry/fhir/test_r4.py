"""What we call R4 is R4: HAPI's validator, with the definitions of 4.0.1, over every type that leaves here."""

from __future__ import annotations

import pytest

from tests.fhir_servers.hapi_server import NotHere
from tests.fhir_servers.r4_validator import judged
from tests.registry.fhir.conftest import Face

pytestmark = pytest.mark.anyio


BROKEN = {"resourceType": "PlanDefinition", "id": "broken", "status": "nonsense"}


async def test_every_resource_is_valid_r4(face: Face) -> None:
    """No error of structure, type, invariant or required code in any of them; and the judge sees a broken one."""
    resources = [*await face.everything(), (await face.get("metadata")).json(), BROKEN]
    try:
        said = judged(resources)
    except NotHere as lacking:
        pytest.skip(f"no Java validator: {lacking}")
    faults = [one for one in said if one.severity in ("error", "fatal")]
    ours = [one for one in faults if one.resource != "PlanDefinition/broken"]
    assert not ours, "\n".join(f"{one.resource} {one.place}: {one.text}" for one in ours)
    assert any("nonsense" in one.text for one in faults)
