"""Fields that say only which resource they mean: how they are coded stands in that resource.

A diagnosis on an Encounter names a Condition, an order may name a Medication. `assemble` looks them up.
"""

from __future__ import annotations

from typing import Final

LINKS: Final = (
    ("Encounter.diagnosis", "Condition.code", True),
    ("MedicationRequest.medication", "Medication.code", False),
)
"""The field that points (its `answer` is `Type/id`), the field that codes, whether both must be of one patient."""
