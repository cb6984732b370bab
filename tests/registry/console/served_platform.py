"""Registry and CDS on one port, for a browser: pages that ask a CDS are seen as they are in use."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from services.all_in_one import Platform, open_platform


@contextlib.contextmanager
def served_platform(var: Path, prepare: Callable[[Platform], Awaitable[None]]) -> Iterator[str]:
    """The three services, prepared before the first request; answers the address of the registry."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    url = f"http://127.0.0.1:{port}"

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with open_platform(var=var, demo=False, url=url) as platform:
            await prepare(platform)
            outer.router.routes[:] = platform.app.router.routes
            yield

    outer = Starlette(lifespan=lifespan)
    server = uvicorn.Server(uvicorn.Config(outer, host="127.0.0.1", port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the platform did not start"
        time.sleep(0.02)
    try:
        yield f"{url}/registry"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
