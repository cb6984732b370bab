"""A service proves its key and gets a token of minutes; what is forged, old, used or meant for another gets nothing."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from services.guidance.errors import NotAuthenticated, NotPermitted
from services.plumbing.backend_services import ClientKey
from services.plumbing.client_assertions import registered_keys
from services.plumbing.database import writing
from services.plumbing.registry_client import RegistryClient
from services.plumbing.registry_tokens import KeyTokens, registry_tokens
from services.registry.people import persons, service_keys
from services.timeline.errors import BadInput
from tests.registry.conftest import NOW, House

pytestmark = pytest.mark.anyio
KEYS: Mapping[str, Any] = {
    "RS384": RSAKey.generate_key(2048, auto_kid=True),
    "ES384": ECKey.generate_key("P-384", auto_kid=True),
    "EdDSA": OKPKey.generate_key("Ed25519", auto_kid=True),
}
STRANGER = ECKey.generate_key("P-384", {"kid": KEYS["ES384"].kid})
AUDIENCE = "http://127.0.0.1:8000/registry/token"
NONE = b'{"alg":"none"}'
NOW_SECONDS = int(NOW.timestamp())


@pytest.fixture
def kept_in(database: str) -> str:
    """Both databases: what was there before is found in either."""
    return database


@pytest.fixture
def proving(house: House) -> House:
    """The registry, which knows the keys of its CDS service."""
    public = {"keys": [key.as_dict(private=False) for key in KEYS.values()]}
    with writing(house.app.state.desk.engine) as connection:
        service_keys.add(connection, "cds", public, now=NOW, by="tests")
    return house


def claims(**other: Any) -> dict[str, Any]:
    """Good claims, but for those given; None leaves one out."""
    good = {
        "iss": "cds", "sub": "cds", "aud": AUDIENCE, "iat": NOW_SECONDS, "exp": NOW_SECONDS + 240,
        "jti": secrets.token_hex(8),
    }  # fmt: skip
    return {name: value for name, value in (good | other).items() if value is not None}


def signed(algorithm: str = "ES384", key: Any = None, header: Mapping[str, Any] | None = None, **other: Any) -> str:
    """An assertion."""
    key = key or KEYS[algorithm]
    shown = {"alg": algorithm, "kid": key.kid, "typ": "JWT"} | dict(header or {})
    shown = {name: value for name, value in shown.items() if value is not None}
    return jwt.encode(shown, claims(**other), key, algorithms=[algorithm])


def base64url(data: bytes) -> str:
    """As a JWS spells it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def form(assertion: str, **other: str) -> dict[str, str]:
    """What is posted."""
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    } | other


@pytest.mark.parametrize("algorithm", sorted(KEYS))
async def test_a_proof_is_worth_a_token_of_five_minutes(proving: House, algorithm: str) -> None:
    """For the service's own acts, and no longer."""
    answer = await proving.http.post("/token", data=form(signed(algorithm)))
    granted = answer.json()
    assert (answer.status_code, granted["token_type"], granted["expires_in"]) == (200, "Bearer", 300)
    assert answer.headers["cache-control"] == "no-store"
    assert granted["scope"] == "run report"
    bearer = {"Authorization": f"Bearer {granted['access_token']}"}
    assert (await proving.http.get("/manifests", headers=bearer)).status_code == 200
    assert (await proving.http.get("/proposals", headers=bearer)).status_code == 403
    proving.clock.pass_time(seconds=300)
    assert (await proving.http.get("/manifests", headers=bearer)).status_code == 401


async def test_a_scope_narrows_it(proving: House) -> None:
    """And cannot widen it."""
    granted = (await proving.http.post("/token", data=form(signed(), scope="run"))).json()
    assert granted["scope"] == "run"
    bearer = {"Authorization": f"Bearer {granted['access_token']}"}
    assert (await proving.http.post("/reports", headers=bearer, content=b"{}")).status_code == 403
    answer = await proving.http.post("/token", data=form(signed(), scope="run vote"))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_scope"})


FORGED: Mapping[str, dict[str, Any]] = {
    "another's key of the same id": {"key": STRANGER},
    "an id that nobody has": {"header": {"kid": "other"}},
    "no id": {"header": {"kid": None}},
    "a key that it brings along": {"header": {"jwk": STRANGER.as_dict(private=False)}, "key": STRANGER},
    "an address of keys": {"header": {"jku": "https://evil.test/jwks.json"}},
    "another audience": {"aud": "https://registry.test/token"},
    "an audience like ours": {"aud": AUDIENCE + "/"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "learner"},
    "another subject": {"sub": "learner"},
    "a person": {"iss": "Ann Clinical", "sub": "Ann Clinical"},
    "over": {"exp": NOW_SECONDS - 11},
    "too long": {"exp": NOW_SECONDS + 3600},
    "no end": {"exp": None},
    "an end that is none": {"exp": "soon"},
    "of tomorrow": {"iat": NOW_SECONDS + 3600},
    "not yet": {"nbf": NOW_SECONDS + 3600},
    "no id of its own": {"jti": None},
    "an empty id": {"jti": ""},
}


