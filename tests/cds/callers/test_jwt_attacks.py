"""The table of attacks on a caller's token: all refused, each for its reason, and none explains itself to the caller.

Through a real server on a socket, so that nothing between the attacker and the check is left out.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from joserfc.jwk import ECKey, RSAKey

from services.cds.callers.refusal import REASONS
from services.cds.callers.trust_list import SANDBOX, SANDBOX_JWKS
from services.cds.settings import CdsSettings
from tests.cds.callers.tokens import (
    EC,
    ISS,
    P256,
    PATH,
    RSA,
    STRANGER,
    URL,
    claims,
    jwks,
    part,
    sign,
    sign_raw,
    token,
)
from tests.cds.conftest import Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import bundle, haemoglobin, hook_request, patient, tea_bundle
from tests.plumbing.key_server import KeyServer

pytestmark = pytest.mark.anyio

EPIC = "https://epic.hospital.example/FHIR/R4"
EPIC_KEY = RSAKey.generate_key(2048, {"kid": "q1+Zr/8bW3m4xQ=="})
TENANTS = "https://many.example"
INFERNO = "https://inferno.example/custom/crd_server"
INFERNO_EC = ECKey.generate_key("P-384", {"kid": "inferno-es384"})
INFERNO_RSA = RSAKey.generate_key(2048, {"kid": "inferno-rs384"})
TYPED = "https://cds.typed.by.hand.example"


@dataclass
class Answer:
    """What came back, but for the request's own id."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class World:
    """Two workers over one database behind real sockets, the clients' key server, and the attacker's."""

    cds: Running
    port: int
    neighbour: int
    keys: KeyServer
    evil: KeyServer
    restarted: Callable[[], Awaitable[int]]
    body: bytes = b""

    async def send(self, lines: Sequence[str], path: str = PATH, *, port: int = 0, method: str = "POST") -> Answer:
        """One request with these header lines."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.port)
        body = self.body if method == "POST" else b""
        head = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", "Connection: close", *lines]
        writer.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
        raw = await reader.read()
        writer.close()
        top, _, content = raw.partition(b"\r\n\r\n")
        first, *rest = top.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        headers.pop("x-request-id", None)
        headers.pop("date", None)
        return Answer(int(first.split()[1]), headers, content)

    def refusals(self) -> dict[str, float]:
        """The counter, by reason."""
        text = self.cds.app.state.metrics.text().decode()
        found = re.findall(r'^knowdo_cds_refused_tokens_total\{reason="([^"]+)"\} (\S+)$', text, flags=re.M)
        return {reason: float(count) for reason, count in found}


@dataclass
class Attack:
    """A request as the attacker sends it."""

    lines: list[str] = field(default_factory=list)
    path: str = PATH
    port: int = 0


async def served(app: Any, stack: AsyncExitStack) -> int:
    """The app behind a socket of its own; its port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    task = asyncio.create_task(server.serve(sockets=[listening]))

    async def stop() -> None:
        server.should_exit = True
        await task

    stack.push_async_callback(stop)
    return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """All of it, once for the table."""
    folder = tmp_path_factory.mktemp("attacks")
    registry = FakeRegistry()
    registry.deploy(tea_bundle())
    async with AsyncExitStack() as stack:
        keys, evil = await stack.enter_async_context(KeyServer()), await stack.enter_async_context(KeyServer())
        keys.publish_keys(INFERNO_EC, INFERNO_RSA)
        evil.publish_keys(STRANGER)
        trust: list[dict[str, Any]] = [
            {"iss": ISS, "jwks": jwks(EC, RSA, P256)},
            {"iss": TENANTS, "jwks": jwks(EC), "tenants": ["north", "east"]},
            {"iss": EPIC, "jwks": jwks(EPIC_KEY), "audiences": [TYPED], "algorithms": ["RS384"], "profile": "epic"},
            {"iss": INFERNO, "jku": [keys.url]},
            {"iss": SANDBOX, "jwks": jwks(EC), "jku": [SANDBOX_JWKS], "profile": "sandbox"},
        ]
        (folder / "trust.json").write_text(json.dumps(trust))
        settings = CdsSettings(
            var=folder, demo=True, public_url=URL, trusted_issuers_file=folder / "trust.json", trust_sandbox=True
        )

        async def worker() -> Running:
            return await stack.enter_async_context(run(settings, registry, client=registry.client()))

        async def restarted() -> int:
            return await served((await worker()).app, stack)

        first = await worker()
        port, neighbour = await served(first.app, stack), await restarted()
        world = World(first, port, neighbour, keys, evil, restarted)
        services = (await first.http.get("/cds-services")).json()["services"]
        found = {"Patient": patient(), "Observation": bundle(haemoglobin(8.5))}
        wanted = services[0]["prefetch"].items()
        sent = {key: found.get(template.partition("?")[0].partition("/")[0]) for key, template in wanted}
        world.body = json.dumps(hook_request(sent)).encode()
        yield world


