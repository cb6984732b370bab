"""Items 49 to 54: who calls."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from joserfc.jwk import ECKey, RSAKey

from services.cds.conformance.own_server import OwnServer
from services.cds.conformance.signer import Signer, tampered
from services.cds.settings import CdsSettings
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.spec.calls import TEA, full
from tests.cds.tea import hook_request

pytestmark = pytest.mark.anyio

ISS = "https://ehr.hospital.example"


@pytest.fixture(scope="module")
def ehr() -> Signer:
    """A client with an EC key."""
    return Signer(iss=ISS, key=ECKey.generate_key("P-384", auto_kid=True), jku=f"{ISS}/jwks.json")


@pytest.fixture(scope="module")
def rsa_ehr() -> Signer:
    """The same client with an RSA key."""
    return Signer(iss=ISS, key=RSAKey.generate_key(2048, auto_kid=True), jku=f"{ISS}/jwks.json")


@pytest.fixture
async def trusting(
    settings: CdsSettings, registry: FakeRegistry, tmp_path: Path, ehr: Signer, rsa_ehr: Signer
) -> AsyncIterator[Running]:
    """A service that trusts both keys, from a file."""
    keys = [one.key.as_dict(private=False) for one in (ehr, rsa_ehr)]
    file = tmp_path / "trusted.json"
    file.write_text(json.dumps([{"iss": ISS, "jwks": {"keys": keys}, "jku": [f"{ISS}/jwks.json"]}]))
    async with run(
        settings.model_copy(update={"trusted_issuers_file": file}), registry, client=registry.client()
    ) as cds:
        yield cds


@pytest.fixture
def stranger() -> Iterator[OwnServer]:
    """Somebody's server with somebody's keys."""
    with OwnServer() as server:
        yield server


async def called(cds: Running, token: str | None, of: str = "p1") -> Any:
    """The answer to a call with a token, or with none."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return await cds.http.post(TEA, json=hook_request(await full(cds, of), of=of), headers=headers)


async def test_item_49_a_call_without_a_token_is_401(trusting: Running) -> None:
    """Authentication is required, for calls and for feedback."""
    assert (await called(trusting, None)).status_code == 401
    assert (await trusting.http.post(f"{TEA}/feedback", json={"feedback": []})).status_code == 401


async def test_item_50_a_token_as_specified_is_taken(trusting: Running, ehr: Signer, rsa_ehr: Signer) -> None:
    """ES384 and RS384; `aud` as a text or an array; `tenant`, `nbf` and `sub` beside; `jku` named."""
    for number, token in enumerate(
        (
            ehr.token(URL + TEA),
            rsa_ehr.token(URL + TEA),
            ehr.token(URL + TEA, aud=[URL + TEA, "https://other.example"]),
            ehr.token(URL + TEA, tenant="north", sub="x", nbf=int(time.time()) - 5),
        )
    ):
        assert (await called(trusting, token, f"p{number}")).status_code == 200


@pytest.mark.parametrize("missing", ["iss", "aud", "exp", "iat", "jti"])
async def test_item_50_each_required_claim_is_required(trusting: Running, ehr: Signer, missing: str) -> None:
    """Without it the token is refused."""
    assert (await called(trusting, ehr.token(URL + TEA, **{missing: None}))).status_code == 401


async def test_item_51_none_and_shared_secrets_are_refused(trusting: Running, ehr: Signer) -> None:
    """`none` in any letters, HMAC with the public key or with nothing, a signature that does not fit."""
    secret = ehr.public_pem()
    forged = [
        ehr.unsigned(URL + TEA),
        ehr.unsigned(URL + TEA, alg="NoNe"),
        ehr.with_shared_secret(URL + TEA, alg="HS256", secret=secret),
        ehr.with_shared_secret(URL + TEA, alg="HS384", secret=secret),
        ehr.with_shared_secret(URL + TEA, alg="HS512", secret=b""),
        tampered(ehr.token(URL + TEA), jti="other"),
        ehr.stranger().token(URL + TEA),
        ehr.token(URL + TEA).rpartition(".")[0] + ".",
    ]
    assert [(await called(trusting, token)).status_code for token in forged] == [401] * len(forged)


async def test_item_52_only_listed_issuers_are_trusted_and_no_other_jku_is_fetched(
    trusting: Running, ehr: Signer, stranger: OwnServer
) -> None:
    """A stranger who brings his own keys is refused, and his address is never asked."""
    forger = ehr.stranger()
    stranger.documents["/jwks.json"] = {"keys": [forger.key.as_dict(private=False)]}
    jku = {"jku": f"{stranger.origin}/jwks.json"}
    for iss in (ISS, stranger.origin):
        assert (await called(trusting, forger.token(URL + TEA, header=jku, iss=iss))).status_code == 401
    assert stranger.hits == []


async def test_item_53_aud_times_and_jti_are_checked_and_a_refusal_says_nothing(trusting: Running, ehr: Signer) -> None:
    """Another audience, expired, of the future, used before: one and the same bare 401; the log has the reason, not the token."""
    now = int(time.time())
    used = ehr.token(URL + TEA)
    assert (await called(trusting, used)).status_code == 200
    refused = {
        "other.example": ehr.token(URL + TEA, aud="https://other.example"),
        "expired": ehr.token(URL + TEA, iat=now - 7200, exp=now - 3600),
        "not valid yet": ehr.token(URL + TEA, iat=now + 3600, exp=now + 3900),
        "used before": used,
    }
    said = set()
    with structlog.testing.capture_logs() as lines:
        for token in refused.values():
            answer = await called(trusting, token)
            said.add((answer.status_code, answer.text))
    assert len(said) == 1
    assert next(iter(said))[0] == 401
    logged = " ".join(str(line.get("message")) for line in lines)
    assert all(reason in logged for reason in refused), logged
    assert not any(token in repr(lines) for token in refused.values())


async def test_item_54_a_proxys_word_about_a_certificate_is_no_proof(trusting: Running) -> None:
    """By design: mutual TLS is the proxy's, in addition; a header that tells of it opens nothing without a JWT."""
    headers = {"X-Forwarded-Client-Cert": 'Hash=0;Subject="CN=ehr"', "X-SSL-Client-Verify": "SUCCESS"}
    answer = await trusting.http.post(TEA, json=hook_request(await full(trusting)), headers=headers)
    assert answer.status_code == 401
