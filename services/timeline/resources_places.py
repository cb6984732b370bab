"""What is read of places and people: how a site, a department or a specialist that others point to is coded.

They belong to no patient. R4 and R5 name what is read here alike.
"""

from __future__ import annotations

from services.timeline.elements import Concept, Meta, Part, Reference


class Location(Part, tag_field="resourceType", tag="Location"):
    """A department, ward or room."""

    id: str | None = None
    meta: Meta | None = None
    type: list[Concept | None] | None = None
    managing_organization: Reference | None = None


class Organization(Part, tag_field="resourceType", tag="Organization"):
    """A site or an institution."""

    id: str | None = None
    meta: Meta | None = None
    type: list[Concept | None] | None = None


class PractitionerRole(Part, tag_field="resourceType", tag="PractitionerRole"):
    """A practitioner in their role."""

    id: str | None = None
    meta: Meta | None = None
    specialty: list[Concept | None] | None = None