def unsigned(**header: Any) -> str:
    """A token without a signature."""
    return f"{part(json.dumps({'typ': 'JWT', 'kid': 'ec'} | header))}.{part(json.dumps(claims()))}."


def mac(secret: bytes, alg: str = "HS256", digest: Any = hashlib.sha256) -> str:
    """A token signed with a shared secret."""
    signed = f"{part(json.dumps({'alg': alg, 'kid': 'rsa', 'typ': 'JWT'}))}.{part(json.dumps(claims()))}"
    return f"{signed}.{part(hmac.new(secret, signed.encode(), digest).digest())}"


def resigned(compact: str, signature: bytes) -> str:
    """The token with another signature."""
    return f"{compact.rpartition('.')[0]}.{part(signature)}"


def der() -> str:
    """ES384 as X.509 writes it, truly signed."""
    compact = token()
    return resigned(compact, EC.private_key.sign(compact.rpartition(".")[0].encode(), ECDSA(hashes.SHA384())))  # type: ignore[union-attr]


def altered(**changes: Any) -> str:
    """A token whose claims were changed after it was signed."""
    head, _, signature = token().split(".")
    return f"{head}.{part(json.dumps(claims(**changes)))}.{signature}"


def raw_claims(**texts: str) -> str:
    """Truly signed claims, of which some are JSON that a library would not write."""
    members = {name: json.dumps(value) for name, value in claims().items()} | texts
    return sign("{" + ", ".join(f'"{name}": {text}' for name, text in members.items()) + "}")


def doubled(name: str, value: Any) -> str:
    """Truly signed claims with one of them twice, the good one last."""
    return sign(f'{{"{name}": {json.dumps(value)}, {json.dumps(claims())[1:]}')


def with_header(**members: Any) -> str:
    """A good token with these members in its header."""
    return token(header=members)


def inner_json() -> str:
    """The JSON serialisation instead of the compact one."""
    head, body, signature = token().split(".")
    return json.dumps({"payload": body, "protected": head, "signature": signature})


def other_alphabet() -> str:
    """The same bytes, in the spelling of plain base64."""
    compact = token(more="?" * 9)  # whose encoding holds a character that differs
    assert {"-", "_"} & set(compact)
    return compact.replace("-", "+").replace("_", "/")


def spare_bits() -> str:
    """The same bytes, with bits set that base64 leaves over: 256 bytes end in a letter of which 2 bits count."""
    compact = token(RSA, "RS384")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = compact[:-1] + letters[letters.index(compact[-1]) + 1]
    ends = [base64.urlsafe_b64decode(one.rpartition(".")[2] + "==") for one in (compact, changed)]
    assert ends[0] == ends[1]
    return changed


PEM = RSA.as_pem(private=False)
OURS = json.dumps(RSA.as_dict(private=False)).encode()
EVIL_JWK = STRANGER.as_dict(private=False)

# name → (the reason for the log, the token)
TOKENS: dict[str, tuple[str, Callable[[], str]]] = {
    "alg none": ("algorithm", lambda: unsigned(alg="none")),
    "alg None": ("algorithm", lambda: unsigned(alg="None")),
    "alg NONE": ("algorithm", lambda: unsigned(alg="NONE")),
    "alg nOnE": ("algorithm", lambda: unsigned(alg="nOnE")),
    "alg none with a space": ("algorithm", lambda: unsigned(alg="none ")),
    "alg none, with a true signature": ("algorithm", lambda: sign_raw('{"alg":"none","kid":"ec"}', json.dumps(claims()))),
    "alg empty": ("malformed", lambda: unsigned(alg="")),
    "alg null": ("malformed", lambda: unsigned(alg=None)),
    "alg missing": ("malformed", lambda: unsigned()),
    "alg a list": ("malformed", lambda: unsigned(alg=["ES384", "none"])),
    "alg twice": ("malformed", lambda: sign_raw('{"alg":"none","alg":"ES384","kid":"ec"}', json.dumps(claims()))),
    "HMAC with the public key as PEM": ("algorithm", lambda: mac(PEM)),
    "HMAC with the public key as JWK": ("algorithm", lambda: mac(OURS)),
    "HMAC 384 with the public key": ("algorithm", lambda: mac(PEM, "HS384", hashlib.sha384)),
    "HMAC 512 with an empty secret": ("algorithm", lambda: mac(b"", "HS512", hashlib.sha512)),
    "HMAC that calls itself RS384": ("signature", lambda: mac(PEM, "RS384", hashlib.sha384)),
    "RS384 with the elliptic key's name": ("algorithm", lambda: token(RSA, "RS384", header={"kid": "ec"})),
    "ES384 with the RSA key's name": ("algorithm", lambda: token(EC, header={"kid": "rsa"})),
    "RS256, which the issuer may not use": ("algorithm", lambda: token(RSA, "RS256")),
    "PS384, which the issuer may not use": ("algorithm", lambda: token(RSA, "PS384")),
    "ES256, which the issuer may not use": ("algorithm", lambda: token(P256, "ES256")),
    "RS256 that calls itself RS384": ("signature", lambda: sign_raw('{"alg":"RS384","kid":"rsa"}', json.dumps(claims()), RSA, "RS256")),
    "ES384 by a client that may use RS384 alone": ("algorithm", lambda: token(iss=EPIC, aud=TYPED)),
    "an algorithm that is none": ("algorithm", lambda: unsigned(alg="ES385")),
    "an algorithm in small letters": ("algorithm", lambda: sign_raw('{"alg":"es384","kid":"ec"}', json.dumps(claims()))),
    "a stranger's key under our key's name": ("signature", lambda: token(STRANGER)),
    "another client's key": ("unknown-key", lambda: token(EPIC_KEY, "RS384")),
    "another client's key under our name": ("signature", lambda: token(EPIC_KEY, "RS384", header={"kid": "rsa"})),
    "kid leads through the file system": ("unknown-key", lambda: with_header(kid="../../../../dev/null")),
    "kid is SQL": ("unknown-key", lambda: with_header(kid="' OR '1'='1' --")),
    "kid is an address": ("unknown-key", lambda: with_header(kid="http://169.254.169.254/latest/meta-data")),
    "kid is a command": ("unknown-key", lambda: with_header(kid="| cat /etc/passwd")),
    "kid empty": ("malformed", lambda: with_header(kid="")),
    "kid missing": ("malformed", lambda: with_header(kid=None)),
    "kid huge": ("malformed", lambda: with_header(kid="e" * 4000)),
    "kid a number": ("malformed", lambda: with_header(kid=7)),
    "kid with a NUL": ("unknown-key", lambda: with_header(kid="ec\0")),
    "kid in capitals": ("unknown-key", lambda: with_header(kid="EC")),
    "jwk in the header": ("signature", lambda: token(STRANGER, header={"jwk": EVIL_JWK})),
    "jwk in the header, under its own name": ("unknown-key", lambda: token(STRANGER, header={"jwk": EVIL_JWK, "kid": "mine"})),
    "x5u in the header": ("signature", lambda: token(STRANGER, header={"x5u": "https://evil.example/cert.pem"})),
    "x5c in the header": ("signature", lambda: token(STRANGER, header={"x5c": ["MIIB"]})),
    "jku of a data address": ("key-set", lambda: token(STRANGER, header={"jku": "data:application/json,{}"})),
    "jku of the cloud's credentials": ("key-set", lambda: token(header={"jku": "http://169.254.169.254/"})),
    "jku where keys are by hand": ("key-set", lambda: token(header={"jku": "https://ehr.example/jwks.json"})),
    "jku empty": ("malformed", lambda: with_header(jku="")),
    "jku a list": ("malformed", lambda: with_header(jku=["https://ehr.example/jwks.json"])),
    "expired": ("expired", lambda: token(now=1_700_000_000)),
    "issued in the future": ("not-yet-valid", lambda: token(iat=4e9, exp=4e9 + 300)),
    "not before the future": ("not-yet-valid", lambda: token(nbf=4e9)),
    "exp missing": ("malformed", lambda: token(exp=None)),
    "iat missing": ("malformed", lambda: token(iat=None)),
    "jti missing": ("malformed", lambda: token(jti=None)),
    "iss missing": ("malformed", lambda: token(iss=None)),
    "aud missing": ("malformed", lambda: token(aud=None)),
    "lives for a year": ("lifetime", lambda: token(exp=claims()["iat"] + 31_536_000)),
    "ends before it begins": ("lifetime", lambda: token(exp=claims()["iat"] - 20)),
    "exp NaN": ("malformed", lambda: raw_claims(exp="NaN")),
    "exp Infinity": ("malformed", lambda: raw_claims(exp="Infinity")),
    "exp beyond a float": ("malformed", lambda: raw_claims(exp="1e999")),
    "exp of 400 digits": ("malformed", lambda: raw_claims(exp="9" * 400)),
    "exp of 5000 digits": ("malformed", lambda: raw_claims(exp="9" * 5000)),
    "exp negative": ("malformed", lambda: raw_claims(exp="-1")),
    "exp a text": ("malformed", lambda: token(exp="4000000000")),
    "exp true": ("malformed", lambda: token(exp=True)),
    "exp null": ("malformed", lambda: raw_claims(exp="null")),
    "iat NaN": ("malformed", lambda: raw_claims(iat="NaN")),
    "iat a list": ("malformed", lambda: raw_claims(iat="[0]")),
    "aud a prefix": ("audience", lambda: token(aud=URL + "/cds-services")),
    "aud longer": ("audience", lambda: token(aud=URL + PATH + "r")),
    "aud another service": ("audience", lambda: token(aud=URL + "/cds-services/coffee")),
    "aud the feedback endpoint": ("audience", lambda: token(aud=URL + PATH + "/feedback")),
    "aud with a query": ("audience", lambda: token(aud=URL + PATH + "?x=1")),
    "aud with a fragment": ("audience", lambda: token(aud=URL + PATH + "#x")),
    "aud in capitals": ("audience", lambda: token(aud=(URL + PATH).upper())),
    "aud of another host": ("audience", lambda: token(aud="https://cds.hospital.example.evil.example" + PATH)),
    "aud with a user": ("audience", lambda: token(aud="https://cds.hospital.example@evil.example" + PATH)),
    "aud another scheme": ("audience", lambda: token(aud=URL.replace("https", "http") + PATH)),
    "aud through dots": ("audience", lambda: token(aud=URL + "/cds-services/coffee/../tea-time")),
    "aud encoded": ("audience", lambda: token(aud=URL + "/cds-services/tea%2Dtime")),
    "aud the path alone": ("audience", lambda: token(aud=PATH)),
    "aud a list without ours": ("audience", lambda: token(aud=["https://a.example", URL])),
    "aud an empty list": ("malformed", lambda: token(aud=[])),
    "aud a list in a list": ("malformed", lambda: token(aud=[[URL + PATH]])),
    "aud another client's": ("audience", lambda: token(aud=TYPED)),
    "iss a stranger": ("unknown-issuer", lambda: token(iss="https://mallory.example")),
    "iss with a slash more": ("unknown-issuer", lambda: token(iss=ISS + "/")),
    "iss in capitals": ("unknown-issuer", lambda: token(iss=ISS.upper())),
    "iss with a line break": ("malformed", lambda: token(iss=ISS + "\n")),
    "iss with a surrogate": ("malformed", lambda: raw_claims(iss='"\\ud800"')),
    "iss a list": ("malformed", lambda: token(iss=[ISS])),
    "iss twice": ("malformed", lambda: doubled("iss", "https://mallory.example")),
    "aud twice": ("malformed", lambda: doubled("aud", "https://mallory.example")),
    "exp twice": ("malformed", lambda: doubled("exp", 1)),
    "jti twice": ("malformed", lambda: doubled("jti", "another")),
    "jti huge": ("malformed", lambda: token(jti="j" * 600)),
    "jti a number": ("malformed", lambda: token(jti=7)),
    "tenant unknown": ("tenant", lambda: token(iss=TENANTS, tenant="south")),
    "tenant missing": ("tenant", lambda: token(iss=TENANTS)),
    "tenant in capitals": ("tenant", lambda: token(iss=TENANTS, tenant="NORTH")),
    "tenant a list": ("malformed", lambda: token(iss=TENANTS, tenant=["north"])),
    "claims changed after signing": ("signature", lambda: altered()),
    "signature stripped": ("signature", lambda: token().rpartition(".")[0] + "."),
    "signature and its dot stripped": ("malformed", lambda: token().rpartition(".")[0]),
    "signature truncated": ("signature", lambda: token()[:-4]),
    "signature longer": ("signature", lambda: token() + "AAAA"),
    "signature of r and s zero": ("signature", lambda: resigned(token(), bytes(96))),
    "signature of r and s one": ("signature", lambda: resigned(token(), (bytes(47) + b"\1") * 2)),
    "signature of r and s huge": ("signature", lambda: resigned(token(), b"\xff" * 96)),
    "signature as DER": ("signature", der),
    "RSA signature zero": ("signature", lambda: resigned(token(RSA, "RS384"), bytes(256))),
    "RSA signature one": ("signature", lambda: resigned(token(RSA, "RS384"), bytes(255) + b"\1")),
    "another token's signature": ("signature", lambda: f"{token().rpartition('.')[0]}.{token().rpartition('.')[2]}"),
    "padding at the end": ("malformed", lambda: token() + "="),
    "the other base64 alphabet": ("malformed", other_alphabet),
    "spare bits in the last letter": ("malformed", spare_bits),
    "a space inside": ("malformed", lambda: token().replace(".", ". ", 1)),
    "a tab inside": ("malformed", lambda: token().replace(".", ".\t", 1)),
    "text after it": ("malformed", lambda: token() + " x"),
    "four parts": ("malformed", lambda: token() + ".x"),
    "five parts, as if encrypted": ("malformed", lambda: token() + ".x.y"),
    "not ASCII": ("malformed", lambda: "é.é.é"),
    "dots alone": ("malformed", lambda: ".."),
    "a JWT in a JWT": ("malformed", lambda: sign(json.dumps(token()), header={"cty": "JWT"})),
    "a JWT as claims": ("malformed", lambda: sign(token())),
    "JSON serialisation": ("malformed", inner_json),
    "claims a list": ("malformed", lambda: sign(json.dumps([claims()]))),
    "claims no JSON": ("malformed", lambda: sign(b"\xff\xfe")),
    "claims nested deeply": ("malformed", lambda: sign("[" * 3000)),
    "claims with a byte order mark": ("malformed", lambda: sign(b"\xef\xbb\xbf" + json.dumps(claims()).encode())),
    "header no JSON": ("malformed", lambda: sign_raw("x", json.dumps(claims()))),
    "header a list": ("malformed", lambda: sign_raw('["ES384"]', json.dumps(claims()))),
    "crit with b64": ("malformed", lambda: with_header(b64=False, crit=["b64"])),
    "b64 without crit": ("malformed", lambda: with_header(b64=False)),
    "crit empty": ("malformed", lambda: with_header(crit=[])),
    "crit null": ("malformed", lambda: sign_raw('{"alg":"ES384","kid":"ec","crit":null}', json.dumps(claims()))),
    "typ of another token": ("malformed", lambda: with_header(typ="at+jwt")),
    "oversized": ("malformed", lambda: token(more="x" * 9000)),
    "very oversized": ("malformed", lambda: "x" * 50_000),
    "the Sandbox's name with a stranger's key": ("signature", lambda: token(STRANGER, iss=SANDBOX)),
}  # fmt: skip

# name → (the reason, the header lines)
HEADERS: dict[str, tuple[str, Callable[[], list[str]]]] = {
    "no header": ("no-token", lambda: []),
    "empty header": ("no-token", lambda: ["Authorization:"]),
    "Bearer alone": ("no-token", lambda: ["Authorization: Bearer"]),
    "two Authorization headers": ("no-token", lambda: [f"Authorization: Bearer {token()}"] * 2),
    "two, the second good": ("no-token", lambda: ["Authorization: Bearer x", f"authorization: Bearer {token()}"]),
    "two in one": ("malformed", lambda: [f"Authorization: Bearer {token()}, Bearer {token()}"]),
    "Basic": ("no-token", lambda: ["Authorization: Basic dXNlcjpwYXNz"]),
    "scheme JWT": ("no-token", lambda: [f"Authorization: JWT {token()}"]),
    "no scheme": ("no-token", lambda: [f"Authorization: {token()}"]),
    "scheme with a colon": ("no-token", lambda: [f"Authorization: Bearer:{token()}"]),
    "a tab for the space": ("no-token", lambda: [f"Authorization: Bearer\t{token()}"]),
    "two spaces": ("malformed", lambda: [f"Authorization: Bearer  {token()}"]),
    "the scheme twice": ("malformed", lambda: [f"Authorization: Bearer Bearer {token()}"]),
    "in quotes": ("malformed", lambda: [f'Authorization: Bearer "{token()}"']),
    "in a proxy's header": ("no-token", lambda: [f"Proxy-Authorization: Bearer {token()}"]),
    "in a cookie": ("no-token", lambda: [f"Cookie: access_token={token()}"]),
}


