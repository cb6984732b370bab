"""Taking up a changed trust list while the service runs: an issuer is added or removed without a restart.

A list with a fault changes nothing: those who were trusted stay trusted, and the log says what is wrong.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from services.cds.callers.client_auth import ClientAuth
from services.cds.callers.trust_list import TrustList
from services.plumbing.logs import get_logger
from services.timeline.errors import KnowdoError

_log = get_logger("cds")
SECONDS: Final = 2.0  # what an integrator who waits for the change does not mind

_Mark = tuple[tuple[str, int, int, int], ...]


async def follow_trust_list(trusted: TrustList, auth: ClientAuth, *, seconds: float = SECONDS) -> None:
    """Look again and again until cancelled. Looked at by time and size: a notification does not cross every mount."""
    if trusted.path is None:
        return
    # Read once more at first: it may have changed since start-up read it.
    seen: _Mark | None = None
    told = ""
    while True:
        mark = await asyncio.to_thread(_mark, trusted)
        if mark != seen:
            seen = mark
            # A file that changed between the look and the reading is read twice; its fault is told once.
            told = await _take_up(trusted, auth, told=told)
        await asyncio.sleep(seconds)


async def _take_up(trusted: TrustList, auth: ClientAuth, *, told: str) -> str:
    """Trust those of the list; the fault of a list that cannot be taken up, told unless it was told last."""
    try:
        issuers = await asyncio.to_thread(trusted.read)
    except KnowdoError as fault:
        if str(fault) != told:
            _log.error(
                "the changed trust list is not taken up: who was trusted before stays trusted",
                message=fault.message,
                place=fault.place,
                remedy=fault.remedy,
            )
        return str(fault)
    before, now = set(auth.issuers), {issuer.iss for issuer in issuers}
    auth.trust(issuers)
    auth.warm()
    if before != now:
        _log.warning("trust list taken up", added=sorted(now - before), removed=sorted(before - now), trusted=len(now))
    return ""


def _mark(trusted: TrustList) -> _Mark:
    """What tells one state of the files from another; a list that cannot be read is a state, too."""
    try:
        files = trusted.files()
    except KnowdoError:
        files = [trusted.path] if trusted.path is not None else []
    return tuple(map(_stamp, files))


def _stamp(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino
