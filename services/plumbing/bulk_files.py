"""Large files, fetched so that nothing is fetched twice: what breaks off goes on where it stopped, in this run or the next.

A part is gone on with only if the server shows that it is still the same file (its ETag or date by `If-Range`, else its
length); else the file is fetched anew. Bytes are kept as they came, packed or not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import msgspec

from services.guidance.errors import Unavailable
from services.plumbing.steady_http import Again, SteadyHttp
from services.timeline.errors import BadInput

_RANGE: Final = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")
_GONE: Final = frozenset({400, 403, 404, 410})


class FileGone(Exception):
    """The address is not valid any more; a new manifest may name another."""


class _Seen(msgspec.Struct, kw_only=True):
    """What was said of the file when its part was begun."""

    validator: str = ""
    total: int = -1


async def fetch_file(
    steady: SteadyHttp, url: str, path: Path, *, accept: str, with_token: bool, largest: int,
    on_bytes: Callable[[int], None],
) -> int:  # fmt: skip
    """The file at this address, at `path` when it is whole and on the disk; its bytes."""
    part, note = path.with_name(path.name + ".part"), path.with_name(path.name + ".seen")

    async def once() -> int:
        have = part.stat().st_size if part.is_file() and note.is_file() else 0
        seen = msgspec.json.decode(note.read_bytes(), type=_Seen) if have else _Seen()
        # Ranges are of the bytes as they are sent: asked for in one form, they stay in that form.
        headers = {"Accept": accept, "Accept-Encoding": "gzip"}
        if have and (seen.validator or seen.total >= 0):
            headers["Range"] = f"bytes={have}-"
            if seen.validator:
                headers["If-Range"] = seen.validator
        async with steady.open("GET", url, headers=headers, with_token=with_token) as answer:
            if answer.status_code == 416 and have:
                if have == seen.total:  # it was whole already
                    return _keep(part, note, path)
                _forget(part, note)
                raise Again("a part of it does not fit", seconds=0.0)
            if answer.status_code in _GONE:
                raise FileGone
            if answer.status_code not in (200, 206):
                raise Unavailable(f"a file of the export cannot be had ({answer.status_code})", place=steady.place)
            if not _continues(answer.status_code, answer.headers, have, seen):
                if answer.status_code == 206:
                    _forget(part, note)
                    raise Again("it sent a part that was not asked for", seconds=0.0)
                have = 0
                note.write_bytes(msgspec.json.encode(_seen(answer.headers)))
            got = 0
            try:
                with part.open("ab" if have else "wb") as file:
                    async for piece in answer.aiter_raw():
                        file.write(piece)
                        got += len(piece)
                        on_bytes(len(piece))
                        if have + got > largest:
                            raise BadInput(
                                f"a file larger than {largest // 2**30} GiB",
                                place=steady.place,
                                remedy="Raise --largest, if that is right",
                            )
                    file.flush()
                    os.fsync(file.fileno())
            except (httpx.TransportError, httpx.StreamError) as fault:
                raise Again(f"the connection failed ({type(fault).__name__})", progressed=got > 0) from fault
            except OSError as fault:
                raise Unavailable(f"it cannot be kept ({fault.strerror})", place=str(path.parent)) from fault
        return _keep(part, note, path)

    return await steady.steadily(once, what="a file of the export")


def _continues(status: int, headers: Mapping[str, str], have: int, seen: _Seen) -> bool:
    """Whether the answer is the rest of what is there."""
    found = _RANGE.fullmatch(headers.get("content-range", ""))
    if status != 206 or not have or found is None or int(found[1]) != have:
        return False
    return bool(seen.validator) or (found[2] != "*" and int(found[2]) == seen.total)


def _seen(headers: Mapping[str, str]) -> _Seen:
    """A weak ETag says only that the meaning is the same: the bytes may not be."""
    etag, total = headers.get("etag", ""), headers.get("content-length", "")
    validator = etag if etag.startswith('"') else headers.get("last-modified", "")
    return _Seen(validator=validator, total=int(total) if total.isascii() and total.isdecimal() else -1)


def _keep(part: Path, note: Path, path: Path) -> int:
    part.replace(path)
    note.unlink(missing_ok=True)
    return path.stat().st_size


def _forget(part: Path, note: Path) -> None:
    for one in (part, note):
        with suppress(FileNotFoundError):
            one.unlink()