async def replayed(world: World, port: int) -> Attack:
    """A token that was used at the first worker."""
    line = f"Authorization: Bearer {token()}"
    assert (await world.send([line])).status == 200
    return Attack([line], port=port)


async def _again(world: World) -> Attack:
    return await replayed(world, world.port)


async def _elsewhere(world: World) -> Attack:
    return await replayed(world, world.neighbour)


async def _after_a_restart(world: World) -> Attack:
    attack = await replayed(world, 0)
    attack.port = await world.restarted()
    return attack


async def _jti_again(world: World) -> Attack:
    """The client's own key, the same jti, another end."""
    used = token(jti="once")
    assert (await world.send([f"Authorization: Bearer {used}"])).status == 200
    return Attack([f"Authorization: Bearer {token(jti='once', exp=claims()['exp'] + 60)}"], port=world.neighbour)


async def _at_feedback_after_the_call(world: World) -> Attack:
    """An audience that is good for every endpoint makes a token good once all the same."""
    line = f"Authorization: Bearer {token(EPIC_KEY, 'RS384', iss=EPIC, aud=TYPED)}"
    assert (await world.send([line])).status == 200
    return Attack([line], path=PATH + "/feedback", port=world.neighbour)


async def _bad_body(world: World) -> Attack:
    """What is wrong with the rest of the call is not said either."""
    attack = await replayed(world, world.neighbour)
    attack.path = "/cds-services/%74ea-time"
    return attack


