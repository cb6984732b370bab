"""Public keys of clients: read once, each fit for what it was made for, and never a secret."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from services.plumbing.public_keys import ALGORITHMS, canonical_base64url, read_jwks, read_jwks_text
from services.timeline.errors import BadInput

EC = ECKey.generate_key("P-384", {"kid": "ec"}).as_dict(private=False)
RSA_PRIVATE = RSAKey.generate_key(2048, {"kid": "rsa"})
RSA = RSA_PRIVATE.as_dict(private=False)
OTHER = ECKey.generate_key("P-384", {"kid": "ec"}).as_dict(private=False)


def read(*keys: Any) -> dict[str, tuple[str, ...]]:
    """The ids of a set, with what each key is fit for."""
    found = read_jwks({"keys": list(keys)}, place="test")
    return {kid: found.algorithms(kid) for kid in found.ids}


@pytest.mark.parametrize(("curve", "algorithm"), [("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512")])
def test_a_curve_has_one_algorithm(curve: str, algorithm: str) -> None:
    """RFC 7518 section 3.4."""
    assert read(ECKey.generate_key(curve, {"kid": "k"}).as_dict(private=False)) == {"k": (algorithm,)}


def test_an_rsa_key_is_fit_for_what_it_says_or_for_all() -> None:
    """`alg` binds it to one."""
    assert set(read(RSA)["rsa"]) == {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
    assert read(RSA | {"alg": "RS384", "use": "sig", "key_ops": ["verify"]}) == {"rsa": ("RS384",)}


def test_no_secret_and_no_none_can_be_asked_for() -> None:
    """Neither is an algorithm here."""
    assert not {name for name in ALGORITHMS if name == "none" or name.startswith("HS")}
    assert set(ALGORITHMS) <= set(JWSRegistry.algorithms)


@pytest.mark.parametrize(
    "odd",
    [
        7,
        None,
        {},
        OctKey.generate_key(256).as_dict(),
        OKPKey.generate_key("Ed25519").as_dict(private=False),
        RSA | {"use": "enc", "kid": "x"},
        RSA | {"alg": "RSA-OAEP", "kid": "x"},
        RSA | {"key_ops": ["encrypt"], "kid": "x"},
        RSA | {"kid": "x" * 300},
        RSA | {"n": "AQAB", "kid": "x"},
        RSA | {"n": 7, "kid": "x"},
        EC | {"crv": "P-999", "kid": "x"},
        EC | {"x": EC["y"], "kid": "x"},
        {"kty": ["RSA"]},
    ],
)
def test_what_cannot_verify_a_signature_is_passed_over(odd: Any) -> None:
    """Other uses, weak keys, other kinds, points that are on no curve; the good key beside them is taken."""
    assert set(read(odd, EC)) == {"ec"}
    with pytest.raises(BadInput, match="no public RSA or EC key"):
        read(odd)


@pytest.mark.parametrize("content", [None, [], {}, {"keys": {}}, {"keys": "x"}, {"keys": [EC] * 101}, "x", 7])
def test_what_is_no_set_is_a_fault(content: Any) -> None:
    """And says where."""
    with pytest.raises(BadInput) as fault:
        read_jwks(content, place="here")
    assert fault.value.place == "here"


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b"7" * 5000])
def test_text_that_is_no_json_is_a_fault(text: bytes) -> None:
    """Whatever a server sends."""
    with pytest.raises(BadInput):
        read_jwks_text(text, place="here")


def test_a_private_key_is_a_loud_fault() -> None:
    """Whoever publishes it has lost it."""
    with pytest.raises(BadInput, match="private key"):
        read(RSA_PRIVATE.as_dict(private=True))


def test_two_keys_of_one_name_are_a_fault_and_one_key_twice_is_not() -> None:
    """Which one is meant must not be guessed; sets that say a key twice are seen."""
    assert set(read(EC, EC)) == {"ec"}
    assert set(read(EC, RSA | {"kid": "ec"})) == {"ec"}  # RFC 7517 section 4.5: another kind may share the name
    with pytest.raises(BadInput, match="two keys"):
        read(EC, OTHER)


def test_a_key_without_a_name_is_known_by_its_thumbprint() -> None:
    """A token must name its key; one that was published without a name has that of RFC 7638."""
    nameless = {name: value for name, value in EC.items() if name != "kid"}
    assert list(read(nameless)) == [ECKey.import_key(EC).thumbprint()]


def test_what_vendors_add_to_a_key_is_not_read() -> None:
    """Certificates and members of their own, right or wrong."""
    assert set(read(EC | {"x5c": "odd", "x5t": 7, "ext": True, "nbf": "x"})) == {"ec"}


def test_a_signature_fits_its_bytes_and_its_algorithm_alone() -> None:
    """Another algorithm of the same key says no; one that the key is not fit for is a KeyError."""
    keys = read_jwks({"keys": [RSA]}, place="test")
    signature = JWSRegistry.algorithms["RS384"].sign(b"said", RSA_PRIVATE)
    assert keys.fits("rsa", "RS384", b"said", signature)
    assert not keys.fits("rsa", "RS384", b"Said", signature)
    assert not keys.fits("rsa", "RS256", b"said", signature)
    assert not keys.fits("rsa", "PS384", b"said", signature)
    for odd in (b"", b"x", signature[:-1], signature + b"x", b"\0" * 5000):
        assert not keys.fits("rsa", "RS384", b"said", odd)
    with pytest.raises(KeyError):
        keys.fits("rsa", "ES384", b"said", signature)
    with pytest.raises(KeyError):
        keys.fits("other", "RS384", b"said", signature)


@given(st.binary(max_size=200))
def test_canonical_base64url_is_read_back(raw: bytes) -> None:
    """What an encoder writes is what is read."""
    assert canonical_base64url(base64.urlsafe_b64encode(raw).rstrip(b"=").decode()) == raw


@given(st.text(max_size=40))
def test_only_one_spelling_is_read(text: str) -> None:
    """Any text is refused, or is exactly what an encoder writes for its bytes."""
    raw = canonical_base64url(text)
    assert raw is None or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == text


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "Q+", "Q/", "QU I", "QUI\n", " QUI", "é", "QUI=", "Q-_+"])
def test_other_spellings_are_refused(text: str) -> None:
    """Padding, spare bits, the other alphabet, whitespace."""
    assert canonical_base64url(text) is None


def test_a_set_as_text_is_read() -> None:
    """As it comes over the wire."""
    assert read_jwks_text(json.dumps({"keys": [EC, RSA]}).encode(), place="here").ids == ("ec", "rsa")
