"""The door to argon2: passwords are kept as argon2id hashes only, at the cost that OWASP's cheat sheet names.

19 MiB of memory, two passes, one lane: about 30 ms on a server's core. At most four are computed at a time, so that a
flood of guesses takes 76 MiB and not the machine.
"""

from __future__ import annotations

import functools
import secrets
import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16)
_TURNS: Final = threading.BoundedSemaphore(4)


def hash_password(password: str) -> str:
    """The hash to keep: algorithm, cost, salt and digest in one text of about 100 letters."""
    with _TURNS:
        return _HASHER.hash(password)


def password_fits(kept: str | None, password: str) -> bool:
    """Whether this is the password; with nothing kept, the same work is done for the answer False.

    A caller cannot tell by the time it takes whether there is an account.
    """
    with _TURNS:
        try:
            return _HASHER.verify(kept or _nobodys(), password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether the hash was made at another cost than today's."""
    return _HASHER.check_needs_rehash(kept)


@functools.cache
def _nobodys() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))