async def _evil_jku(world: World) -> Attack:
    made = token(STRANGER, header={"jku": world.evil.url, "kid": "ec"}, iss=INFERNO)
    return Attack([f"Authorization: Bearer {made}"])


async def _jku_like_ours(world: World) -> Attack:
    made = token(STRANGER, header={"jku": world.keys.url + "?", "kid": "ec"}, iss=INFERNO)
    return Attack([f"Authorization: Bearer {made}"])


async def _jku_with_a_user(world: World) -> Attack:
    jku = world.keys.url.replace("http://", "http://127.0.0.1:80@")
    return Attack([f"Authorization: Bearer {token(STRANGER, header={'jku': jku}, iss=INFERNO)}"])


async def _jku_of_another_client(world: World) -> Attack:
    made = token(INFERNO_EC, header={"jku": world.keys.url})
    return Attack([f"Authorization: Bearer {made}"])


async def _unknown_at_our_jku(world: World) -> Attack:
    made = token(STRANGER, header={"jku": world.keys.url, "kid": "made-up"}, iss=INFERNO)
    return Attack([f"Authorization: Bearer {made}"])


async def _in_the_query(_world: World) -> Attack:
    return Attack(path=f"{PATH}?access_token={token()}")


async def _path_in_the_query(_world: World) -> Attack:
    made = token(aud=URL + "/cds-services/coffee")
    return Attack([f"Authorization: Bearer {made}"], path=f"{PATH}?x=/cds-services/coffee")


