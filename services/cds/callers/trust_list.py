"""The trust list: which CDS clients may call, with which keys, for whom, and what they may write in their tokens.

A file of entries, read as a whole or not at all. The issuer of the public CDS Hooks Sandbox is refused in it: its
private key is published, so anyone can sign in its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec

from services.cds.clients.profile import Profiles, read_profiles
from services.plumbing.fhir_server import origin_of
from services.plumbing.key_sets import checked_url
from services.plumbing.public_keys import ALGORITHMS, PublicKeys, read_jwks, read_jwks_text
from services.timeline.errors import BadInput

RECOMMENDED: Final = ("ES384", "RS384")
"""What CDS Hooks recommends, and what is taken unless an entry says otherwise."""
SANDBOX: Final = "https://sandbox.cds-hooks.org"
SANDBOX_JWKS: Final = f"{SANDBOX}/.well-known/jwks.json"
# The ids of the keys whose private halves are in the Sandbox's public repository.
_PUBLISHED: Final = frozenset({"44823f3d-0b01-4a6c-a80e-b9d3e8a7226f", "d9cd3c4f-eb08-4304-b973-44f352fd2ca2"})

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2048, pattern=r"\A[\x20-\x7e]*\Z")]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One client as the file has it. `jwks`, `jwks_file` or `jku`: where its keys are; keys by hand are looked in first."""

    iss: _Text
    jwks: dict[str, Any] | None = None
    jwks_file: str | None = None
    jku: tuple[_Text, ...] = ()
    """The only addresses that its key sets may be fetched from, and that its tokens may name."""
    tenants: tuple[_Text, ...] = ()
    """If any are named, a token must name one of them."""
    audiences: tuple[_Text, ...] = ()
    """What its tokens may say besides the address of the endpoint (Epic: one address for all)."""
    algorithms: tuple[str, ...] = RECOMMENDED
    profile: str = "default"
    fhir_servers: tuple[_Text, ...] = ()
    """Origins that its calls may name as `fhirServer`."""


class TrustedIssuer(msgspec.Struct, frozen=True, kw_only=True):
    """A client that may call."""

    iss: str
    keys: PublicKeys = msgspec.field(default_factory=PublicKeys)
    jku: tuple[str, ...] = ()
    tenants: frozenset[str] = frozenset()
    audiences: tuple[str, ...] = ()
    algorithms: frozenset[str] = frozenset(RECOMMENDED)
    profile: str = "default"
    fhir_servers: tuple[str, ...] = ()


_FILE: Final = msgspec.json.Decoder(list[Entry])


