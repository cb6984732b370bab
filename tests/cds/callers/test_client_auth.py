"""Who may call: every way in which a token can be wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from services.cds.callers.client_auth import ALGORITHMS, ClientAuth, TrustedIssuer, keys_of, read_issuers
from services.cds.callers.demo_issuer import DemoIssuer
from services.cds.decisions.records import Token
from services.guidance.errors import NotAuthenticated
from services.timeline.errors import BadInput

NOW = 1_767_268_800.0
URL = "https://cds.hospital.example"
PATH = "/cds-services/tea-time"
EC = ECKey.generate_key("P-384", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER = ECKey.generate_key("P-384", {"kid": "ec"})
P256 = ECKey.generate_key("P-256", {"kid": "p256"})
ISSUER = TrustedIssuer(
    iss="https://ehr.example",
    keys={"ec": EC, "rsa": RSA, "p256": P256},
    audiences=("https://typed.by.hand.example/cds",),
)


def auth(*issuers: TrustedIssuer, open_to_all: bool = False) -> ClientAuth:
    """A checker whose clock stands at NOW."""
    return ClientAuth(issuers, public_url=URL, open_to_all=open_to_all, clock=lambda: NOW)


def token(key: Any = EC, alg: str = "ES384", header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A good token, unless changed; a claim of None is left out."""
    payload = {"iss": ISSUER.iss, "aud": URL + PATH, "iat": NOW - 5, "exp": NOW + 300, "jti": "j-1"} | claims
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(
        {"alg": alg, "kid": key.kid, "typ": "JWT"} | (header or {}), payload, key, algorithms=[alg, "ES384"]
    )


def unsigned(header: dict[str, Any]) -> str:
    """A token of `alg: none`, made by hand."""
    claims = {"iss": ISSUER.iss, "aud": URL + PATH, "iat": NOW, "exp": NOW + 300, "jti": "j-1"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, ""])


@pytest.mark.parametrize(("key", "alg"), [(EC, "ES384"), (RSA, "RS384")])
def test_a_good_token_of_either_recommended_algorithm_is_taken(key: Any, alg: str) -> None:
    """ES384 and RS384, and what they say is who called."""
    caller = auth(ISSUER).check("Bearer " + token(key, alg), PATH)
    assert caller.iss == ISSUER.iss
    assert caller.token == Token(iss=ISSUER.iss, jti="j-1", expires_at=int(NOW) + 360)


@pytest.mark.parametrize(
    "aud",
    [
        URL + PATH,
        [URL + PATH, "x"],
        "https://typed.by.hand.example/cds",
        URL + "//cds-services//tea-time",
        URL + PATH + "/",
    ],
)
def test_audiences_as_clients_write_them(aud: Any) -> None:
    """The endpoint, a list with it, what the site typed by hand, and the Sandbox's doubled slash."""
    assert auth(ISSUER).check("Bearer " + token(aud=aud), PATH).iss == ISSUER.iss


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: token(iss="https://mallory.example"), "not trusted"),
        (lambda: token(aud=URL + "/cds-services/coffee"), "not for"),
        (lambda: token(aud="https://cds.hospital.example.evil/cds-services/tea-time"), "not for"),
        (lambda: token(exp=NOW - 61, iat=NOW - 300), "expired"),
        (lambda: token(iat=NOW + 61), "not valid yet"),
        (lambda: token(nbf=NOW + 61), "not valid yet"),
        (lambda: token(exp=NOW + 3700), "lives longer"),
        (lambda: token(exp=NOW - 10, iat=NOW), "lives longer"),
        (lambda: token(OTHER), "signature"),
        (lambda: token(header={"kid": "unknown"}), "is not one of"),
        (lambda: token(EC, header={"kid": "rsa"}), "not taken with"),
        (lambda: token(P256, "ES256"), "not taken with"),
        (lambda: unsigned({"alg": "none", "kid": "ec"}), "not taken with"),
        (lambda: unsigned({"alg": "ES384", "kid": "ec"}), "signature"),
        (
            lambda: token(OctKey.import_key(json.dumps(EC.as_dict(private=False))[:64], {"kid": "ec"}), "HS256"),
            "not taken",
        ),
        (lambda: token(jti=None), "cannot be read"),
        (lambda: token(exp=None), "cannot be read"),
        (lambda: token(exp="soon"), "cannot be read"),
        (lambda: token(jti=""), "cannot be read"),
        (lambda: token()[:-10] + "AAAAAAAAAA", "signature"),
        (lambda: "a.b.c", "cannot be read"),
        (lambda: "x" * 10_000, "no signed JWT"),
        (lambda: "é.é.é", "cannot be read"),
    ],
)
def test_a_wrong_token_is_refused_and_the_reason_is_for_the_log(make: Callable[[], str], why: str) -> None:
    """Each in its own words, so that the person who must mend it finds out."""
    with pytest.raises(NotAuthenticated, match=why):
        auth(ISSUER).check("Bearer " + make(), PATH)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token x"])
