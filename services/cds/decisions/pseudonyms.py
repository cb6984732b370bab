"""Pseudonyms: the same identifier always becomes the same one, and only who holds the key can tell which.

A pseudonym is a FHIR id, so that what is read back is as valid as it was. The key is no part of the database.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Final

from services.guidance.errors import Unavailable
from services.timeline.errors import BadInput

_PREFIX: Final = "pseudonym-"
_DONE: Final = re.compile(_PREFIX + "[0-9a-f]{32}")
SHORTEST: Final = 16  # bytes: what is shorter can be tried out


class Pseudonyms:
    """Replaces identifiers under one key."""

    def __init__(self, key: bytes) -> None:
        if len(key) < SHORTEST:
            raise BadInput(
                f"the pseudonym key has fewer than {SHORTEST} bytes",
                place="KNOWDO_CDS_PSEUDONYM_KEY_FILE",
                remedy="Write 32 random bytes there: `openssl rand -hex 32`",
            )
        self._key = key

    @property
    def fingerprint(self) -> str:
        """What tells two keys apart without giving one away."""
        return self._digest("key", "fingerprint")

    def of(self, kind: str, identifier: str) -> str:
        """The pseudonym of a bare id; empty stays empty, and a pseudonym stays as it is."""
        if not identifier or _DONE.fullmatch(identifier):
            return identifier
        return _PREFIX + self._digest(kind, identifier)

    def of_reference(self, reference: str) -> str:
        """The same for `Type/id`: the type stays, and the id becomes what `of` makes of it."""
        kind, slash, identifier = reference.partition("/")
        return f"{kind}/{self.of(kind, identifier)}" if slash else self.of("", reference)

    def _digest(self, kind: str, identifier: str) -> str:
        return hmac.new(self._key, f"{kind}\n{identifier}".encode(), sha256).hexdigest()[:32]


def open_pseudonyms(key: str, room: Path) -> Pseudonyms:
    """Under the key that was given, else under that of this machine, in its folder `room`."""
    return Pseudonyms(key.encode() if key else load_or_make_key(room / "pseudonym.key"))


def load_or_make_key(path: Path) -> bytes:
    """The key of this machine; made at the first start, readable by this user only."""
    try:
        return path.read_text(encoding="ascii").strip().encode()
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as fault:
        raise _unreadable(path) from fault
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        own = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        own.touch(mode=0o600)
        own.write_text(secrets.token_hex(32), encoding="ascii")
        # Workers start together: the first to link its key wins, the others read it.
        try:
            path.hardlink_to(own)
        except FileExistsError:
            pass
        finally:
            own.unlink()
        return path.read_text(encoding="ascii").strip().encode()
    except OSError as fault:
        raise _unreadable(path) from fault


def _unreadable(path: Path) -> Unavailable:
    return Unavailable(
        "the pseudonym key can be neither read nor made", place=str(path), remedy="Let this user read and write there"
    )
