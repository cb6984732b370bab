"""The door to signatures: Ed25519 as compact JWS (RFC 7515; `alg` is the fully specified `Ed25519` of RFC 9864).

One algorithm, chosen here and never read from a token; a key is found only by its id (RFC 7638 thumbprint) among the
keys that the verifier already trusts. Several public keys may be trusted at once, so a key can be replaced in peace.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict

import rfc8785
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from services.guidance.errors import BadManifest, Unavailable
from services.timeline.errors import BadInput

ALGORITHM: Final = "Ed25519"  # "EdDSA" is deprecated by RFC 9864 because it does not name the curve
MAX_JWS: Final = 100_000  # a manifest has about 1 kB


class PublicKeys(TypedDict):
    """A JWK set (RFC 7517) of Ed25519 public keys."""

    keys: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key; it never leaves this object but into its own file (mode 0600)."""

    _key: OKPKey

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key that is kept nowhere yet."""
        return cls(OKPKey.generate_key("Ed25519"))

    @classmethod
    def load_or_create(cls, path: Path) -> SigningKey:
        """The key in `path` (a private JWK); made on first use. Others must not be able to read the file."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                write_once(path, cls.generate()._private_json())
            if path.stat().st_mode & 0o077:
                raise BadInput(
                    "the signing key can be read by others",
                    place=str(path),
                    remedy=f"Run `chmod 600 {path}`; if others may have read it, replace the key",
                )
            text = path.read_text(encoding="utf-8")
        except OSError as fault:
            raise Unavailable(
                f"the signing key cannot be read or made ({fault.strerror})",
                place=str(path),
                remedy="Mount it, or let this user read and write there",
            ) from fault
        return cls._read(text, place=str(path))

    @classmethod
    def _read(cls, text: str, *, place: str) -> SigningKey:
        try:
            key = OKPKey.import_key(json.loads(text))
        except (ValueError, KeyError, TypeError, JoseError) as fault:
            raise BadInput("not a private JWK", place=place, remedy="Restore the key from its backup") from fault
        if key.curve_name != "Ed25519" or not key.is_private:
            raise BadInput("not a private Ed25519 key", place=place, remedy="Restore the key from its backup")
        return cls(key)

    def _private_json(self) -> bytes:
        return json.dumps(self._key.as_dict(private=True)).encode()

    @property
    def kid(self) -> str:
        """The key's id: its RFC 7638 thumbprint."""
        return self._key.thumbprint()

    def public(self) -> dict[str, str]:
        """The public half as a JWK."""
        raw = self._key.as_dict(private=False)
        return {"kty": "OKP", "crv": "Ed25519", "x": str(raw["x"]), "kid": self.kid, "alg": ALGORITHM, "use": "sig"}


def public_key_set(signer: SigningKey, also: Sequence[Mapping[str, str]] = ()) -> PublicKeys:
    """The keys a verifier may trust: the one that signs now, and those of before or after a change of keys."""
    keys = {signer.kid: signer.public()}
    for other in also:
        kid = _imported(other).thumbprint()
        keys.setdefault(kid, {name: str(value) for name, value in other.items() if name != "d"} | {"kid": kid})
    return {"keys": list(keys.values())}


def sign(payload: Mapping[str, Any], key: SigningKey) -> str:
    """The payload, in canonical JSON, as a compact JWS."""
    protected = {"alg": ALGORITHM, "kid": key.kid}
    return jws.serialize_compact(protected, rfc8785.dumps(dict(payload)), key._key, algorithms=[ALGORITHM])


def verify(signed: str, public_keys: Mapping[str, Any]) -> dict[str, Any]:
    """The payload, if a trusted key signed exactly these bytes; BadManifest for everything else."""
    if len(signed) > MAX_JWS or not signed.isascii() or not all(map(_is_exact, signed.split("."))):
        raise _bad("it is no compact JWS")
    try:
        trusted = KeySet([_imported(key) for key in public_keys["keys"]])
        parts = jws.extract_compact(signed.encode())
        header = parts.headers()
        if set(header) != {"alg", "kid"} or header["alg"] != ALGORITHM:
            raise _bad(f"its header is not one of ours, {ALGORITHM} with a key id")
        # A set of one key would otherwise be used for a token that names no key.
        if header["kid"] not in {key.kid for key in trusted.keys}:
            raise _bad("it names no key that is trusted here")
        if not jws.validate_compact(parts, trusted, algorithms=[ALGORITHM]):
            raise _bad("its signature does not fit its bytes")
        payload = json.loads(parts.payload)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as fault:
        raise _bad(f"it cannot be verified ({type(fault).__name__})") from fault
    if not isinstance(payload, dict) or rfc8785.dumps(payload) != parts.payload:
        raise _bad("its payload is not canonical JSON")
    return payload


def _imported(key: Mapping[str, Any]) -> OKPKey:
    """A public Ed25519 key; its id is computed, never believed."""
    if key.get("kty") != "OKP" or key.get("crv") != "Ed25519" or not isinstance(key.get("x"), str):
        raise _bad("the trusted keys hold one that is not Ed25519")
    public = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key["x"]})
    public.ensure_kid()
    return public


def _is_exact(part: str) -> bool:
    """Base64url leaves spare bits in its last letter; only the one spelling that an encoder writes is taken."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return False
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == part


def _bad(why: str) -> BadManifest:
    return BadManifest(
        f"the signature is refused: {why}",
        remedy="Fetch it again from the registry; if it stays so, the registry's key changed or the bytes were altered",
    )


def write_once(path: Path, data: bytes) -> None:
    """Create the file readable by its owner only, in one step, so that two processes cannot both win."""
    spare = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(spare, path)
    except FileExistsError:
        pass  # another process made it first: its key is the key
    finally:
        spare.unlink()