@pytest.mark.parametrize("how", sorted(FORGED))
async def test_what_is_forged_gets_nothing(proving: House, how: str) -> None:
    """And is not told why."""
    answer = await proving.http.post("/token", data=form(signed(**FORGED[how])))
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


async def test_no_signature_and_no_shared_secret(proving: House) -> None:
    """`none`, and HMAC with the public key as its secret."""
    said = base64url(json.dumps(claims()).encode())
    none = f"{base64url(NONE)}.{said}."
    header = base64url(json.dumps({"alg": "HS256", "kid": KEYS["RS384"].kid}).encode())
    secret = KEYS["RS384"].as_pem(private=False)
    shared = f"{header}.{said}.{base64url(hmac.digest(secret, f'{header}.{said}'.encode(), 'sha256'))}"
    good = signed().split(".")
    stripped = f"{good[0]}.{good[1]}."
    for assertion in (none, shared, stripped, "", "a.b.c", "x" * 9000, "é"):
        answer = await proving.http.post("/token", data=form(assertion))
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


async def test_a_proof_is_good_once(proving: House) -> None:
    """Whoever copied it on the way comes too late; after its end it is over anyway."""
    assertion = signed()
    assert (await proving.http.post("/token", data=form(assertion))).status_code == 200
    assert (await proving.http.post("/token", data=form(assertion))).status_code == 401
    proving.clock.pass_time(seconds=245)
    assert (await proving.http.post("/token", data=form(assertion))).status_code == 401
    proving.clock.pass_time(seconds=600)
    assert (await proving.http.post("/token", data=form(assertion))).status_code == 401


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": "cds"}, "invalid_request"),
        ({"client_assertion_type": "x"}, "invalid_client"),
    ],
)
async def test_other_requests_are_refused(proving: House, change: dict[str, str], said: str) -> None:
    """Unknown fields too: nothing is taken that was not asked for."""
    answer = await proving.http.post("/token", data=form(signed(), **change))
    assert answer.json() == {"error": said}


async def test_a_removed_key_and_a_removed_service_prove_nothing(proving: House) -> None:
    """From that moment."""
    with writing(proving.app.state.desk.engine) as connection:
        service_keys.remove(connection, "cds", KEYS["ES384"].kid, now=NOW, by="tests")
        assert len(service_keys.of(connection, "cds")) == 2
    assert (await proving.http.post("/token", data=form(signed()))).status_code == 401
    assert (await proving.http.post("/token", data=form(signed("EdDSA")))).status_code == 200
    with writing(proving.app.state.desk.engine) as connection:
        persons.deactivate(connection, "cds", now=NOW, by="tests")
    assert (await proving.http.post("/token", data=form(signed("EdDSA")))).status_code == 401


def test_only_fit_public_keys_are_registered() -> None:
    """No private half, no small RSA, no other curve, no shared secret, no two of one name."""
    good = KEYS["ES384"].as_dict(private=False)
    for bad in (
        KEYS["ES384"].as_dict(private=True), OctKey.generate_key().as_dict(), {"keys": []}, {"keys": [good, good]},
        ECKey.generate_key("P-256").as_dict(private=False), [], "x", {"kty": "EC"}, {"keys": [1]},
    ):  # fmt: skip
        with pytest.raises(BadInput):
            registered_keys(bad)
    assert registered_keys(good)[KEYS["ES384"].kid]["crv"] == "P-384"


async def test_persons_have_no_keys(house: House) -> None:
    """They sign in."""
    with writing(house.app.state.desk.engine) as connection, pytest.raises(NotPermitted):
        service_keys.add(connection, "Ann Clinical", KEYS["ES384"].as_dict(private=False), now=NOW, by="tests")


async def test_a_service_with_a_key_file_asks_for_tokens_itself(house: House, tmp_path: Path) -> None:
    """One for many calls, the next before it ends, and at once when one is refused."""
    key = ClientKey.make(tmp_path / "key.json")
    with writing(house.app.state.desk.engine) as connection:
        service_keys.add(connection, "cds", key.public_set(), now=NOW, by="tests")
    tokens = KeyTokens(house.http, key, client="cds", audience=AUDIENCE, clock=lambda: house.clock().timestamp())
    client = RegistryClient(house.http, tokens)
    await client.manifests()
    first = await tokens.current()
    await client.manifests()
    assert await tokens.current() == first
    house.clock.pass_time(seconds=280)
    await client.manifests()
    second = await tokens.current()
    assert second != first
    house.clock.pass_time(seconds=-280)
    with writing(house.app.state.desk.engine) as connection:
        connection.exec_driver_sql("DELETE FROM tokens")
    await client.manifests()
    assert await tokens.current() != second
    stranger = KeyTokens(house.http, key, client="learner", audience=AUDIENCE, clock=lambda: NOW.timestamp())
    with pytest.raises(NotAuthenticated, match="no token"):
        await RegistryClient(house.http, stranger).manifests()
    with pytest.raises(BadInput, match="without a token"):
        registry_tokens(house.http, token="x", key_file=tmp_path / "key.json", client="cds", audience="")
