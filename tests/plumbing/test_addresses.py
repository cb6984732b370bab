"""Which addresses an outside party may make us connect to, and that the one judged is the one connected to."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest

from services.plumbing.addresses import (
    LOOPBACK,
    AddressGuard,
    AddressRefused,
    GuardedTransport,
    is_odd_number,
    is_public_address,
    resolved,
)
from services.timeline.errors import BadInput

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450::1"])
def test_public_addresses_are_public(address: str) -> None:
    """Of either family."""
    assert is_public_address(address)
    assert AddressGuard().permits(address)


NOT_PUBLIC = {
    "loopback": "127.0.0.1",
    "loopback, elsewhere in its block": "127.8.9.10",
    "loopback of IPv6": "::1",
    "private 10": "10.0.0.5",
    "private 172.16": "172.31.255.1",
    "private 192.168": "192.168.1.1",
    "carrier's own": "100.64.0.1",
    "link-local, where clouds keep credentials": "169.254.169.254",
    "link-local of IPv6": "fe80::1",
    "link-local with a zone": "fe80::1%eth0",
    "unique local": "fd00:ec2::254",
    "site-local": "fec0::1",
    "multicast": "224.0.0.1",
    "multicast of IPv6": "ff02::1",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "reserved of IPv6": "4000::1",
    "unspecified": "0.0.0.0",  # noqa: S104 (an address to refuse)
    "this network": "0.1.2.3",
    "unspecified of IPv6": "::",
    "documentation": "192.0.2.1",
    "documentation of IPv6": "2001:db8::1",
    "benchmarks": "198.18.0.1",
    "IPv4-mapped loopback": "::ffff:127.0.0.1",
    "IPv4-mapped loopback in hex": "::ffff:7f00:1",
    "IPv4-mapped public": "::ffff:8.8.8.8",
    "IPv4-compatible": "::127.0.0.1",
    "6to4 of a private address": "2002:0a00:0001::1",
    "6to4 of a public address": "2002:0808:0808::1",
    "NAT64 of loopback": "64:ff9b::7f00:1",
    "NAT64 for local use": "64:ff9b:1::7f00:1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "decimal": "2130706433",
    "octal": "0177.0.0.1",
    "hex": "0x7f000001",
    "short": "127.1",
    "no address": "localhost",
    "empty": "",
}


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC)
def test_what_is_not_a_plain_public_address_is_not_public(address: str) -> None:
    """Private, local, reserved, and every form that hides one of them."""
    assert not is_public_address(address)
    assert not AddressGuard().permits(address)


def test_only_the_networks_that_were_named_are_permitted_besides() -> None:
    """A named network opens itself alone; what leads to a cloud's credentials opens by no name."""
    guard = AddressGuard(allowed=["10.1.0.0/16", "fd12::/16", "0.0.0.0/0", "::/0"])
    assert guard.permits("10.1.2.3")
    assert guard.permits("fd12::1")
    assert not AddressGuard(allowed=["10.1.0.0/16"]).permits("10.2.0.1")
    assert not AddressGuard(allowed=["127.0.0.0/8"]).permits("::ffff:127.0.0.1")
    for never in ("169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1"):  # noqa: S104
        assert not guard.permits(never)


def test_a_network_that_is_none_is_a_fault() -> None:
    """A typing error must not open or close anything in silence."""
    with pytest.raises(BadInput, match=r"10\.1\.0\.0/33"):
        AddressGuard(allowed=["10.1.0.0/33"])


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1.", "017700000001", "127.0.0.0x1",
     "①②⑦.⓪.⓪.①", "１２７.0.0.1", "fe80::1%lo", "1.2.3.256"],
)  # fmt: skip
async def test_a_number_in_disguise_is_refused_unresolved(host: str) -> None:
    """The system's resolver would understand several of them as 127.0.0.1."""

    async def never(_host: str, _port: int) -> list[str]:
        raise AssertionError("asked the resolver")

    assert is_odd_number(host)
    with pytest.raises(AddressRefused):
        await AddressGuard(resolve=never).addresses(host, 443)


@pytest.mark.parametrize(
    "host", ["ehr.example", "a1", "10.in-addr.example", "8.8.8.8", "2a00:1450::1", "0xcafe.example"]
)
def test_a_name_is_no_number(host: str) -> None:
    """Names with digits in them, and addresses as they are written, are not in disguise."""
    assert not is_odd_number(host)


async def test_one_address_that_is_not_permitted_condemns_the_name() -> None:
    """Public and private together is what rebinding looks like."""

    async def both(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", "10.0.0.1"]

    with pytest.raises(AddressRefused):
        await AddressGuard(resolve=both).addresses("ehr.example", 443)


async def test_localhost_resolves_and_is_refused() -> None:
    """By this machine's own resolver."""
    assert {"127.0.0.1", "::1"} & set(await resolved("localhost", 80))
    with pytest.raises(AddressRefused):
        await AddressGuard().addresses("localhost", 80)


class Listener:
    """A server on loopback that says hello, and counts who came."""

    def __init__(self) -> None:
        self.calls = 0

    async def __aenter__(self) -> Listener:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        writer.close()


async def test_a_connection_to_loopback_is_refused_and_never_opened() -> None:
    """By name and by number, and the cause can be told from a server that is down."""
    async with Listener() as there, httpx.AsyncClient(transport=GuardedTransport(AddressGuard())) as http:
        for host in ("127.0.0.1", "localhost", "2130706433"):
            with pytest.raises(httpx.ConnectError) as refused:
                await http.get(f"http://{host}:{there.port}/")
            assert isinstance(refused.value.__cause__, AddressRefused)
        assert there.calls == 0


async def test_a_name_that_changes_its_address_is_connected_to_where_it_was_judged() -> None:
    """The resolver is asked once for a connection; a second answer, to a forbidden place, is never heard."""
    answers = [["127.0.0.1"], ["169.254.169.254"]]

    async def rebinding(_host: str, _port: int) -> list[str]:
        return answers.pop(0)

    guard = AddressGuard(allowed=LOOPBACK, resolve=rebinding)
    async with Listener() as there, httpx.AsyncClient(transport=GuardedTransport(guard)) as http:
        assert (await http.get(f"http://ehr.example:{there.port}/")).text == "hello"
        with pytest.raises(httpx.ConnectError) as refused:
            await http.get(f"http://ehr.example:{there.port}/")
        assert isinstance(refused.value.__cause__, AddressRefused)
        assert there.calls == 1


async def test_the_next_address_is_tried_when_the_first_does_not_answer() -> None:
    """As any browser does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.2", 0))  # bound and not listening: refuses

        async def two(_host: str, _port: int) -> list[str]:
            return ["127.0.0.2", "127.0.0.1"]

        guard = AddressGuard(allowed=LOOPBACK, resolve=two)
        async with Listener() as there, httpx.AsyncClient(transport=GuardedTransport(guard)) as http:
            assert (await http.get(f"http://ehr.example:{there.port}/")).text == "hello"


async def test_a_name_that_nobody_knows_and_one_that_takes_too_long_are_connection_errors() -> None:
    """Both end as httpx's own errors, which callers handle already."""

    async def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async def slow(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(5)
        return []

    async with httpx.AsyncClient(transport=GuardedTransport(AddressGuard(resolve=unknown))) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("http://nowhere.example/")
    async with httpx.AsyncClient(transport=GuardedTransport(AddressGuard(resolve=slow)), timeout=0.05) as http:
        with pytest.raises(httpx.ConnectTimeout):
            await http.get("http://slow.example/")
