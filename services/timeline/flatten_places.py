"""Places and people that others point to: events of no patient that `assemble` uses up, as it does a Medication.

They say how a department (Location), a site (Organization) or a specialist (PractitionerRole) is coded.
"""

from __future__ import annotations

from math import nan

from services.timeline.concepts import target, tokens_of_all
from services.timeline.elements import Concept
from services.timeline.events import EventBatch
from services.timeline.facts import updated_of
from services.timeline.instants import ALWAYS, NAT
from services.timeline.resources_places import Location, Organization, PractitionerRole


def flatten_location(seen: Location, batch: EventBatch) -> None:
    """What kind of department it is, and of which institution: in the place of a code stands `Organization/id`."""
    site = target(seen.managing_organization, "Organization/")
    if seen.id and site:
        _code(seen, "Location", "managingOrganization", f"Organization/{site}", batch)
        if not tokens_of_all(seen.type):
            return
    _coder(seen, "Location", "type", seen.type, batch)


def flatten_organization(seen: Organization, batch: EventBatch) -> None:
    """What kind of institution it is."""
    _coder(seen, "Organization", "type", seen.type, batch)


def flatten_practitioner_role(seen: PractitionerRole, batch: EventBatch) -> None:
    """The specialty in which a practitioner works."""
    _coder(seen, "PractitionerRole", "specialty", seen.specialty, batch)


def _coder(
    seen: Location | Organization | PractitionerRole,
    kind: str,
    element: str,
    concepts: list[Concept | None] | None,
    batch: EventBatch,
) -> None:
    codes = tokens_of_all(concepts)
    if not seen.id or not codes:
        batch.skipped[f"{kind}: no id or no {element}"] += 1
        return
    _code(seen, kind, element, codes, batch)


def _code(
    seen: Location | Organization | PractitionerRole, kind: str, element: str, codes: str, batch: EventBatch
) -> None:
    updated = updated_of(seen.meta, batch, kind)
    batch.cells.extend(
        ("", f"{kind}.{element}", codes, "", "", f"{kind}/{seen.id}", "", NAT, NAT, ALWAYS, updated, False, nan)
    )  # fmt: skip
