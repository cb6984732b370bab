"""What callers send, as far as it binds us: strict where the specification needs it, lenient everywhere else.

Unknown fields are ignored (minor versions add them); FHIR content stays raw bytes until `bedside` reads it.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from services.cds.callers.client_auth import ANYONE, Caller
from services.plumbing.web import decode
from services.timeline.errors import BadInput

FHIR_ID: Final = re.compile(r"[A-Za-z0-9\-._]{1,256}")
"""Epic's ids have about 194 characters where FHIR allows 64."""

Instance = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{1,128}$")]


class FhirAuthorization(msgspec.Struct, frozen=True):
    """The EHR's token for its FHIR server; it is used once and never kept."""

    access_token: str = ""

    def __repr__(self) -> str:
        """Without the token, so that no log or traceback holds it."""
        return "FhirAuthorization(…)"


class _Wire(msgspec.Struct):
    hook: str
    hookInstance: Instance  # noqa: N815 (as on the wire)
    context: dict[str, msgspec.Raw]
    prefetch: msgspec.Raw = msgspec.Raw(b"null")
    fhirServer: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815
    fhirAuthorization: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815


class HookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call: which hook, about whom, by whom, through which client, with what data."""

    hook: str
    instance: str
    patient: str
    encounter: str
    user: str
    caller: Caller = ANYONE
    """The client that proved who it is."""
    context: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)
    """The hook's whole context, unread: draft orders, appointments and what else this hook has."""
    prefetch: dict[str, msgspec.Raw]
    fhir_server: str
    fhir_token: str

    def __repr__(self) -> str:
        """Neither identifiers nor tokens."""
        return f"HookRequest(hook={self.hook!r})"


_WIRE: Final = msgspec.json.Decoder(_Wire)
_PREFETCH: Final = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_TEXT: Final = msgspec.json.Decoder(str | None)
_AUTHORIZATION: Final = msgspec.json.Decoder(FhirAuthorization | None)


def read_hook_request(body: bytes, caller: Caller = ANYONE) -> HookRequest:
    """The body of a hook call, or BadInput naming the field that is wrong."""
    wire = decode(_WIRE, body)
    context = wire.context
    server = _lenient_text(wire.fhirServer)
    return HookRequest(
        hook=wire.hook,
        instance=wire.hookInstance,
        patient=_identifier(context, "patientId", "Patient/", required=True),
        encounter=_identifier(context, "encounterId", "Encounter/", required=False),
        user=_reference(context, "userId"),
        caller=caller,
        context=context,
        prefetch=decode(_PREFETCH, bytes(wire.prefetch), place="prefetch") or {},
        fhir_server=server,
        fhir_token=_token(wire.fhirAuthorization) if server else "",
    )


def _identifier(context: dict[str, msgspec.Raw], name: str, prefix: str, *, required: bool) -> str:
    """A plain id; some clients send a reference, `Patient/123`, where the id is asked for."""
    text = decode(_TEXT, bytes(context.get(name, b"null")), place=f"context.{name}") or ""
    text = text.removeprefix(prefix)
    if not text and not required:
        return ""
    if not FHIR_ID.fullmatch(text):
        raise BadInput(
            "missing" if not text else "not a FHIR id", place=f"context.{name}", remedy="Send the id of the resource"
        )
    return text


def _reference(context: dict[str, msgspec.Raw], name: str) -> str:
    """`Practitioner/123` or empty: who the user is does not decide whether a patient gets an answer."""
    text = _lenient_text(context.get(name, msgspec.Raw(b"null")))
    kind, _, identifier = text.partition("/")
    return text if kind.isalpha() and FHIR_ID.fullmatch(identifier) else ""


def _lenient_text(raw: msgspec.Raw) -> str:
    try:
        return _TEXT.decode(raw) or ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _token(raw: msgspec.Raw) -> str:
    try:
        found = _AUTHORIZATION.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return found.access_token if found is not None else ""
