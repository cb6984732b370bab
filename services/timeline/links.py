"""Fields that say only which resource they mean: how they are coded stands in that resource.

A diagnosis on an Encounter names a Condition, an order may name a Medication, a stay names places and people.
`assemble` looks them up.
"""

from __future__ import annotations

from typing import Final

LINKS: Final = (
    ("Encounter.diagnosis", "Condition.code", True),
    ("Encounter.location", "Location.type", False),
    ("Encounter.siteLocation", "Location.managingOrganization", False),
    ("Encounter.serviceProvider", "Organization.type", False),
    ("Encounter.participant", "PractitionerRole.specialty", False),
    ("MedicationRequest.medication", "Medication.code", False),
    ("MedicationAdministration.medication", "Medication.code", False),
    ("MedicationStatement.medication", "Medication.code", False),
)
"""The field that points (its `answer` is `Type/id`), the field that codes, whether both must be of one patient."""
