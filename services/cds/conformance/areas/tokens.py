"""Client authentication: the right token is taken, every forged one is refused, and no refusal says why.

`@attack(item)` above a function that makes a token is a check: that token must be turned away.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, Final

from services.cds.conformance.checks import Faults, Look, Skipped, as_object, check
from services.cds.conformance.exchange import Exchange
from services.cds.conformance.requirements import Level
from services.cds.conformance.signer import Signer, tampered
from services.cds.conformance.target import NO_KEY, NOT_TRUSTED, REFUSED, Service, Target

HOUR: Final = 3600
EXPLAINING: Final = (
    "aud", "audience", "expired", "exp", "signature", "issuer", "iss", "kid", "jti", "replay", "tampered", "alg",
    "jku", "claim",
)  # fmt: skip
"""Words that would tell a forger what to mend next."""
Forge = Callable[[Signer, str], str]


@check(49)
def a_call_without_a_token_is_refused(target: Target, service: Service) -> Faults:
    """Without a token a call that carries patient data is turned away."""
    answer = target.post(service.path, target.request(service), signed=False)
    if answer.status not in REFUSED:
        yield f"answered {answer.says}: the service answers anyone"


@check(50, "I3")
def a_token_is_taken(target: Target, service: Service) -> Faults:
    """A call with a JWT as specified is answered, whether or not the service asks for one."""
    if target.signer is None:
        raise Skipped("no key was given (--jwk, --iss)")
    if target.post(service.path, target.request(service)).status in REFUSED:
        yield f"401: {NOT_TRUSTED}"


@check(50, level="SHOULD")
def audience_may_be_a_list(target: Target, service: Service) -> Faults:
    """`aud` may be an array that holds the endpoint."""
    signer = _trusted(target, service)
    url = f"{target.base}{service.path}"
    answer = _call(target, service, signer.token(url, aud=[url, "https://other.example/cds-services"]))
    if answer.status in REFUSED:
        yield "401"


@check(53)
def a_token_is_taken_once(target: Target, service: Service) -> Faults:
    """The same token again is refused: its `jti` was seen."""
    signer = _trusted(target, service)
    token = signer.token(f"{target.base}{service.path}")
    if (first := _call(target, service, token)).status in REFUSED:
        raise Skipped(f"the first call was answered with {first.status}")
    if (second := _call(target, service, token)).status not in REFUSED:
        yield f"the second call with one token was answered with {second.status}"


@check(53)
def a_refusal_is_401(target: Target, service: Service) -> Faults:
    """A caller who did not prove who it is gets 401."""
    _guarded(target, service)
    answer = target.post(service.path, target.request(service), signed=False)
    if answer.status != 401:
        yield f"answered {answer.says}"


@check(48)
def feedback_without_a_token_is_refused(target: Target, service: Service) -> Faults:
    """Feedback without a token is turned away, where calls are."""
    _guarded(target, service)
    answer = target.post(f"{service.path}/feedback", {"feedback": []}, signed=False)
    if answer.status in {404, 405, 501}:
        raise Skipped("there is no feedback endpoint, which is permitted")
    if answer.status not in REFUSED:
        yield f"answered {answer.says}"


@check(53)
def a_refusal_does_not_explain(target: Target, service: Service) -> Faults:
    """The refusal is the same for every reason, and says none."""
    _guarded(target, service)
    refused = [target.post(service.path, target.request(service), signed=False)]
    if target.signer is not None:
        url = f"{target.base}{service.path}"
        past = time.time() - HOUR
        refused += [
            _call(target, service, target.signer.token(url, iat=past - HOUR / 2, exp=past)),
            _call(target, service, target.signer.token("https://other.example/cds-services/x")),
            _call(target, service, target.signer.stranger().token(url)),
        ]
    said = {_words(answer) for answer in refused if answer.status in REFUSED}
    if len(said) > 1:
        yield "the answer differs by the reason"
    words = set(" ".join(" ".join(one) for one in said).split())
    yield from (f"the answer says {word!r}" for word in EXPLAINING if word in words)


@check(52)
def a_jku_of_a_stranger_is_not_fetched(target: Target, service: Service) -> Faults:
    """A token of an unknown issuer with its own `jku` is refused, and the address is never asked."""
    _guarded(target, service)
    stranger = target.stranger
    if stranger is None:
        raise Skipped("the service does not run on this machine, so it could not reach a stranger here")
    forger = (target.signer or _nobody()).stranger()
    stranger.documents["/jwks.json"] = {"keys": [forger.key.as_dict(private=False) | {"use": "sig"}]}
    jku = f"{stranger.origin}/jwks.json"
    before = len(stranger.hits)
    for iss in (forger.iss, stranger.origin):
        token = forger.token(f"{target.base}{service.path}", header={"jku": jku}, iss=iss)
        if (answer := _call(target, service, token)).status not in REFUSED:
            yield f"a token of {iss} signed by a stranger was answered with {answer.status}"
    if len(stranger.hits) > before:
        yield "the service asked the stranger for keys"


def attack(*items: int, level: Level = "SHALL") -> Callable[[Forge], Forge]:
    """Make a check of a function that forges a token: the service must turn it away."""

    def keep(forge: Forge) -> Forge:
        def look(target: Target, service: Service) -> Faults:
            signer = _trusted(target, service)
            answer = _call(target, service, forge(signer, f"{target.base}{service.path}"))
            if answer.status not in REFUSED:
                yield f"answered {answer.says}"

        look.__name__, look.__doc__, look.__module__ = forge.__name__, forge.__doc__, forge.__module__
        kept: Look = look
        check(*items, level=level)(kept)
        return forge

    return keep


@attack(51)
def alg_none_is_refused(signer: Signer, url: str) -> str:
    """A token with `alg` none and no signature is refused."""
    return signer.unsigned(url)


@attack(51)
def alg_none_in_other_letters_is_refused(signer: Signer, url: str) -> str:
    """So is `NoNe`."""
    return signer.unsigned(url, alg="NoNe")


@attack(51)
def hs256_with_the_public_key_is_refused(signer: Signer, url: str) -> str:
    """A token whose HMAC is made with the public key as its secret is refused."""
    return signer.with_shared_secret(url, alg="HS256", secret=signer.public_pem())


@attack(51)
def hs384_with_the_public_key_is_refused(signer: Signer, url: str) -> str:
    """So is HS384."""
    return signer.with_shared_secret(url, alg="HS384", secret=signer.public_pem())


@attack(51)
def hs256_with_an_empty_secret_is_refused(signer: Signer, url: str) -> str:
    """So is an HMAC with an empty secret."""
    return signer.with_shared_secret(url, alg="HS256", secret=b"")


@attack(51)
def a_swapped_alg_is_refused(signer: Signer, url: str) -> str:
    """A header that names another algorithm than the signature's is refused."""
    other = "RS384" if signer.alg != "RS384" else "ES384"
    head, _, rest = signer.token(url).partition(".")
    swapped = signer.unsigned(url, alg=other).partition(".")[0]
    return f"{swapped if swapped != head else head}.{rest}"


