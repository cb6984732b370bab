"""The decisions of a CDS service, fetched from its own export to a file that its owner alone may read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from services.guidance.errors import Unavailable
from services.plumbing.backend_services import TokenFile
from services.plumbing.bulk_files import FileGone, fetch_file
from services.plumbing.steady_http import NoToken, Server, SteadyHttp, open_steady
from services.timeline.instants import instant_text

LARGEST: Final = 2**36  # 64 GiB: some ten million decisions


def fetch_decisions(
    url: str,
    token_file: Path | None,
    folder: Path,
    *,
    guidance: str,
    since: int | None = None,
    private: Sequence[str] = (),
    on_bytes: Callable[[int], None] = lambda _: None,
) -> Path:
    """Fetch them into a new file in `folder`. It names patients: whoever asked for it removes it, or keeps it safe.

    `since`: those that were kept from then on (microseconds). Unavailable if the service does not answer, or not for this token.
    """
    server = Server.of(url, called="the CDS service")
    asked = {"guidance": guidance} | ({"since": instant_text(since)} if since is not None else {})
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{guidance}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.ndjson"
    path.with_name(path.name + ".part").touch(mode=0o600)

    async def run() -> None:
        async with open_steady(server, private=private) as http:
            tokens = TokenFile(token_file) if token_file is not None else NoToken()
            steady = SteadyHttp(http=http, place=str(server.base.origin), tokens=tokens)
            await fetch_file(
                steady,
                f"{server.base}/decisions/export?{urlencode(asked)}",
                path,
                accept="application/x-ndjson",
                with_token=True,
                largest=LARGEST,
                on_bytes=on_bytes,
            )

    try:
        asyncio.run(run())
    except FileGone as fault:
        raise Unavailable(
            "there is no export of decisions at this address, or not for this token",
            place=str(server.base),
            remedy="Name the CDS service itself (its KNOWDO_CDS_PUBLIC_URL), and show the token of KNOWDO_CDS_EXPORT_TOKEN_FILE",
        ) from fault
    return path
