"""A signature is good for exactly the bytes that a trusted key signed, with one algorithm; for nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.errors import BadManifest, Unavailable
from services.plumbing.keys import PublicKeys, SigningKey, public_key_set, sign, verify
from services.timeline.errors import BadInput

KEY = SigningKey.generate()
KEYS = public_key_set(KEY)
PAYLOAD = {"typ": "knowdo-manifest", "release": "sha256:" + "a" * 64, "number": 7, "überall": ["*"]}
SIGNED = sign(PAYLOAD, KEY)


def b64(data: bytes) -> str:
    """Base64url as in a JWS."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: dict[str, Any], payload: bytes | None = None, signature: bytes = b"") -> str:
    """A JWS of our own making."""
    body = payload if payload is not None else json.dumps(PAYLOAD).encode()
    return f"{b64(json.dumps(header).encode())}.{b64(body)}.{b64(signature)}"


def test_what_was_signed_comes_back() -> None:
    """The payload, as it was."""
    assert verify(SIGNED, KEYS) == PAYLOAD


def test_it_is_a_standard_jws() -> None:
    """Anyone can verify it with nothing but Ed25519 and base64 (RFC 7515, RFC 8037); the key id is RFC 7638's."""
    head, body, signature = SIGNED.split(".")
    x = KEYS["keys"][0]["x"]
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=="))
    public.verify(base64.urlsafe_b64decode(signature + "=="), f"{head}.{body}".encode())
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"alg": "Ed25519", "kid": b64(thumbprint)}


def test_another_key_is_refused() -> None:
    """Even one that calls itself by the trusted key's id."""
    other = SigningKey.generate()
    with pytest.raises(BadManifest, match="no key that is trusted"):
        verify(sign(PAYLOAD, other), KEYS)
    raw = Ed25519PrivateKey.generate()
    head, body = b64(json.dumps({"alg": "Ed25519", "kid": KEY.kid}).encode()), b64(b'{"a":1}')
    with pytest.raises(BadManifest, match="does not fit"):
        verify(f"{head}.{body}.{b64(raw.sign(f'{head}.{body}'.encode()))}", KEYS)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "EdDSA", "ES256", "RS256", "Ed448", ""])
def test_every_other_algorithm_is_refused(algorithm: str) -> None:
    """`none`, a shared secret, and even EdDSA by its old name: the verifier chooses, never the token."""
    with pytest.raises(BadManifest):
        verify(forged({"alg": algorithm, "kid": KEY.kid}), KEYS)


def test_a_public_key_used_as_a_shared_secret_is_refused() -> None:
    """The classic confusion: HMAC with the bytes of the public key."""
    head = b64(json.dumps({"alg": "HS256", "kid": KEY.kid}).encode())
    body = b64(json.dumps(PAYLOAD).encode())
    for secret in (KEYS["keys"][0]["x"].encode(), json.dumps(KEYS["keys"][0]).encode()):
        signature = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
        with pytest.raises(BadManifest):
            verify(f"{head}.{body}.{b64(signature)}", KEYS)


@pytest.mark.parametrize(
    "extra", [{"b64": False, "crit": ["b64"]}, {"jwk": {}}, {"jku": "https://evil.example"}, {"x": 1}]
)
def test_a_header_with_more_in_it_is_refused(extra: dict[str, Any]) -> None:
    """A key or a rule that the token brings along is not looked at."""
    with pytest.raises(BadManifest, match="header"):
        verify(forged({"alg": "Ed25519", "kid": KEY.kid, **extra}, signature=b"\0" * 64), KEYS)


@pytest.mark.parametrize("header", [{"alg": "Ed25519"}, {"kid": KEY.kid}, {"alg": "Ed25519", "kid": 3}, {}])
def test_a_header_with_less_in_it_is_refused(header: dict[str, Any]) -> None:
    """Without a key id, a set of one key is not taken for granted."""
    with pytest.raises(BadManifest):
        verify(forged(header, signature=b"\0" * 64), KEYS)


