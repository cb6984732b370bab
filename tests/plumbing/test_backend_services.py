"""SMART Backend Services: the key is shown, the token is short, and neither is ever written down."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from services.guidance.errors import Unavailable
from services.learner.intake.fetch import Account, Question, fetch
from services.plumbing import steady_http
from services.plumbing.backend_services import BackendServices, ClientKey, TokenFile
from services.plumbing.bulk_export import Wanted
from services.plumbing.steady_http import Server, SteadyHttp, open_steady
from services.timeline.errors import BadInput
from tests.fhir_servers.bulk_server import BulkServer, bulk_server
from tests.learner.intake.people import people

PEM = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


def private_file(folder: Path, content: bytes | dict[str, Any], name: str = "key") -> Path:
    """A file that its owner alone can read."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(0o600)
    return path


def _rsa_jwk() -> dict[str, Any]:
    return dict(RSAKey.generate_key(2048, {"kid": "mine"}).as_dict(private=True))


def _ec_jwk() -> dict[str, Any]:
    return dict(ECKey.generate_key("P-384").as_dict(private=True))


KEYS: dict[str, tuple[str, Callable[[], bytes | dict[str, Any]]]] = {
    "RSA as a JWK": ("RS384", _rsa_jwk),
    "EC in a JWK set": (
        "ES384",
        lambda: {"keys": [{k: v for k, v in _ec_jwk().items() if k != "d"}, _ec_jwk()]},
    ),
    "RSA as PEM": ("RS384", lambda: rsa.generate_private_key(65537, 2048).private_bytes(*PEM)),
    "EC as PEM": ("ES384", lambda: ec.generate_private_key(ec.SECP384R1()).private_bytes(*PEM)),
}


@pytest.mark.parametrize("name", KEYS)
def test_an_export_with_tokens_that_end_in_the_middle_is_whole(tmp_path: Path, name: str) -> None:
    """A server that checks the assertion as the specification says gives tokens of a second; several are needed, none refused."""
    algorithm, make = KEYS[name]
    path = private_file(tmp_path, make())
    key = ClientKey.load(path)
    assert key.algorithm == algorithm
    keys: dict[str, Any] = dict(key.public_set())
    assert "d" not in keys["keys"][0]
    with bulk_server(resources=people(), keys=keys, token_seconds=0.6, pause=0.15, lines_per_file=60) as server:
        report = fetch(
            Question(server=Server.of(server.base)),
            Account(client="knowdo", key=path),
            tmp_path / "store",
            quality=False,
        )
        assert report.ingest.patients == 7
        assert len(server.tokens) > 1
        assert len(server.seen_jti) == len(server.tokens)
    kept = b"".join(file.read_bytes() for file in (tmp_path / "store").rglob("*") if file.is_file())
    assert b"token-" not in kept


def test_a_token_that_is_refused_early_is_replaced_once(tmp_path: Path) -> None:
    """A server that forgets its tokens gets another; one that refuses the new one too is told of."""
    path = private_file(tmp_path, _ec_jwk())
    with bulk_server(resources=people(), keys=dict(ClientKey.load(path).public_set()), token_seconds=300.0) as server:
        question, account = Question(server=Server.of(server.base)), Account(client="knowdo", key=path)
        fetch(question, account, tmp_path / "store", quality=False)
        forgetful = _Forgetful(server)
        server.tokens = forgetful
        assert fetch(question, account, tmp_path / "store", quality=False).ingest.complete
        forgetful.always = True
        with pytest.raises(Unavailable, match="token is refused"):
            fetch(question, account, tmp_path / "store", quality=False)


class _Forgetful(dict[str, float]):
    """A server's tokens, of which the first is refused, or all are."""

    def __init__(self, server: BulkServer) -> None:
        super().__init__()
        self.always = False
        self.refused: list[str] = []

    def get(self, token: str, _default: Any = None) -> Any:
        if self.always or not self.refused:
            self.refused.append(token)
            return 0.0
        return super().get(token, 0.0)


