"""The door to encryption at rest: what must be read again is kept sealed, under keys that are not in the database.

AES-256-GCM with a fresh nonce for each sealing. What it is and whose it is (`about`) is bound to it, so that a sealed text
opens in no other place. The first key seals and every key opens, so a key is changed by putting another before it.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.guidance.errors import Unavailable
from services.plumbing.keys import write_once
from services.timeline.errors import BadInput

PREFIX: Final = "sealed1"
KEY_BYTES: Final = 32
_NONCE: Final = 12


@dataclass(frozen=True, slots=True)
class Sealer:
    """The keys by id, the one that seals first. They never leave this object."""

    _keys: dict[str, AESGCM]

    @classmethod
    def of(cls, text: str, *, place: str) -> Sealer:
        """The keys in a text, 32 bytes in base64 on each line; BadInput without one, or if a line is none."""
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        try:
            raw = [base64.b64decode(line.replace("-", "+").replace("_", "/"), validate=True) for line in lines]
        except (binascii.Error, ValueError):
            raw = []
        if not raw or any(len(one) != KEY_BYTES for one in raw):
            raise BadInput(
                "no keys that seal",
                place=place,
                remedy="Write 32 random bytes in base64 on each line, the newest first",
            )
        return cls({sha256(one).hexdigest()[:8]: AESGCM(one) for one in raw})

    @classmethod
    def generate(cls) -> Sealer:
        """One new key that is kept nowhere yet."""
        return cls.of(_new_key(), place="a new key")

    @classmethod
    def load_or_create(cls, path: Path) -> Sealer:
        """The keys in `path`, one made on first use. Others must not be able to read the file."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                write_once(path, f"{_new_key()}\n".encode())
            if path.stat().st_mode & 0o077:
                raise BadInput(
                    "the keys that seal can be read by others",
                    place=str(path),
                    remedy=f"Run `chmod 600 {path}`; if others may have read it, put a new key on its first line",
                )
            text = path.read_text(encoding="ascii", errors="replace")
        except OSError as fault:
            raise Unavailable(
                f"the keys that seal cannot be read or made ({fault.strerror})",
                place=str(path),
                remedy="Mount them, or let this user read and write there",
            ) from fault
        return cls.of(text, place=str(path))

    def seal(self, plain: str, *, about: str) -> str:
        """The text, sealed by the first key."""
        kid, key = next(iter(self._keys.items()))
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + key.encrypt(nonce, plain.encode(), about.encode())
        return f"{PREFIX}:{kid}:{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, *, about: str) -> str:
        """What was sealed about this; Unavailable if no key here opens it, or if it was altered or moved."""
        prefix, _, rest = sealed.partition(":")
        kid, _, text = rest.partition(":")
        key = self._keys.get(kid)
        if prefix != PREFIX or key is None:
            raise _unreadable("is sealed by a key that is not here")
        try:
            raw = base64.urlsafe_b64decode(text)
            return key.decrypt(raw[:_NONCE], raw[_NONCE:], about.encode()).decode()
        except (InvalidTag, ValueError) as fault:
            raise _unreadable("was altered, or belongs to somebody else") from fault

    def is_current(self, sealed: str) -> bool:
        """Whether the first key sealed it."""
        return sealed.startswith(f"{PREFIX}:{next(iter(self._keys))}:")


def is_sealed(kept: str) -> bool:
    """Whether this text is sealed, by whatever key."""
    return kept.startswith(f"{PREFIX}:")


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _unreadable(why: str) -> Unavailable:
    return Unavailable(
        f"a secret that is kept {why}",
        place="KNOWDO_REGISTRY_SEALING_KEYS",
        remedy="Give back the keys from their backup; if they are lost, set the secret anew",
    )
