"""Who calls: a JWT of a trusted issuer, for this very endpoint, unexpired, never seen before. Else a bare 401.

Order as the specification's best practice: issuer, audience, times, signature, replay. The reason for a refusal goes
to the log alone. A key is only ever one that the trust list holds: a token's `jku` is not followed.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from services.cds.decisions.records import Token
from services.guidance.errors import NotAuthenticated
from services.timeline.errors import BadInput

ALGORITHMS: Final[Mapping[str, str]] = {"RS384": "RSA", "ES384": "EC"}
"""What CDS Hooks recommends, and nothing else: never `none`, never a shared secret."""
# Some clients round `iat` up by a second, and clocks differ.
LEEWAY: Final = 60
# "No more than an hour" is what the specification lets a replay memory keep.
LONGEST_LIFE: Final = 3600
LONGEST_TOKEN: Final = 8192

Profile = Literal["standard", "sandbox", "epic", "demo"]
_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=512, pattern=r"^[\x20-\x7e]*$")]


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str


class _Claims(msgspec.Struct, frozen=True):
    iss: _Short
    aud: str | list[str]
    exp: float
    iat: float
    jti: _Short
    nbf: float | None = None


class _Issuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: _Short
    jwks: dict[str, Any] | None = None
    jwks_file: str | None = None
    audiences: tuple[str, ...] = ()
    profile: Profile = "standard"


class TrustedIssuer(msgspec.Struct, frozen=True, kw_only=True):
    """A CDS client: its name, its public keys by id, other audiences that it may write, its dialect."""

    iss: str
    keys: dict[str, RSAKey | ECKey]
    audiences: tuple[str, ...] = ()
    profile: Profile = "standard"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who proved what: the issuer, and the token to be remembered (none for an open service)."""

    iss: str
    tenant: str = ""
    profile: Profile = "standard"
    fhir_servers: tuple[str, ...] = ()
    """Origins that the calls of this issuer may name as `fhirServer`, besides those that any may."""
    token: Token | None = None


ANYONE: Final = Caller(iss="")
"""Whoever calls an open service."""


_HEADER: Final = msgspec.json.Decoder(_Header)
_CLAIMS: Final = msgspec.json.Decoder(_Claims)
_FILE: Final = msgspec.json.Decoder(list[_Issuer])