@settings(max_examples=400, deadline=None)
@given(place=st.integers(0, len(SIGNED) - 1), letter=st.characters(codec="ascii"))
def test_any_altered_letter_is_refused(place: int, letter: str) -> None:
    """There is no second spelling of a signed text, not even in the spare bits of base64."""
    altered = SIGNED[:place] + letter + SIGNED[place + 1 :]
    if altered == SIGNED:
        return
    with pytest.raises(BadManifest):
        verify(altered, KEYS)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=80), st.from_regex(r"[\w-]{0,20}\.[\w-]{0,20}\.[\w-]{0,20}", fullmatch=True)))
def test_noise_is_refused(text: str) -> None:
    """Whatever arrives, the answer is BadManifest."""
    with pytest.raises(BadManifest):
        verify(text, KEYS)


def test_a_payload_that_is_not_canonical_is_refused() -> None:
    """Signed or not: two spellings of one payload would have two digests."""
    from joserfc import jws
    from joserfc.jwk import OKPKey

    key = OKPKey.generate_key("Ed25519")
    keys: PublicKeys = {"keys": [{name: str(value) for name, value in key.as_dict(private=False).items()}]}
    for payload in (b'{"a": 1}', b"[1]", b'"x"', b"\xff"):
        text = jws.serialize_compact({"alg": "Ed25519", "kid": key.thumbprint()}, payload, key, algorithms=["Ed25519"])
        with pytest.raises(BadManifest):
            verify(text, keys)


def test_keys_can_be_changed_without_a_gap() -> None:
    """While both are published, what either signed is taken; once the old one is gone, its signatures are too."""
    new = SigningKey.generate()
    both = public_key_set(new, KEYS["keys"])
    assert verify(SIGNED, both) == verify(sign(PAYLOAD, new), both)
    assert [key["kid"] for key in both["keys"]] == [new.kid, KEY.kid]
    with pytest.raises(BadManifest):
        verify(SIGNED, public_key_set(new))


def test_public_keys_hold_nothing_private() -> None:
    """Neither the own key nor a former one that someone gave with its private half."""
    private = json.loads(KEY._private_json())
    assert "d" in private
    text = json.dumps(public_key_set(SigningKey.generate(), [private]))
    assert private["d"] not in text
    assert private["d"] not in repr(KEY)


@pytest.mark.parametrize("key", [{"kty": "oct", "k": "AAAA"}, {"kty": "OKP", "crv": "X25519", "x": "AAAA"}, {}])
def test_a_set_with_another_kind_of_key_is_refused(key: dict[str, str]) -> None:
    """Only Ed25519 is ever trusted."""
    with pytest.raises(BadManifest):
        verify(SIGNED, {"keys": [key]})


def test_the_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Mode 0600, and the same key the next time."""
    path = tmp_path / "deep" / "key.json"
    first = SigningKey.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey.load_or_create(path).kid == first.kid
    assert list(path.parent.iterdir()) == [path]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Said with the command that mends it."""
    path = tmp_path / "key.json"
    SigningKey.load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(BadInput, match="chmod 600"):
        SigningKey.load_or_create(path)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"kty":"OKP","crv":"Ed25519","x":"AAAA"}', '{"kty":"oct","k":"AA"}']
)
def test_a_file_that_is_no_private_key_is_refused(tmp_path: Path, content: str) -> None:
    """It is never replaced by a new key: then all that was signed would be refused without a word."""
    path = tmp_path / "key.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(BadInput, match="private"):
        SigningKey.load_or_create(path)
    assert path.read_text() == content


def test_a_public_key_is_no_signing_key(tmp_path: Path) -> None:
    """The file of a verifier cannot sign."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(KEYS["keys"][0]))
    path.chmod(0o600)
    with pytest.raises(BadInput, match="private"):
        SigningKey.load_or_create(path)


def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    """Said with the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="signing key"):
        SigningKey.load_or_create(tmp_path / "file" / "key.json")
