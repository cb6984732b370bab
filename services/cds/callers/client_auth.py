"""Who calls: a JWT of a trusted issuer, for this very endpoint, unexpired, never seen before. Else a bare 401.

The order is the specification's best practice: issuer, audience, times, tenant, signature, replay. The reason of a
refusal goes to the log and to a counter, never to the caller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from services.cds.callers.bearer_token import BearerToken, Claims, bearer_of, read_token
from services.cds.callers.refusal import Reason, TokenRefused
from services.cds.callers.seen_tokens import SeenTokens
from services.cds.callers.trust_list import TrustedIssuer
from services.cds.decisions.records import Token
from services.plumbing.key_sets import KeySets
from services.plumbing.public_keys import PublicKeys

# Some clients round `iat` up by a second, and clocks differ.
LEEWAY: Final = 60
# "No more than an hour" is what the specification lets a replay memory keep.
LONGEST_LIFE: Final = 3600


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who proved what: the issuer, and the token to be remembered (none for an open service)."""

    iss: str
    tenant: str = ""
    profile: str = "default"
    fhir_servers: tuple[str, ...] = ()
    """Origins that the calls of this issuer may name as `fhirServer`, besides those that any may."""
    token: Token | None = None


ANYONE: Final = Caller(iss="")
"""Whoever calls an open service."""