class ClientAuth:
    """Checks tokens. `seen` holds what this process saw; the decision log holds the same for the next one."""

    def __init__(
        self, issuers: Iterable[TrustedIssuer], *, public_url: str, open_to_all: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.issuers = {issuer.iss: issuer for issuer in issuers}
        self._public_url = public_url.rstrip("/")
        self._open = open_to_all
        self._clock = clock
        self._seen: dict[tuple[str, str], int] = {}
        self._sweep_at = 0.0

    def remember(self, tokens: Iterable[Token]) -> None:
        """Take over the tokens that an earlier process saw."""
        self._seen.update({(token.iss, token.jti): token.expires_at for token in tokens})

    def check(self, authorization: str, path: str) -> Caller:
        """The caller of the endpoint at `path`; NotAuthenticated holds the reason, for the log."""
        if self._open:
            return ANYONE
        if not self.issuers:
            raise NotAuthenticated(
                "no CDS client is trusted yet, so every call is refused",
                place="KNOWDO_CDS_TRUSTED_ISSUERS_FILE",
                remedy="Name the clients' keys there: `knowdo cds trust add --help`",
            )
        scheme, _, compact = authorization.partition(" ")
        if scheme.lower() != "bearer" or not compact:
            raise NotAuthenticated("the call has no bearer token", place="Authorization")
        claims, issuer = self.explain(compact, path)
        token = Token(iss=claims.iss, jti=claims.jti, expires_at=int(claims.exp) + LEEWAY)
        self._once(token)
        return Caller(iss=issuer.iss, profile=issuer.profile, token=token)

    def explain(self, compact: str, path: str) -> tuple[_Claims, TrustedIssuer]:
        """Everything but the replay: what `knowdo cds trust explain` asks too."""
        header, claims = _read(compact)
        issuer = self.issuers.get(claims.iss)
        if issuer is None:
            raise NotAuthenticated(f"issuer {claims.iss} is not trusted", remedy="`knowdo cds trust add` adds one")
        wanted = self._audiences(path, issuer)
        given = {claims.aud} if isinstance(claims.aud, str) else set(claims.aud)
        if wanted.isdisjoint(_tidied(audience) for audience in given):
            raise NotAuthenticated(
                f"the token is for {sorted(given)[:3]}, not for {sorted(wanted)}",
                place=claims.iss,
                remedy="Set KNOWDO_CDS_PUBLIC_URL to the address that the client calls, or add the audience it writes",
            )
        self._check_times(claims)
        key = issuer.keys.get(header.kid)
        if key is None:
            raise NotAuthenticated(
                f"key {header.kid!r} is not one of {issuer.iss}", remedy="Fetch the client's JWK set again"
            )
        if ALGORITHMS.get(header.alg) != key.key_type:
            raise NotAuthenticated(f"{header.alg} is not taken with this {key.key_type} key", place=claims.iss)
        try:
            jws.deserialize_compact(compact.encode(), key, algorithms=[header.alg])
        except (JoseError, ValueError) as fault:
            raise NotAuthenticated(
                f"the signature does not fit ({type(fault).__name__})", place=f"{claims.iss} key {header.kid}"
            ) from fault
        return claims, issuer

    def _audiences(self, path: str, issuer: TrustedIssuer) -> set[str]:
        return {_tidied(f"{self._public_url}{path}"), *map(_tidied, issuer.audiences)}

    def _check_times(self, claims: _Claims) -> None:
        now = self._clock()
        if claims.exp + LEEWAY < now:
            raise NotAuthenticated(f"the token expired {now - claims.exp:.0f} s ago", place=claims.iss)
        if claims.iat - LEEWAY > now or (claims.nbf or 0.0) - LEEWAY > now:
            raise NotAuthenticated("the token is not valid yet", place=claims.iss, remedy="Compare the two clocks")
        if not 0 <= claims.exp - claims.iat <= LONGEST_LIFE:
            raise NotAuthenticated(f"the token lives longer than {LONGEST_LIFE} s", place=claims.iss)

    def _once(self, token: Token) -> None:
        now = self._clock()
        if now > self._sweep_at:
            self._seen = {key: expires for key, expires in self._seen.items() if expires >= now}
            self._sweep_at = now + 60
        key = (token.iss, token.jti)
        if key in self._seen:
            raise NotAuthenticated("the token was used before", place=token.iss)
        self._seen[key] = token.expires_at


def read_issuers(path: Path) -> list[TrustedIssuer]:
    """The trust list of a settings file; a fault names the entry."""
    try:
        entries = _FILE.decode(path.read_bytes())
    except OSError as fault:
        raise BadInput(f"cannot be read ({fault.strerror})", place=str(path), remedy="Mount the file") from fault
    except msgspec.DecodeError as fault:
        raise BadInput(
            f"not a trust list: {fault}", place=str(path), remedy='Write [{"iss": "…", "jwks_file": "…"}]'
        ) from fault
    return [_trusted(entry, path) for entry in entries]


def keys_of(jwks: Mapping[str, Any], *, place: str) -> dict[str, RSAKey | ECKey]:
    """The usable public keys of a JWK set by their id."""
    try:
        keys = KeySet.import_key_set({"keys": list(jwks["keys"])}).keys
    except (JoseError, KeyError, TypeError, ValueError) as fault:
        raise BadInput(f"not a JWK set ({type(fault).__name__})", place=place, remedy="Fetch it again") from fault
    usable = {key.kid: key for key in keys if isinstance(key, RSAKey | ECKey) and key.kid}
    if not usable:
        raise BadInput("no RSA or EC key with a `kid`", place=place, remedy="Ask the client for its JWK set")
    return usable


def _trusted(entry: _Issuer, path: Path) -> TrustedIssuer:
    place = f"{path}: {entry.iss}"
    jwks = entry.jwks
    if jwks is None:
        if entry.jwks_file is None:
            raise BadInput("neither jwks nor jwks_file", place=place, remedy="Name the client's public keys")
        try:
            jwks = msgspec.json.decode((path.parent / entry.jwks_file).read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError) as fault:
            raise BadInput(f"{entry.jwks_file} is no readable JWK set", place=place, remedy="Fetch it again") from fault
    return TrustedIssuer(
        iss=entry.iss, keys=keys_of(jwks, place=place), audiences=entry.audiences, profile=entry.profile
    )


def _read(compact: str) -> tuple[_Header, _Claims]:
    """The two readable parts of a token, unverified."""
    parts = compact.split(".")
    if len(compact) > LONGEST_TOKEN or len(parts) != 3:
        raise NotAuthenticated("the bearer token is no signed JWT")
    try:
        return _HEADER.decode(_decoded(parts[0])), _CLAIMS.decode(_decoded(parts[1]))
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError, RecursionError) as fault:
        raise NotAuthenticated(f"the token cannot be read: {type(fault).__name__}: {_first_line(fault)}") from fault


def _first_line(fault: Exception) -> str:
    """What msgspec says names fields, not values."""
    return str(fault).splitlines()[0] if isinstance(fault, msgspec.ValidationError) else ""


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _tidied(url: str) -> str:
    """Without doubled slashes in the path or one at the end: the Sandbox signs what it made of a discovery URL."""
    scheme, separator, rest = url.partition("://")
    while "//" in rest:
        rest = rest.replace("//", "/")
    return scheme + separator + rest.rstrip("/")