async def _other_service(_world: World) -> Attack:
    return Attack([f"Authorization: Bearer {token()}"], path="/cds-services/coffee")


async def _feedback(_world: World) -> Attack:
    return Attack([f"Authorization: Bearer {token()}"], path=PATH + "/feedback")


# name → (the reason, what is done before the request, and the request)
DEEDS: dict[str, tuple[str, Callable[[World], Awaitable[Attack]]]] = {
    "replay at the same worker": ("replayed", _again),
    "replay at another worker": ("replayed", _elsewhere),
    "replay after a restart": ("replayed", _after_a_restart),
    "replay of a jti in a new token": ("replayed", _jti_again),
    "replay at another endpoint": ("replayed", _at_feedback_after_the_call),
    "replay with another spelling of the path": ("replayed", _bad_body),
    "jku of the attacker": ("key-set", _evil_jku),
    "jku almost ours": ("key-set", _jku_like_ours),
    "jku with a user in it": ("key-set", _jku_with_a_user),
    "jku of another client": ("key-set", _jku_of_another_client),
    "a made-up key at our jku": ("unknown-key", _unknown_at_our_jku),
    "token in the query": ("no-token", _in_the_query),
    "the token's path in the query": ("audience", _path_in_the_query),
    "a token at another service": ("audience", _other_service),
    "a call's token at feedback": ("audience", _feedback),
}


async def check(world: World, reason: str, attack: Attack) -> None:
    """Refused as every other, for this reason; the log says it, and neither log nor answer says the token."""
    plain = await world.send(["Authorization: Bearer x"])
    before, decided = world.refusals(), len(world.cds.decisions())
    with structlog.testing.capture_logs() as lines:
        answer = await world.send(attack.lines, attack.path, port=attack.port)
    assert answer.status == 401
    assert answer == plain  # body and headers, byte for byte
    assert answer.headers["www-authenticate"] == "Bearer"
    said = [line for line in lines if line["event"] == "refused"]
    assert [line.get("reason") for line in said] == [reason], said
    # What was computed before another worker's use was known is in the log as not answered.
    assert {(row["status"], row["card"]) for row in world.cds.decisions()[decided:]} <= {("failed", None)}
    for shown in [word for line in attack.lines for word in re.split(r"[ .,=\"]", line) if len(word) > 64]:
        assert shown not in str(lines)
    if attack.port in (0, world.port):
        assert world.refusals()[reason] == before.get(reason, 0) + 1
    assert world.evil.calls == 0


@pytest.mark.parametrize("name", TOKENS)
async def test_a_token_that_is_an_attack_is_refused(world: World, name: str) -> None:
    """Each named way in which a token can lie."""
    reason, make = TOKENS[name]
    await check(world, reason, Attack([f"Authorization: Bearer {make()}"]))


@pytest.mark.parametrize("name", HEADERS)
async def test_a_header_that_is_an_attack_is_refused(world: World, name: str) -> None:
    """A token is taken from one place, in one spelling."""
    reason, make = HEADERS[name]
    await check(world, reason, Attack(make()))


@pytest.mark.parametrize("name", DEEDS)
async def test_a_deed_that_is_an_attack_is_refused(world: World, name: str) -> None:
    """Replay, other key sets, other places."""
    reason, do = DEEDS[name]
    await check(world, reason, await do(world))


@pytest.mark.parametrize(
    "name", ["alg none", "aud of another host", "expired", "a stranger's key under our key's name"]
)
@pytest.mark.parametrize(("path", "method"), [(PATH + "/feedback", "POST"), ("/cds-services", "GET")])
async def test_the_other_endpoints_refuse_alike(world: World, name: str, path: str, method: str) -> None:
    """Feedback, and discovery where a token is shown; the answer is the same to the byte."""
    plain = await world.send(["Authorization: Bearer x"])
    answer = await world.send([f"Authorization: Bearer {TOKENS[name][1]()}"], path, method=method)
    assert answer == plain