class ClientAuth:
    """Checks tokens. What this process saw it knows by itself; the decision log knows it for all workers."""

    def __init__(
        self, issuers: Iterable[TrustedIssuer], *, public_url: str, key_sets: KeySets | None = None,
        open_to_all: bool = False, discovery_needs_token: bool = False, clock: Callable[[], float] = time.time,
        on_refused: Callable[[Reason], None] = lambda _reason: None,
    ) -> None:  # fmt: skip
        self._public_url = public_url
        self._key_sets = key_sets
        self._open = open_to_all
        self._discovery_needs_token = discovery_needs_token
        self._clock = clock
        self._on_refused = on_refused
        self._seen = SeenTokens()
        self.trust(issuers)

    def trust(self, issuers: Iterable[TrustedIssuer]) -> None:
        """Trust these from the next call on, and nobody else."""
        self.issuers = {issuer.iss: issuer for issuer in issuers}
        self._audiences = {iss: frozenset(map(tidied, issuer.audiences)) for iss, issuer in self.issuers.items()}

    def warm(self) -> None:
        """Begin to fetch the key sets of those whose keys are not here by hand; in a running event loop."""
        if self._key_sets is not None:
            self._key_sets.warm(url for issuer in self.issuers.values() if not issuer.keys for url in issuer.jku)

    def remember(self, tokens: Iterable[Token]) -> None:
        """Take over the tokens that an earlier process saw."""
        self._seen.take_over(tokens)

    def asks_at_discovery(self, shown: Sequence[str]) -> bool:
        """Whether a discovery call with these Authorization headers is checked: what is shown is never passed over."""
        return self._discovery_needs_token or bool(shown)

    async def check(self, shown: Sequence[str], path: str) -> Caller:
        """The caller of the endpoint at `path` by its Authorization headers; TokenRefused holds the reason, for the log."""
        if self._open:
            return ANYONE
        token: BearerToken | None = None
        try:
            token = read_token(bearer_of(shown))
            issuer = self.issuer_of(token)
            self.check_audience(token, path)
            self.check_times(token)
            self.check_tenant(token, issuer)
            self.check_algorithm(token, issuer)
            self.check_signature(token, await self.keys_for(token, issuer))
            seen = _to_remember(token.claims)
            if not self._seen.first_use(seen, now=self._clock()):
                raise TokenRefused("replayed", "the token was used before", place=issuer.iss)
        except TokenRefused as refused:
            raise self._noted(refused, token.claims if token is not None else None) from None
        return Caller(
            iss=issuer.iss,
            tenant=token.claims.tenant or "",
            profile=issuer.profile,
            fhir_servers=issuer.fhir_servers,
            token=seen,
        )

    def replayed(self, caller: Caller) -> TokenRefused:
        """The refusal of a token that the decision log had seen already, at another worker or before a restart."""
        refused = TokenRefused("replayed", "the token was used before, at another worker", place=caller.iss)
        refused.facts = {"iss": caller.iss, "tenant": caller.tenant, "jti": caller.token.jti if caller.token else ""}
        self._on_refused("replayed")
        return refused

    def issuer_of(self, token: BearerToken) -> TrustedIssuer:
        """The issuer, if it is on the list."""
        issuer = self.issuers.get(token.claims.iss)
        if issuer is None:
            raise TokenRefused(
                "unknown-issuer",
                f"issuer {token.claims.iss} is not trusted"
                if self.issuers
                else "no CDS client is trusted yet, so every call is refused",
                remedy="`knowdo cds trust add` adds one to the list of KNOWDO_CDS_TRUSTED_ISSUERS_FILE",
            )
        return issuer

    def check_audience(self, token: BearerToken, path: str) -> None:
        """The token is for the endpoint that was called, or for what the issuer's entry says it may write."""
        endpoint = tidied(f"{self._public_url}{path}")
        configured = self._audiences[token.claims.iss]
        given = [tidied(audience) for audience in token.claims.audiences]
        if endpoint not in given and configured.isdisjoint(given):
            raise TokenRefused(
                "audience",
                f"the token is for {', '.join(ascii(one) for one in given[:3])}, not for "
                + " or ".join([endpoint, *sorted(configured)]),
                place=token.claims.iss,
                remedy="Set KNOWDO_CDS_PUBLIC_URL to the address that the client calls, or add the audience it writes",
            )

    def check_times(self, token: BearerToken) -> None:
        """It is valid now, give or take what clocks differ, and for an hour at most."""
        now, claims = self._clock(), token.claims
        if claims.exp + LEEWAY < now:
            raise TokenRefused("expired", f"the token expired {now - claims.exp:.0f} s ago", place=claims.iss)
        if claims.iat - LEEWAY > now or (claims.nbf or 0.0) - LEEWAY > now:
            raise TokenRefused(
                "not-yet-valid", "the token is not valid yet", place=claims.iss, remedy="Compare the two clocks"
            )
        if not 0 <= claims.exp - claims.iat <= LONGEST_LIFE:
            raise TokenRefused(
                "lifetime",
                f"the token lives {claims.exp - claims.iat:.0f} s",
                place=claims.iss,
                remedy=f"From `iat` to `exp` at most {LONGEST_LIFE} s",
            )

    def check_tenant(self, token: BearerToken, issuer: TrustedIssuer) -> None:
        """It speaks for a tenant that the issuer's entry names, if that names any."""
        if issuer.tenants and token.claims.tenant not in issuer.tenants:
            said = (
                f"tenant {token.claims.tenant} is not trusted" if token.claims.tenant else "the token names no tenant"
            )
            raise TokenRefused("tenant", said, place=issuer.iss, remedy="Add it to the issuer's `tenants`")

    def check_algorithm(self, token: BearerToken, issuer: TrustedIssuer) -> None:
        """Its algorithm is one that this issuer may use."""
        if token.header.alg not in issuer.algorithms:
            raise TokenRefused(
                "algorithm",
                f"{token.header.alg!a} is not taken",
                place=issuer.iss,
                remedy=f"It may sign with {', '.join(sorted(issuer.algorithms))}",
            )

    async def keys_for(self, token: BearerToken, issuer: TrustedIssuer) -> PublicKeys:
        """The set with the token's key: the one given by hand, or that of a listed `jku`. No other address is ever asked."""
        header = token.header
        if header.jku is not None and header.jku not in issuer.jku:
            raise TokenRefused(
                "key-set",
                f"the token says that its keys are at {header.jku!a}, which is not an address of its issuer",
                place=issuer.iss,
                remedy="If that is right, add the address to the issuer's `jku`",
            )
        if header.kid in issuer.keys.ids:
            return issuer.keys
        for url in (header.jku,) if header.jku is not None else issuer.jku:
            if self._key_sets is not None and header.kid in (found := await self._key_sets.find(url, header.kid)).ids:
                return found
        raise TokenRefused(
            "unknown-key",
            f"key {header.kid!a} is not one of the issuer's",
            place=issuer.iss,
            remedy="Fetch the client's JWK set again" if not issuer.jku else "Look at the key set at its `jku`",
        )

    def check_signature(self, token: BearerToken, keys: PublicKeys) -> None:
        """The key signed exactly what was read."""
        header, place = token.header, token.claims.iss
        try:
            fits = keys.fits(header.kid, header.alg, token.signed, token.signature)
        except KeyError:
            raise TokenRefused(
                "algorithm",
                f"{header.alg!a} is not taken with key {header.kid!a}",
                place=place,
                remedy=f"It is fit for {', '.join(keys.algorithms(header.kid))}",
            ) from None
        if not fits:
            raise TokenRefused("signature", f"the signature is not one of key {header.kid!a}", place=place)

    def _noted(self, refused: TokenRefused, claims: Claims | None) -> TokenRefused:
        """Counted, and with what the log may say of the token: never the token."""
        self._on_refused(refused.reason)
        if claims is not None:
            refused.facts = {"iss": claims.iss, "tenant": claims.tenant or "", "jti": claims.jti}
        return refused


def tidied(url: str) -> str:
    """Without doubled slashes in the path or one at the end: the Sandbox signs what it made of a discovery URL."""
    scheme, separator, rest = url.partition("://")
    while "//" in rest:
        rest = rest.replace("//", "/")
    return scheme + separator + rest.rstrip("/")


def _to_remember(claims: Claims) -> Token:
    return Token(iss=claims.iss, jti=claims.jti, expires_at=int(claims.exp) + LEEWAY)