@attack(51)
def a_tampered_token_is_refused(signer: Signer, url: str) -> str:
    """Claims that were changed after signing are refused."""
    return tampered(signer.token(url), jti=str(uuid.uuid4()), tenant="other")


@attack(51)
def another_key_is_refused(signer: Signer, url: str) -> str:
    """A token signed with a key that is not the issuer's, under the issuer's key id, is refused."""
    return signer.stranger().token(url)


@attack(51)
def a_cut_signature_is_refused(signer: Signer, url: str) -> str:
    """A token without its signature is refused."""
    return signer.token(url).rpartition(".")[0] + "."


@attack(50)
def what_is_no_token_is_refused(_signer: Signer, _url: str) -> str:
    """A bearer that is no JWT is refused."""
    return "not-a-token"


@attack(50, level="SHOULD")
def a_missing_jti_is_refused(signer: Signer, url: str) -> str:
    """A token without `jti` is refused."""
    return signer.token(url, jti=None)


@attack(50)
def a_missing_exp_is_refused(signer: Signer, url: str) -> str:
    """A token without `exp`, which would be good for ever, is refused."""
    return signer.token(url, exp=None)


@attack(50, 53)
def a_missing_audience_is_refused(signer: Signer, url: str) -> str:
    """A token without `aud` is refused."""
    return signer.token(url, aud=None)


@attack(53)
def another_audience_is_refused(signer: Signer, url: str) -> str:
    """A token for another service is refused (RFC 7519, 4.1.3)."""
    return signer.token(url, aud="https://other.example/cds-services/other")


@attack(53)
def an_expired_token_is_refused(signer: Signer, url: str) -> str:
    """A token that expired an hour ago is refused (RFC 7519, 4.1.4)."""
    past = int(time.time()) - HOUR
    return signer.token(url, iat=past - 300, exp=past)


@attack(53, level="SHOULD")
def a_token_of_the_future_is_refused(signer: Signer, url: str) -> str:
    """A token that will be issued in an hour is refused."""
    later = int(time.time()) + HOUR
    return signer.token(url, iat=later, exp=later + 300, nbf=later)


@attack(52, level="SHOULD")
def an_unknown_issuer_is_refused(signer: Signer, url: str) -> str:
    """A token of an issuer that is not on the allow-list is refused."""
    return signer.token(url, iss="https://nobody.example")


def _guarded(target: Target, service: Service) -> None:
    """Skipped if the service answers without a token: then a bad one tells nothing."""
    if target.post(service.path, target.request(service), signed=False).status not in REFUSED:
        raise Skipped("the service answers without a token, so a bad one tells nothing")


def _trusted(target: Target, service: Service) -> Signer:
    """The signer, if a good token is accepted and none is refused; else what happens to a bad one tells nothing."""
    if target.signer is None:
        raise Skipped(f"{NO_KEY}" if target.full(service).status in REFUSED else "no key was given (--jwk, --iss)")
    _guarded(target, service)
    target.call(service, target.request(service))
    return target.signer


def _call(target: Target, service: Service, token: str) -> Exchange:
    return target.post(service.path, target.request(service), signed=False, authorization=f"Bearer {token}")


def _words(answer: Exchange) -> tuple[str, ...]:
    """What a refusal says, without what differs by call."""
    body: Any = answer.json
    if isinstance(body, dict):
        body = {
            name: part for name, part in as_object(body).items() if name not in {"id", "request", "timestamp", "path"}
        }
    text = str(body) if body is not None else answer.body.decode("utf-8", errors="replace")
    said = f"{text} {answer.headers.get('www-authenticate', '')}".lower()
    return tuple("".join(letter if letter.isalnum() else " " for letter in said).split())


def _nobody() -> Signer:
    from joserfc.jwk import ECKey

    return Signer(iss="https://nobody.example", key=ECKey.generate_key("P-384", auto_kid=True))