async def test_a_token_on_several_lines_is_refused(world: World) -> None:
    """By the server or by us; never taken."""
    compact = token()
    for line in (f"Authorization: Bearer {compact[:20]}\r\n {compact[20:]}", f"Authorization: Bearer {compact[:20]}\n"):
        assert (await world.send([line])).status in {400, 401}


def test_every_reason_is_met() -> None:
    """The table leaves no reason out."""
    met = {reason for table in (TOKENS, HEADERS, DEEDS) for reason, _ in table.values()}
    assert met == set(REASONS)


# --- what real clients send, and is taken ---


def _epic() -> str:
    """RS384, `nbf` and `sub`, a quarter of an hour, one audience for all endpoints in a list, an id in base64."""
    now = claims()["iat"]
    return token(EPIC_KEY, "RS384", iss=EPIC, aud=[TYPED + "/"], sub="a-client", nbf=now, iat=now, exp=now + 900)


GOOD: dict[str, Callable[[World], str]] = {
    "ES384": lambda _: token(),
    "RS384": lambda _: token(RSA, "RS384"),
    "without typ": lambda _: with_header(typ=None),
    "typ in small letters": lambda _: with_header(typ="jwt"),
    "members nobody knows": lambda _: token(header={"x": 1}, more={"deep": [1]}),
    "a certificate beside the right key": lambda _: with_header(x5c=["MIIB"], x5t="x"),
    "times with fractions": lambda _: token(iat=claims()["iat"] + 0.5, exp=claims()["exp"] + 0.25),
    "iat rounded up": lambda _: token(iat=claims()["iat"] + 6),
    "a tenant of the list": lambda _: token(iss=TENANTS, tenant="east"),
    "Epic": lambda _: _epic(),
    "Sandbox with a doubled slash": lambda _: token(iss=SANDBOX, aud=f"{URL}/cds-services//tea-time", header={"jku": SANDBOX_JWKS}),
    "Inferno, ES384": lambda world: token(INFERNO_EC, header={"jku": world.keys.url}, iss=INFERNO),
    "Inferno, RS384": lambda world: token(INFERNO_RSA, "RS384", header={"jku": world.keys.url}, iss=INFERNO),
    "the key set's address left out": lambda _: token(INFERNO_EC, iss=INFERNO),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
async def test_what_real_clients_send_is_taken(world: World, name: str) -> None:
    """Strict with attackers, not with clients."""
    answer = await world.send([f"Authorization: Bearer {GOOD[name](world)}"])
    assert answer.status == 200, answer.body


async def test_the_scheme_is_read_in_any_case(world: World) -> None:
    """RFC 9110 section 11.1."""
    assert (await world.send([f"authorization: bearer {token()}"])).status == 200


async def test_discovery_takes_a_token_for_itself_and_once(world: World) -> None:
    """Open without one; with one, it must be good (item 11)."""
    line = f"Authorization: Bearer {token(aud=f'{URL}/cds-services')}"
    assert (await world.send([], "/cds-services", method="GET")).status == 200
    assert (await world.send([line], "/cds-services", method="GET")).status == 200
    assert (await world.send([line], "/cds-services", method="GET", port=world.neighbour)).status == 401
    assert (await world.send([f"Authorization: Bearer {token()}"], "/cds-services", method="GET")).status == 401


async def test_discovery_may_need_a_token(tmp_path: Path) -> None:
    """By a setting."""
    registry = FakeRegistry()
    registry.deploy(tea_bundle())
    settings = CdsSettings(var=tmp_path, demo=True, public_url=URL, discovery_needs_token=True)
    async with run(settings, registry, client=registry.client()) as cds:
        assert (await cds.http.get("/cds-services")).status_code == 401
        signed = {"Authorization": f"Bearer {cds.ehr.token(URL + '/cds-services')}"}
        assert (await cds.http.get("/cds-services", headers=signed)).status_code == 200
