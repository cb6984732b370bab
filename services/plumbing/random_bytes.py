"""Random bytes of the kernel, drawn many at a time.

Each `os.urandom` lets another thread take the interpreter, in the middle of a call: the thread that keeps decisions waits
for nothing else, and getting it back costs more than the bytes. A forked process draws its own.
"""

from __future__ import annotations

import os
from typing import Final

EACH: Final = 16
_DRAWN: Final = 256
_waiting: Final[list[bytes]] = []
os.register_at_fork(after_in_child=_waiting.clear)


def sixteen_bytes() -> bytes:
    """Sixteen bytes that nobody has seen or will see again. Threads may share it: each takes its own off the list."""
    while True:
        try:
            return _waiting.pop()
        except IndexError:
            drawn = os.urandom(EACH * _DRAWN)
            _waiting.extend([drawn[at : at + EACH] for at in range(0, len(drawn), EACH)])


def random_uuid() -> str:
    """A UUID of version 4 (RFC 9562, section 5.4)."""
    digits = sixteen_bytes().hex()
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[int(digits[16], 16) & 3]}{digits[17:20]}-{digits[20:]}"
    )
