"""Where an outside party may make us connect to: public addresses, and the private ones that the operator named.

A name is resolved and judged where the connection is opened, and the address that was judged is the one connected
to: a name server that answers differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import httpcore
import httpx

from services.timeline.errors import BadInput

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""A host name and a port to addresses as text; OSError if there is none."""

# Outside this block IPv6 has no public hosts; `is_global` alone takes what is merely not assigned yet.
_UNICAST: Final = IPv6Network("2000::/3")
# These carry an IPv4 address inside: what they lead to is decided by a relay, not by what we see.
_TUNNELS: Final = (IPv6Network("2002::/16"), IPv6Network("2001::/32"), IPv6Network("64:ff9b::/96"))
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")


class AddressRefused(httpcore.ConnectError):
    """The host has an address that we do not connect to; httpx shows it as the cause of its ConnectError."""


def is_public_address(text: str) -> bool:
    """Whether this is the address of a host on the public internet, in its plain spelling."""
    address = _plain_address(text)
    if address is None or not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return True
    return address in _UNICAST and not any(address in tunnel for tunnel in _TUNNELS)


class AddressGuard:
    """Judges addresses. `allowed`: private networks (`10.1.0.0/16`) that may be connected to all the same.

    Link-local addresses (where clouds keep their credentials), multicast and `0.0.0.0` stay refused whatever is allowed.
    """

    def __init__(self, *, allowed: Iterable[str] = (), resolve: Resolve | None = None) -> None:
        self._allowed = tuple(map(_network, allowed))
        self._resolve = resolve or resolved

    def permits(self, text: str) -> bool:
        """Whether this address may be connected to."""
        if is_public_address(text):
            return True
        address = _plain_address(text)
        if address is None or address.is_link_local or address.is_multicast or address.is_unspecified:
            return False
        return any(address in network for network in self._allowed)

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host, all of them permitted; AddressRefused if one is not, OSError if there is none.

        One that is not condemns the name: a name with a public and a private address is what rebinding looks like.
        """
        if is_odd_number(host):
            raise AddressRefused("a host is not written as a number")
        found = [host] if _plain_address(host) is not None else await self._resolve(host, port)
        if not found:
            raise OSError("no address")
        if not all(map(self.permits, found)):
            raise AddressRefused("the host's address is not one that may be connected to")
        return found


def is_odd_number(host: str) -> bool:
    """Whether a host is an IPv4 address in disguise: `2130706433`, `0x7f.1`, `0177.0.0.1`, full-width digits, `[::1%lo]`."""
    if "%" in host or not host.isascii():
        return True
    last = host.rstrip(".").rpartition(".")[2].lower()
    number = last.isdecimal() or (last.startswith("0x") and all(letter in "0123456789abcdef" for letter in last[2:]))
    return number and _plain_address(host) is None


async def resolved(host: str, port: int) -> list[str]:
    """The addresses that this machine's resolver gives, in its order, each once."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedTransport(httpx.AsyncHTTPTransport):
    """An httpx transport whose connections all pass the guard; without a proxy, for a proxy would connect for us."""

    def __init__(
        self, guard: AddressGuard, *, context: ssl.SSLContext | None = None, http2: bool = False,
        connections: int = 20, keep_seconds: float = 30.0,
    ) -> None:  # fmt: skip
        """`context`: what TLS trusts, else httpx's own; the other figures size the pool."""
        context = context or httpx.create_ssl_context()
        super().__init__(verify=context, http2=http2, trust_env=False)
        if not isinstance(self._pool, httpcore.AsyncConnectionPool):  # else what follows would guard nothing
            raise TypeError("this httpx keeps its connections elsewhere")
        # httpx does not hand a network backend through, and the check belongs where the socket is opened.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=keep_seconds,
            http2=http2,
            network_backend=_GuardedBackend(guard),
        )


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens sockets to addresses that were judged, never to names."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,  # noqa: ASYNC109
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        ends = time.monotonic() + (60.0 if timeout is None else timeout)
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._guard.addresses(host.strip("[]"), port)
        except TimeoutError as fault:
            raise httpcore.ConnectTimeout("the host's name was not resolved in time") from fault
        except (OSError, UnicodeError) as fault:
            raise httpcore.ConnectError("the host's name is not known") from fault
        failed: Exception = httpcore.ConnectTimeout("no time is left")
        for tried, address in enumerate(addresses):
            # A dead address must leave time for the next one.
            share = (ends - time.monotonic()) / (len(addresses) - tried)
            try:
                return await self._sockets.connect_tcp(address, port, max(share, 0.001), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as fault:
                failed = fault
        raise failed

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        raise AddressRefused("a local socket is not an outside address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _plain_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text spells in the plain way (no leading zeros, no zone), None if it spells none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(address, IPv6Address) and address.scope_id is not None else address


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as fault:
        raise BadInput(f"{text!r} is no network", place="private networks", remedy="Write it as 10.1.0.0/16") from fault