@pytest.mark.anyio
async def test_a_scope_that_is_not_given_is_told_with_the_servers_reason(tmp_path: Path) -> None:
    """No token, no data; the message holds what OAuth says and neither the key nor the assertion."""
    path = private_file(tmp_path, _ec_jwk())
    key = ClientKey.load(path)
    with bulk_server(keys=dict(key.public_set())) as running:
        server = Server.of(running.base)
        async with open_steady(server) as http:
            plain = SteadyHttp(http=http, place=running.origin)
            tokens = BackendServices(plain, server, client="knowdo", key=key, scope="system/*.cud")
            with pytest.raises(Unavailable, match=r"400: invalid_scope no such scope") as told:
                await tokens.current()
            assert "eyJ" not in str(told.value)


def test_keys_that_would_not_do_are_refused_with_the_reason(tmp_path: Path) -> None:
    """Readable by others, public, too short, of another curve, no key at all."""
    open_to_all = private_file(tmp_path, _ec_jwk(), "open")
    open_to_all.chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        ClientKey.load(open_to_all)
    public = {k: v for k, v in _ec_jwk().items() if k != "d"}
    p256 = dict(ECKey.generate_key("P-256").as_dict(private=True))
    short = rsa.generate_private_key(65537, 1024).private_bytes(*PEM)  # noqa: S505 (to be refused)
    for content in (public, p256, short):
        with pytest.raises(BadInput, match="not a key for SMART Backend Services"):
            ClientKey.load(private_file(tmp_path, content))
    for content in (b"no key", b"[]", b'{"keys": []}', b"-----BEGIN NONSENSE-----", {"kty": "oct", "k": "AAAA"}):
        with pytest.raises(BadInput, match="not a private key"):
            ClientKey.load(private_file(tmp_path, content))


def test_a_key_that_is_made_is_private_new_and_fit_for_it(tmp_path: Path) -> None:
    """Mode 0600, P-384, with an id; an existing file is never written over."""
    made = ClientKey.make(tmp_path / "keys" / "client.jwk")
    path = tmp_path / "keys" / "client.jwk"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made.algorithm == "ES384"
    [public] = made.public_set()["keys"]
    assert public["kid"] == made.kid == ClientKey.load(path).kid
    with pytest.raises(BadInput, match="there is a file already"):
        ClientKey.make(path)


@pytest.mark.anyio
async def test_a_token_file_is_read_again_when_the_server_refuses_it(tmp_path: Path) -> None:
    """Whoever writes the file renews the token; two tokens, or none, are no token."""
    path = private_file(tmp_path, b"one\n")
    tokens = TokenFile(path)
    assert await tokens.current() == "one"
    assert not await tokens.renew("one")
    path.write_text("two")
    assert await tokens.renew("one")
    assert await tokens.current() == "two"
    path.write_text("two three")
    with pytest.raises(BadInput, match="not a token"):
        await tokens.renew("two")


@pytest.mark.parametrize(
    ("url", "why"), [("http://ehr.example.org/fhir", "without TLS"), ("https://u@ehr.example.org/fhir", "not the base")]
)
def test_servers_that_would_see_tokens_in_the_clear_are_refused(url: str, why: str) -> None:
    """Plain http is for this machine alone, and an address is written plainly."""
    with pytest.raises(BadInput, match=why):
        Server.of(url)


def test_a_private_address_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads into the site's network is refused until the network is named; nothing was connected to."""
    monkeypatch.setattr(steady_http, "WAITS", ())
    question = Question(server=Server.of("https://10.255.255.1/fhir"), wanted=Wanted(types=("Patient",)))
    with pytest.raises(BadInput, match="KNOWDO_LEARNER_PRIVATE_NETWORKS"):
        fetch(question, Account(), tmp_path / "store")