class TrustList:
    """The file and those who are trusted without it.

    `development`: http on loopback is allowed for key sets. `profiles`: the dialects that there are, the shipped ones if
    not given; what a dialect's tokens say as audience is trusted of its issuers, under `public_url`.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        always: Iterable[TrustedIssuer] = (),
        development: bool = False,
        sandbox: bool = False,
        profiles: Profiles | None = None,
        public_url: str = "",
    ) -> None:
        self.path = path
        self._profiles = profiles or read_profiles()
        self._public_url = public_url.rstrip("/")
        self._always = tuple(always)
        self._development = development
        self._sandbox = sandbox

    def read(self) -> list[TrustedIssuer]:
        """Everyone who is trusted now; BadInput names the entry that is wrong."""
        return self.judge([] if self.path is None else read_entries(self.path))

    def judge(self, entries: Iterable[Entry]) -> list[TrustedIssuer]:
        """Everyone who would be trusted if these were the list."""
        issuers = [*(self._trusted(entry) for entry in entries), *self._always]
        if self._sandbox and SANDBOX not in {issuer.iss for issuer in issuers}:
            issuers.append(TrustedIssuer(iss=SANDBOX, jku=(SANDBOX_JWKS,), profile="sandbox"))
        names = [issuer.iss for issuer in issuers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BadInput(f"{twice[0]} is in it twice", place=str(self.path), remedy="Make one entry of the two")
        return issuers

    def files(self) -> list[Path]:
        """The list and the key files that it names: what must be watched for a change."""
        if self.path is None:
            return []
        named = [entry.jwks_file for entry in read_entries(self.path) if entry.jwks_file is not None]
        return [self.path, *(self.path.parent / name for name in named)]

    def _usual_audiences(self, profile: str, place: str) -> list[str]:
        """What the tokens of such a client say, besides the endpoint; BadInput if there is no such profile."""
        try:
            usual = self._profiles.named(profile).audiences
        except BadInput as fault:
            raise BadInput(fault.message, place=place, remedy=fault.remedy) from fault
        return [one.replace("{base}", self._public_url) for one in usual if self._public_url or "{base}" not in one]

    def _trusted(self, entry: Entry) -> TrustedIssuer:
        place = f"{self.path}: {entry.iss}"
        for url in entry.jku:
            checked_url(url, development=self._development, place=place)
        for server in entry.fhir_servers:
            origin_of(server)
        if unknown := [name for name in entry.algorithms if name not in ALGORITHMS]:
            raise BadInput(
                f"{unknown[0]!a} is no algorithm that a client may sign with",
                place=place,
                remedy=f"Choose of {', '.join(ALGORITHMS)}; `none` and shared secrets (HS…) are never taken",
            )
        if not entry.algorithms:
            raise BadInput(
                "no algorithm is allowed", place=place, remedy="Leave `algorithms` out for the recommended ones"
            )
        issuer = TrustedIssuer(
            iss=entry.iss,
            keys=_keys(entry, self.path or Path(), place),
            jku=entry.jku,
            tenants=frozenset(entry.tenants),
            audiences=(*entry.audiences, *self._usual_audiences(entry.profile, place)),
            algorithms=frozenset(entry.algorithms),
            profile=entry.profile,
            fhir_servers=entry.fhir_servers,
        )
        if _is_sandbox(issuer) and not (self._sandbox and issuer.profile == "sandbox"):
            raise BadInput(
                "the private key of the public CDS Hooks Sandbox is published: anyone could sign in its name",
                place=place,
                remedy="For a demo set KNOWDO_CDS_TRUST_SANDBOX and give the entry the profile `sandbox`; else remove it",
            )
        return issuer


def read_entries(path: Path) -> list[Entry]:
    """The file's entries; BadInput if it cannot be read or is no trust list."""
    try:
        return _FILE.decode(path.read_bytes())
    except OSError as fault:
        raise BadInput(f"cannot be read ({fault.strerror})", place=str(path), remedy="Mount the file") from fault
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadInput(
            f"not a trust list: {fault}", place=str(path), remedy='Write [{"iss": "…", "jwks_file": "…"}]'
        ) from fault


def _keys(entry: Entry, path: Path, place: str) -> PublicKeys:
    """The keys given by hand; none if there is an address to fetch them from."""
    if entry.jwks is not None:
        return read_jwks(entry.jwks, place=place)
    if entry.jwks_file is not None:
        try:
            text = (path.parent / entry.jwks_file).read_bytes()
        except OSError as fault:
            raise BadInput(f"{entry.jwks_file} cannot be read ({fault.strerror})", place=place) from fault
        return read_jwks_text(text, place=f"{place}: {entry.jwks_file}")
    if not entry.jku:
        raise BadInput("neither jwks nor jwks_file nor jku", place=place, remedy="Name the client's public keys")
    return PublicKeys()


def _is_sandbox(issuer: TrustedIssuer) -> bool:
    """By name, by address of its keys, or by the keys themselves under another name."""
    host = urlsplit(SANDBOX).hostname
    named = [urlsplit(url.lower()).hostname for url in (issuer.iss, *issuer.jku)]
    return host in [(name or "").rstrip(".") for name in named] or not _PUBLISHED.isdisjoint(issuer.keys.ids)
