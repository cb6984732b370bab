"""The hospital itself: sites, payers, emergency departments, wards, intensive care units, and the roles of who works there."""

from __future__ import annotations

from collections.abc import Iterator

from services.demo.catalogue import HL7, SITES, SNOMED
from services.demo.fragments import concept, head

SERVICES = {"general": "General medicine", "oncology": "Oncology", "surgery": "Surgery"}
INTENSIVE_CARE = concept(SNOMED, "309904001", "Intensive care unit")
EMERGENCY = concept(f"{HL7}/v3-RoleCode", "ER", "Emergency room")
WARD = concept(f"{HL7}/v3-RoleCode", "HU", "Hospital unit")


def service_key(service: str) -> str:
    """The key of an Encounter's service: `general`, `oncology`, `surgery`."""
    return next((key for key, name in SERVICES.items() if name == service), "general")


def places(at: int) -> Iterator[tuple[str, str]]:
    """(type, JSON) of every Organization, Location and PractitionerRole, there since `at`."""
    for number, (name, _) in enumerate(SITES):
        yield "Organization", head("Organization", f"site-{number}", 1, at) + f',"active":true,"name":"{name}"}}'
    for key, name in (("public", "Public health insurance"), ("private", "Meridian Mutual")):
        yield "Organization", head("Organization", f"payer-{key}", 1, at) + f',"active":true,"name":"{name}"}}'
    for number, (site, _) in enumerate(SITES):
        managed = f'"managingOrganization":{{"reference":"Organization/site-{number}"}}'
        units = [("emergency", "Emergency department", EMERGENCY), ("intensive", "Intensive care", INTENSIVE_CARE)]
        units += [(key, f"{name} ward", WARD) for key, name in SERVICES.items()]
        for key, name, code in units:
            yield (
                "Location",
                head("Location", f"site-{number}-{key}", 1, at)
                + f',"status":"active","name":"{site}, {name}","mode":"instance","type":[{code}],{managed}}}',
            )
        for key, name in SERVICES.items():
            specialty = (
                concept(SNOMED, "394592004", "Clinical oncology") if key == "oncology" else f'{{"text":"{name}"}}'
            )
            yield (
                "PractitionerRole",
                head("PractitionerRole", f"site-{number}-{key}", 1, at)
                + f',"active":true,"organization":{{"reference":"Organization/site-{number}"}},"specialty":[{specialty}]}}',
            )