def test_no_bearer_token_is_no_caller(header: str) -> None:
    """Whatever else stands there."""
    with pytest.raises(NotAuthenticated, match="no bearer token"):
        auth(ISSUER).check(header, PATH)


def test_a_token_is_good_once() -> None:
    """A replay is refused: by the same process, and by the one that is told what it saw."""
    first = auth(ISSUER)
    caller = first.check("Bearer " + token(), PATH)
    with pytest.raises(NotAuthenticated, match="used before"):
        first.check("Bearer " + token(), PATH)
    second = auth(ISSUER)
    assert caller.token is not None
    second.remember([caller.token])
    with pytest.raises(NotAuthenticated, match="used before"):
        second.check("Bearer " + token(), PATH)
    assert second.check("Bearer " + token(jti="j-2"), PATH).iss == ISSUER.iss


def test_without_a_trusted_issuer_every_call_is_refused_and_the_log_says_what_to_do() -> None:
    """Authentication is on by default."""
    with pytest.raises(NotAuthenticated) as refused:
        auth().check("Bearer " + token(), PATH)
    assert "knowdo cds trust add" in refused.value.remedy


def test_an_open_service_asks_nobody() -> None:
    """Only the demo may be open; `app` refuses it otherwise."""
    assert auth(open_to_all=True).check("", PATH).token is None


def test_only_the_recommended_algorithms_exist() -> None:
    """No `none`, no shared secret."""
    assert set(ALGORITHMS) == {"RS384", "ES384"}


def test_the_trust_list_is_read_with_keys_inside_or_in_a_file(tmp_path: Path) -> None:
    """A path is relative to the list."""
    jwks = {"keys": [EC.as_dict(private=False)]}
    (tmp_path / "ehr.jwks").write_text(json.dumps(jwks))
    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps([{"iss": "a", "jwks": jwks}, {"iss": "b", "jwks_file": "ehr.jwks", "profile": "epic"}]))
    issuers = read_issuers(trust)
    assert [(issuer.iss, issuer.profile, list(issuer.keys)) for issuer in issuers] == [
        ("a", "standard", ["ec"]),
        ("b", "epic", ["ec"]),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[{}]", '[{"iss":"a"}]', '[{"iss":"a","jwks":{"keys":[]}}]', '[{"iss":"a","jwks_file":"no"}]',
     '[{"iss":"a","jwks":{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAA","kid":"x"}]}}]', '[{"iss":"a","jwks":{"keys":[7]}}]',
     '[{"iss":"a","jku":"https://evil.example"}]'],
)  # fmt: skip
def test_a_wrong_trust_list_is_a_fault_that_names_the_file(tmp_path: Path, text: str) -> None:
    """Trust is never guessed."""
    trust = tmp_path / "trust.json"
    trust.write_text(text)
    with pytest.raises(BadInput, match=r"trust\.json"):
        read_issuers(trust)


def test_the_demo_issuer_walks_through_the_same_door(tmp_path: Path) -> None:
    """Its key is made once, readable by its owner alone, and its tokens are taken."""
    demo = DemoIssuer.load_or_create(tmp_path / "demo.json")
    assert (tmp_path / "demo.json").stat().st_mode & 0o077 == 0
    again = DemoIssuer.load_or_create(tmp_path / "demo.json")
    caller = auth(demo.trusted()).check("Bearer " + again.token(URL + PATH, now=NOW), PATH)
    assert caller.profile == "demo"


def test_private_members_do_not_leave_the_demo_issuer(tmp_path: Path) -> None:
    """Its JWK set is public."""
    assert "d" not in str(DemoIssuer.load_or_create(tmp_path / "demo.json").jwks()["keys"]).split("'")


def test_a_key_without_kid_is_known_by_its_thumbprint() -> None:
    """A token must name its key; one that was published without a name has that of RFC 7638."""
    nameless = {name: value for name, value in EC.as_dict(private=False).items() if name != "kid"}
    assert list(keys_of({"keys": [nameless]}, place="x")) == [EC.thumbprint()]
