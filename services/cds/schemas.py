"""What callers send, as far as it binds us: strict where the specification needs it, lenient everywhere else.

The table of hooks says what a context must hold. Unknown hooks and fields are read over (minor versions add them, and
`extension` is the client's); FHIR content stays raw bytes until `bedside` reads it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Final

import msgspec

from services.cds.callers.client_auth import ANYONE, Caller
from services.cds.patient.prefetch_shapes import UNREADABLE
from services.cds.patient.typed_answer import Value
from services.guidance.hooks import HOOKS, ContextField, Kind
from services.plumbing.web import decode
from services.timeline.errors import BadInput

FHIR_ID: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9\-._]{1,256}")
"""Epic's ids have about 194 characters where FHIR allows 64. One made of dots alone would climb in a URL."""

Instance = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{1,128}$")]
"""The specification says UUID. It names a call for retries and traces and opens nothing, so that a client with another
habit loses nothing by it; what is kept must be short and printable."""


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
    fhirServer: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815
    fhirAuthorization: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815
    extension: msgspec.Raw = msgspec.Raw(b"null")


class _Unread(_Wire):
    """Any call: what came under each key is still to be read."""

    prefetch: dict[str, msgspec.Raw] | None = None


class _Read(_Wire):
    """A call whose every prefetch value is as FHIR has it."""

    prefetch: dict[str, Value | None] | None = None


class _Prefetch(msgspec.Struct):
    prefetch: dict[str, msgspec.Raw]


class AsSent(Mapping[str, msgspec.Raw]):
    """The prefetch of a call that was read whole: the bytes of a value are looked for only when somebody asks for them."""

    __slots__ = ("_body", "_found", "_keys")

    def __init__(self, body: bytes, keys: Sequence[str]) -> None:
        self._body = body
        self._keys = keys
        self._found: Mapping[str, msgspec.Raw] | None = None

    def __getitem__(self, key: str) -> msgspec.Raw:
        if key not in self._keys:
            raise KeyError(key)
        if self._found is None:
            self._found = _PREFETCH.decode(self._body).prefetch
        return self._found[key]

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


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
    prefetch: Mapping[str, msgspec.Raw]
    """What came under each key, unread."""
    read: dict[str, Value | None] = msgspec.field(default_factory=dict)
    """The same, read, if all of it is as FHIR has it; else nothing, and each value is read by itself. Who uses one takes it out."""
    fhir_server: str
    fhir_token: str
    extension: msgspec.Raw = msgspec.Raw(b"null")
    """What the client sends beside, unread: each client has its own."""
    trigger: str = ""
    """The client's own name of the moment, where it reuses a hook for it (`clients.hear`)."""

    def __repr__(self) -> str:
        """Neither identifiers nor tokens."""
        return f"HookRequest(hook={self.hook!r})"


_NULL: Final = msgspec.Raw(b"null")
_EMPTY: Final = msgspec.Raw(b'""')
_FIRST: Final[Mapping[Kind, tuple[bytes, ...]]] = {
    "id": (b'"',), "reference": (b'"',), "references": (b'"', b"["),
    "bundle": (b"{",), "resource": (b"{",), "resources": (b"{", b"["),
}  # fmt: skip
"""The first byte of a value of each kind: enough to tell a wrong type, without parsing what is not needed yet."""
_LOOKS: Final[Mapping[Kind, str]] = {
    "id": "text", "reference": "text", "references": "a list of references",
    "bundle": "a Bundle", "resource": "a resource", "resources": "a list of resources",
}  # fmt: skip

_UNREAD: Final = msgspec.json.Decoder(_Unread)
_READ: Final = msgspec.json.Decoder(_Read)
_PREFETCH: Final = msgspec.json.Decoder(_Prefetch)
_TEXT: Final = msgspec.json.Decoder(str | None)
_AUTHORIZATION: Final = msgspec.json.Decoder(FhirAuthorization | None)


def read_hook_request(body: bytes, caller: Caller = ANYONE, *, may_lack: Collection[str] = ()) -> HookRequest:
    """The body of a hook call, or BadInput naming the field that is wrong by its JSON path.

    `may_lack`: required fields that this client is known to leave out.
    """
    wire, prefetch, read = _wire(body)
    context = wire.context
    patient = _identifier(context, "patientId", "Patient")
    if (hook := HOOKS.get(wire.hook)) is not None:
        for field in hook.fields:
            _check(field, context, may_lack)
    server = _lenient_text(wire.fhirServer)
    return HookRequest(
        hook=wire.hook,
        instance=wire.hookInstance,
        patient=patient,
        encounter=_identifier(context, "encounterId", "Encounter"),
        user=_reference(_lenient_text(context.get("userId", _NULL))),
        caller=caller,
        context=context,
        prefetch=prefetch,
        read=read,
        fhir_server=server,
        fhir_token=_token(wire.fhirAuthorization) if server else "",
        extension=wire.extension,
    )


def _wire(body: bytes) -> tuple[_Wire, Mapping[str, msgspec.Raw], dict[str, Value | None]]:
    """The call with its prefetch, unread and, if it could be at once, read. What is wrong is said by the reader of any call."""
    try:
        call = _READ.decode(body)
    except UNREADABLE:
        other = decode(_UNREAD, body)
        return other, other.prefetch or {}, {}
    read = call.prefetch or {}
    return call, AsSent(body, tuple(read)), read


def _check(field: ContextField, context: Mapping[str, msgspec.Raw], may_lack: Collection[str]) -> None:
    """A required field must be there, any field of the table must look like its kind; `null` and `""` are not there."""
    for name in field.spellings():
        raw = context.get(name, _NULL)
        first = bytes(memoryview(raw)[:1])
        if first == b"n" or raw == _EMPTY:
            continue
        if first not in _FIRST[field.kind]:
            raise BadInput(f"not {_LOOKS[field.kind]}", place=f"$.context.{name}")
        return
    if field.required and field.name not in may_lack:
        raise BadInput("missing", place=f"$.context.{field.name}", remedy="This hook's definition requires it")


def _identifier(context: Mapping[str, msgspec.Raw], name: str, kind: str) -> str:
    """A plain id; some clients send a reference, `Patient/123` or a whole URL, where the id is asked for."""
    text = decode(_TEXT, bytes(context.get(name, _NULL)), place=f"$.context.{name}") or ""
    if "/" in text:
        text = _reference(text).removeprefix(f"{kind}/")
        text = text or "/"  # it was something, and no id
    if text and not FHIR_ID.fullmatch(text):
        raise BadInput("not a FHIR id", place=f"$.context.{name}", remedy="Send the id of the resource")
    return text


def _reference(text: str) -> str:
    """`Practitioner/123`, also of a URL and of a version; empty if it is none: it does not decide about an answer."""
    parts = text.partition("/_history/")[0].split("/")
    if len(parts) > 2 and not text.startswith(("https://", "http://")):
        return ""
    kind, identifier = parts[-2:] if len(parts) > 1 else ("", "")
    return f"{kind}/{identifier}" if kind.isalpha() and kind.isascii() and FHIR_ID.fullmatch(identifier) else ""


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
