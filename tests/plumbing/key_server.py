"""A client's key server for tests."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

from joserfc.jwk import ECKey


class KeyServer:
    """A real HTTP server on loopback: what it says can be changed, and it counts who asks."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.calls = 0
        self.status = "200 OK"
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.drip = False
        self.publish("one")

    def publish(self, *kids: str) -> None:
        """These keys, and no others."""
        self.publish_keys(*(ECKey.generate_key("P-384", {"kid": kid}) for kid in kids))

    def publish_keys(self, *keys: Any) -> None:
        """The public halves of these."""
        self.body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()

    async def __aenter__(self) -> KeyServer:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._context)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}/jwks.json"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        self.asked = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(self.delay)
        said = self.headers | {"Content-Length": str(len(self.body)), "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        writer.write(f"HTTP/1.1 {self.status}\r\n{head}\r\n".encode())
        try:
            if self.drip:
                for byte in self.body:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.05)
            writer.write(self.body)
            await writer.drain()
        except ConnectionError:
            pass
        writer.close()
