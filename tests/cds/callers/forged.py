"""Tokens that lie, each with the reason for which it must be refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

from services.cds.callers.trust_list import SANDBOX
from tests.cds.callers.clients import EPIC, EPIC_KEY, TENANTS, TYPED
from tests.cds.callers.tokens import EC, ISS, P256, PATH, RSA, STRANGER, URL, claims, part, sign, sign_raw, token


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
