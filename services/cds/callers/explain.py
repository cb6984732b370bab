"""Why a token is refused, check by check in the order of the service: what an integrator asks, and no caller is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeVar

import msgspec

from services.cds.callers.bearer_token import read_token
from services.cds.callers.client_auth import ClientAuth
from services.cds.callers.refusal import Reason, TokenRefused

T = TypeVar("T")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one check says; `skipped` where an earlier one left nothing to look at."""

    check: str
    verdict: Literal["good", "refused", "skipped"]
    said: str
    reason: Reason | None = None


@dataclass(slots=True)
class _Looking:
    """The verdicts so far."""

    verdicts: list[Verdict] = field(default_factory=list)

    def at(self, check: str, act: Callable[[], T], good: Callable[[T], str]) -> T | None:
        """Do one check and keep what it says; None if it refused."""
        try:
            found = act()
        except TokenRefused as refused:
            self.refused(check, refused)
            return None
        self.verdicts.append(Verdict(check=check, verdict="good", said=good(found)))
        return found

    def refused(self, check: str, why: TokenRefused) -> None:
        said = f"{why.message}. {why.remedy}" if why.remedy else why.message
        self.verdicts.append(Verdict(check=check, verdict="refused", said=said, reason=why.reason))

    def skipped(self, *checks: str, because: str) -> list[Verdict]:
        self.verdicts += [Verdict(check=check, verdict="skipped", said=because) for check in checks]
        return self.verdicts


async def explain(auth: ClientAuth, compact: str, path: str) -> list[Verdict]:
    """The verdict of each check on a token for the endpoint at `path`. Replay is not judged: only the service knows."""
    look = _Looking()
    token = look.at("token", lambda: read_token(compact), lambda _: "a signed JWT with all that is required")
    if token is None:
        rest = ("issuer", "audience", "times", "tenant", "algorithm", "key", "signature", "replay")
        return look.skipped(*rest, because="the token cannot be read")
    claims, header = token.claims, token.header
    issuer = look.at("issuer", lambda: auth.issuer_of(token), lambda found: f"{found.iss}, profile {found.profile}")
    if issuer is not None:
        look.at("audience", lambda: auth.check_audience(token, path), lambda _: ", ".join(map(ascii, claims.audiences)))
    else:
        look.skipped("audience", because="audiences are configured per issuer")
    look.at(
        "times", lambda: auth.check_times(token), lambda _: f"from {_instant(claims.iat)} to {_instant(claims.exp)}"
    )
    if issuer is None:
        return look.skipped("tenant", "algorithm", "key", "signature", "replay", because="the issuer is not trusted")
    look.at("tenant", lambda: auth.check_tenant(token, issuer), lambda _: claims.tenant or "none named, none required")
    look.at("algorithm", lambda: auth.check_algorithm(token, issuer), lambda _: header.alg)
    taken = look.verdicts[-1].verdict == "good"
    try:
        keys = await auth.keys_for(token, issuer)
    except TokenRefused as refused:
        look.refused("key", refused)
        return look.skipped("signature", "replay", because="there is no key to check with")
    look.at("key", lambda: keys, lambda _: f"{header.kid!a}, " + ("by hand" if keys is issuer.keys else "from the jku"))
    if not taken:
        return look.skipped("signature", "replay", because="its algorithm is not taken")
    look.at("signature", lambda: auth.check_signature(token, keys), lambda _: "one of this key")
    return look.skipped("replay", because=f"a token is good once: the service refuses {claims.jti} if it saw it before")


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
