"""What comes in is R4 or is not looked at: every resource that will be read is parsed by fhir.resources first.

R4B is what that library has; for these types it differs from R4 in nothing that is read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from services.registry.fhir.names import Resource
from services.timeline.errors import BadInput

READ: Final = frozenset(
    {"PlanDefinition", "ActivityDefinition", "Library", "ValueSet", "DocumentReference", "Provenance"}
)
"""Types that are looked into; a Binary is only bytes, and the rest of a package is left alone."""


def must_be_r4(resources: Sequence[Resource]) -> None:
    """BadInput that names the resource and the element, without its value, if one is not what R4 says."""
    from fhir.resources.R4B import get_fhir_model_class

    for one in resources:
        if one["resourceType"] not in READ:
            continue
        try:
            get_fhir_model_class(one["resourceType"]).model_validate(one)
        except ValidationError as fault:
            first = fault.errors(include_url=False, include_input=False)[0]
            where = ".".join([one["resourceType"], *map(str, first["loc"])])
            raise BadInput(
                f"no valid {one['resourceType']} of FHIR R4: {first['msg']}"[:300],
                place=where[:200],
                remedy="Validate the package against FHIR R4 (4.0.1) first",
            ) from None
