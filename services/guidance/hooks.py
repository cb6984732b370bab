"""The hooks of CDS Hooks as data: what their contexts hold, what must be there, and what a prefetch template may name.

From the HL7 hooks library (April 2026). Reading is lenient where clients were seen to differ: a field has other
spellings, and where one is asked for several may come. A field that is not named here is nobody's fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["id", "reference", "references", "bundle", "resource", "resources"]
"""How a field looks as JSON: text for an id or a reference, one text or several, an object, one object or several."""

USER_TOKENS: Final[Mapping[str, str]] = {
    "userPractitionerId": "Practitioner",
    "userPractitionerRoleId": "PractitionerRole",
    "userPatientId": "Patient",
    "userRelatedPersonId": "RelatedPerson",
}
"""Prefetch token → the kind of user whose id it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextField:
    """One field of a hook's context."""

    name: str
    kind: Kind
    required: bool = False
    token: bool = False
    """A prefetch template may name it."""
    also: tuple[str, ...] = ()
    """Other spellings, of earlier versions and of examples."""

    def spellings(self) -> tuple[str, ...]:
        """All names under which it may come, the right one first."""
        return (self.name, *self.also)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook: the `hookVersion` of its definition (not its `specificationVersion`), and its context."""

    name: str
    version: str
    fields: tuple[ContextField, ...]
    deprecated: bool = False

    def names(self, token: str) -> bool:
        """Whether a prefetch template of this hook may use the token, such as `context.patientId`."""
        if token in USER_TOKENS:
            return any(field.name == "userId" for field in self.fields)
        return any(field.token and token == f"context.{name}" for field in self.fields for name in field.spellings())

    @property
    def has_encounter(self) -> bool:
        """Whether its context may name the encounter."""
        return self.names("context.encounterId")


_USER: Final = ContextField(name="userId", kind="reference", required=True, token=True)
_PERHAPS_USER: Final = ContextField(name="userId", kind="reference", token=True)
_PATIENT: Final = ContextField(name="patientId", kind="id", required=True, token=True)
_ENCOUNTER: Final = ContextField(name="encounterId", kind="id", required=True, token=True)
_PERHAPS_ENCOUNTER: Final = ContextField(name="encounterId", kind="id", token=True)
_DRAFT_ORDERS: Final = ContextField(name="draftOrders", kind="bundle", required=True)
_ABOUT: Final = (_PATIENT, _USER, _PERHAPS_ENCOUNTER)

HOOKS: Final[Mapping[str, Hook]] = {
    hook.name: hook
    for hook in (
        Hook(name="patient-view", version="1.0", fields=_ABOUT),
        Hook(name="order-sign", version="1.0", fields=(*_ABOUT, _DRAFT_ORDERS)),
        Hook(
            name="order-select",
            version="1.0",
            fields=(*_ABOUT, ContextField(name="selections", kind="references", required=True), _DRAFT_ORDERS),
        ),
        Hook(
            name="order-dispatch",
            version="1.1",
            # Version 1.0 had one `order` with one `task`; the library's own example spells the tasks with a hyphen.
            fields=(
                _PATIENT,
                ContextField(name="dispatchedOrders", kind="references", required=True, token=True, also=("order",)),
                ContextField(name="performer", kind="reference", required=True, token=True),
                ContextField(name="fulfillmentTasks", kind="resources", also=("fulfillment-tasks", "task")),
            ),
        ),
        Hook(
            name="appointment-book",
            version="1.0",
            fields=(*_ABOUT, ContextField(name="appointments", kind="bundle", required=True)),
        ),
        Hook(name="encounter-start", version="1.0", fields=(_PATIENT, _USER, _ENCOUNTER)),
        Hook(name="encounter-discharge", version="1.0", fields=(_PATIENT, _USER, _ENCOUNTER)),
        Hook(
            name="problem-list-item-create",
            version="0.1.0",
            fields=(*_ABOUT, ContextField(name="conditions", kind="bundle", required=True)),
        ),
        Hook(
            name="allergyintolerance-create",
            version="0.1.0",
            fields=(*_ABOUT, ContextField(name="allergyIntolerance", kind="resource", required=True)),
        ),
        Hook(
            name="medication-refill",
            version="0.1.0",
            fields=(
                _PATIENT,
                _PERHAPS_USER,
                _PERHAPS_ENCOUNTER,
                ContextField(name="medications", kind="bundle", required=True),
            ),
        ),
        Hook(
            name="medication-verify",
            version="0.1.0",
            # The example of its page calls it `order`.
            fields=(*_ABOUT, ContextField(name="medication", kind="resource", required=True, also=("order",))),
        ),
        Hook(
            name="medication-prescribe",
            version="1.0",
            fields=(*_ABOUT, ContextField(name="medications", kind="bundle", required=True)),
            deprecated=True,
        ),
        Hook(
            name="order-review",
            version="1.0",
            fields=(*_ABOUT, ContextField(name="orders", kind="bundle", required=True)),
            deprecated=True,
        ),
    )
}
"""Every hook of the library by name, the deprecated ones too: they are read, and no guidance may ask for them."""
CURRENT_HOOKS: Final = frozenset(name for name, hook in HOOKS.items() if not hook.deprecated)
