"""Nobody makes us ask a machine that they could not ask themselves: a table of the ways to try, all refused.

Each goes through the whole service where it can: a signed hook call that names a server, a page of prefetch that names a
next one, an answer that names another. A server on this machine counts who connects; it is reached in the controls.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.cds.callers.demo_issuer import DemoIssuer
from services.cds.settings import CdsSettings
from services.plumbing.addresses import AddressGuard
from services.plumbing.fhir_server import Ask, FhirServers, Limits, open_client
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import bundle, haemoglobin, hook_request, patient, tea_bundle
from tests.plumbing.raw_server import Asked, RawServer, answer, raw_server, says

pytestmark = pytest.mark.anyio

CONTEXT = httpx.create_ssl_context()  # it takes longer to make than a test
GOOD = "https://fhir.hospital.example"
TOKEN = {"fhirAuthorization": {"access_token": "t0ken-of-the-ehr", "token_type": "Bearer"}}

NOT_ON_THE_LIST = {
    "the credentials of a cloud": "http://169.254.169.254/latest/meta-data",
    "the credentials of a cloud, by TLS": "https://169.254.169.253",
    "the credentials of a cloud, by IPv6": "http://[fd00:ec2::254]",
    "the credentials of a cloud, by name": "http://metadata.google.internal",
    "loopback": "http://127.0.0.1:{port}",
    "loopback, another of its addresses": "http://127.9.9.9:{port}",
    "loopback by name": "http://localhost:{port}",
    "loopback by name, upper case": "http://LOCALHOST:{port}",
    "loopback by name, with a dot at the end": "https://localhost.:{port}",
    "loopback in short": "http://127.1:{port}",
    "loopback as one number": "http://2130706433:{port}",
    "loopback as a hexadecimal number": "http://0x7f000001:{port}",
    "loopback with hexadecimal parts": "http://0x7f.0.0.0x1:{port}",
    "loopback in octal": "http://0177.0.0.1:{port}",
    "loopback, overflowing": "http://127.0.0.257:{port}",
    "loopback in full-width digits": "http://\uff11\uff12\uff17.0.0.1:{port}",
    "loopback in circled digits": "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460:{port}",
    "loopback, IPv6": "http://[::1]:{port}",
    "loopback, IPv6 in full": "http://[0:0:0:0:0:0:0:1]:{port}",
    "loopback inside IPv6": "http://[::ffff:127.0.0.1]:{port}",
    "loopback inside IPv6, in hexadecimal": "http://[::ffff:7f00:1]:{port}",
    "loopback through a tunnel": "http://[2002:7f00:1::]:{port}",
    "loopback with a zone": "http://[::1%25lo]:{port}",
    "no address": "http://0.0.0.0:{port}",
    "no address, IPv6": "http://[::]:{port}",
    "a private network": "http://10.0.0.7:{port}",
    "a user before the host": GOOD + "@127.0.0.1:{port}",
    "a user and a port before the host": GOOD + ":443@127.0.0.1:{port}",
    "a user of the right host": "https://user:pass@fhir.hospital.example",
    "a user of the right host, empty": "https://@fhir.hospital.example",
    "a longer name": GOOD + ".evil.example",
    "a longer name before": "https://evil-fhir.hospital.example",
    "a fragment that hides the host": GOOD + "#@127.0.0.1:{port}/",
    "a query that hides the host": GOOD + "?@127.0.0.1:{port}/",
    "a backslash that hides the host": GOOD + "\\@127.0.0.1:{port}/",
    "backslashes for slashes": "https:\\\\127.0.0.1:{port}",
    "a percent sign in the host": "https://fhir.hospital.example%2f@127.0.0.1:{port}",
    "a percent sign in the path": GOOD + "/%2e%2e/admin",
    "a path that climbs": GOOD + "/r4/../../admin",
    "two lines": GOOD + "/\r\nHost: 127.0.0.1:{port}\r\n\r\n",
    "a line end in the host": "https://fhir.hospital.example\r\n.evil.example",
    "a tab in the scheme": "ht\ttps://127.0.0.1:{port}",
    "a space before": " http://127.0.0.1:{port}",
    "a null byte": GOOD + "\x00.evil.example",
    "a full stop of another script": "https://fhir\u3002hospital\u3002example",
    "a letter of another script": "https://fhir.ho\u0455pital.example",
    "a soft hyphen": "https://fhir.hospital\u00ad.example",
    "the name encoded": "https://fhir.xn--hspital-8vd.example",
    "another port": GOOD + ":{port}",
    "port 0": GOOD + ":0",
    "a port beyond": GOOD + ":65979",  # 443 modulo 65536
    "a port in other digits": GOOD + ":\u0664\u0664\u0663",
    "a port with a sign": GOOD + ":+443",
    "another scheme": "http://fhir.hospital.example",
    "a file": "file:///etc/passwd",
    "a file of the right host": "file://fhir.hospital.example/etc/passwd",
    "gopher": "gopher://127.0.0.1:{port}/_GET",
    "ftp": "ftp://127.0.0.1:{port}/",
    "dict": "dict://127.0.0.1:{port}/x",
    "data": "data:application/json,{{}}",
    "a socket": "http+unix://%2fvar%2frun%2fdocker.sock/x",
    "no scheme": "//127.0.0.1:{port}/",
    "a relative address": "/r4",
    "another issuer's server": "https://fhir.other.example",
    "far too long": GOOD + "/" + "a" * 5000,
}
"""What a call names as `fhirServer`."""

LISTED = {
    "a name on the list that is this machine": "https://localhost:{port}",
    "an address on the list that is this machine": "https://127.0.0.1:{port}",
    "an address on the list that is this machine, IPv6": "https://[::1]:{port}",
    "an address on the list that is a cloud's": "https://169.254.169.254",
}
"""What an operator put on the list by mistake: it is not asked unless its network is allowed."""


@pytest.fixture(scope="module")
async def inside() -> AsyncIterator[RawServer]:
    """A server inside."""
    async with raw_server(says(bundle())) as server:
        yield server


@pytest.fixture
def recorder(inside: RawServer) -> RawServer:
    """That server, which nobody has asked yet and nobody must."""
    inside.forget()
    return inside


@pytest.fixture(scope="module")
async def strict(tmp_path_factory: pytest.TempPathFactory, inside: RawServer) -> AsyncIterator[Running]:
    """A service as a hospital runs it: an issuer, a list, no demo."""
    tmp_path = tmp_path_factory.mktemp("strict")
    ehr = DemoIssuer.load_or_create(tmp_path / "cds/demo-issuer.json")
    (tmp_path / "trusted.json").write_text(json.dumps([{"iss": ehr.iss, "jwks": ehr.jwks()}]))
    listed = [url.format(port=inside.port) for url in LISTED.values()]
    settings = CdsSettings(
        var=tmp_path, public_url=URL, trusted_issuers_file=tmp_path / "trusted.json", fhir_servers=(GOOD, *listed)
    )
    registry = FakeRegistry()
    registry.deploy(tea_bundle())
    async with run(settings, registry, client=registry.client(), keys=registry.keys()) as cds:
        yield cds


async def refusal(cds: Running, server: str) -> str:
    """What the answer to a call that names this server says; it has no card."""
    said = await cds.call(hook_request({}) | TOKEN | {"fhirServer": server})
    assert said.status_code == 412
    assert "t0ken" not in said.text
    text: str = said.json()["issue"][0]["diagnostics"]
    return text


@pytest.mark.parametrize("name", NOT_ON_THE_LIST)
async def test_a_server_that_is_not_on_the_list_is_never_asked(strict: Running, recorder: RawServer, name: str) -> None:
    """However it is spelled: the call is 412, and nobody was connected to."""
    said = await refusal(strict, NOT_ON_THE_LIST[name].format(port=recorder.port))
    assert "patient: server not on the allow-list" in said
    assert recorder.connections == 0


@pytest.mark.parametrize("name", LISTED)
async def test_a_private_address_is_not_asked_even_from_the_list(
    strict: Running, recorder: RawServer, name: str
) -> None:
    """A name may come to mean this machine one day; its network has to be allowed as well."""
    said = await refusal(strict, LISTED[name].format(port=recorder.port))
    assert "patient: address refused" in said
    assert recorder.connections == 0


# --- a server on the list that leads elsewhere ---


ELSEWHERE = {
    "another port": "http://127.0.0.1:{other}/x",
    "another name of the host": "http://localhost:{port}/x",
    "another spelling of the host": "http://127.1:{port}/x",
    "the host inside IPv6": "http://[::ffff:127.0.0.1]:{port}/x",
    "another scheme": "https://127.0.0.1:{port}/x",
    "no scheme": "//127.0.0.1:{other}/x",
    "a user before the host": "http://127.0.0.1:{port}@127.0.0.1:{other}/x",
    "a user of the right host": "http://user@127.0.0.1:{port}/x",
    "backslashes": "\\\\127.0.0.1:{other}\\x",
    "a backslash that hides the host": "http://127.0.0.1:{other}\\@127.0.0.1:{port}/x",
    "a fragment": "http://127.0.0.1:{port}#@127.0.0.1:{other}/x",
    "a tab": "ht\ttp://127.0.0.1:{other}/x",
    "two lines": "http://127.0.0.1:{port}/x\r\nHost: evil\r\n",
    "a dot at the end": "http://127.0.0.1.:{port}/x",
    "a port with zeros that is another": "http://127.0.0.1:0{other}/x",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:{other}/_x",
    "the credentials of a cloud": "http://169.254.169.254/latest",
}
"""Where a `next` link or a redirect points to."""


@pytest.fixture
def loose(development: tuple[Running, RawServer, RawServer]) -> tuple[Running, RawServer, RawServer]:
    """A service in development, a server on its list, and one that is not on it; nobody has asked them yet."""
    for server in development[1:]:
        server.forget()
    return development


@pytest.fixture(scope="module")
async def development(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Running, RawServer, RawServer]]:
    """They live as long as the tables below."""
    tmp_path = tmp_path_factory.mktemp("loose")
    async with raw_server(says(bundle())) as other, raw_server(says(bundle())) as listed:
        settings = CdsSettings(var=tmp_path, demo=True, public_url=URL, fhir_servers=(listed.url,))
        registry = FakeRegistry()
        registry.deploy(tea_bundle())
        async with run(settings, registry, client=registry.client()) as cds:
            yield cds, listed, other


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_a_fetched_page_leads_nowhere_else(loose: tuple[Running, RawServer, RawServer], name: str) -> None:
    """A `next` link to another origin is not followed; the answer counts as a part, the patient gets the card."""
    cds, listed, other = loose
    link = ELSEWHERE[name].format(port=listed.port, other=other.port)
    following = [{"relation": "next", "url": link}]

    async def say(asked: Asked, writer: asyncio.StreamWriter) -> None:
        old = haemoglobin(14, at="2025-12-01")
        writer.write(answer(patient() if asked.target.startswith("/Patient") else bundle(old, link=following)))

    listed.say = say
    said = await cds.call(hook_request({}) | TOKEN | {"fhirServer": listed.url})
    assert said.status_code == 200, said.text
    assert listed.asked
    assert other.connections == 0
    assert not any(asked.target.startswith("/x") for asked in listed.asked)


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_a_sent_page_leads_nowhere_else(loose: tuple[Running, RawServer, RawServer], name: str) -> None:
    """A caller cannot smuggle an address into its own prefetch."""
    cds, listed, other = loose
    link = ELSEWHERE[name].format(port=listed.port, other=other.port)
    page = bundle(haemoglobin(14, at="2025-12-01"), link=[{"relation": "next", "url": link}])
    keys = (await cds.http.get("/cds-services")).json()["services"][0]["prefetch"]
    given = {"Patient": patient(), "Observation": page}
    sent = {key: given.get(template.partition("?")[0].partition("/")[0]) for key, template in keys.items()}
    said = await cds.call(hook_request(sent) | TOKEN | {"fhirServer": listed.url})
    assert said.status_code == 200, said.text
    assert (listed.asked, other.connections) == ([], 0)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Again", "308 Moved"])
@pytest.mark.parametrize("name", ["another port", "no scheme", "the credentials of a cloud", "a file"])
async def test_a_redirect_leads_nowhere(loose: tuple[Running, RawServer, RawServer], name: str, status: str) -> None:
    """None is followed, the same origin's neither: 412 says that there was one."""
    cds, listed, other = loose
    listed.say = says({}, status, Location=ELSEWHERE[name].format(port=listed.port, other=other.port))
    assert "patient: redirect not followed" in await refusal(cds, listed.url)
    assert other.connections == 0


async def test_control_the_listed_server_is_asked_with_the_token(loose: tuple[Running, RawServer, RawServer]) -> None:
    """The tables above would be empty words if this one were not reached."""
    cds, listed, other = loose
    await cds.call(hook_request({}) | TOKEN | {"fhirServer": listed.url})
    assert listed.asked
    assert {asked.headers["authorization"] for asked in listed.asked} == {"Bearer t0ken-of-the-ehr"}
    assert other.connections == 0


# --- names that change what they mean ---


class NameServer:
    """Answers differently each time, as a hostile one does."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> list[str]:
        """The next answer; the last one over and over."""
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def asked_by_name(names: NameServer, port: int) -> list[str | None]:
    """Two fetches from `localhost`, of which the name server decides what it is; 127.0.0.1 alone is allowed."""
    guard = AddressGuard(allowed=["127.0.0.1/32"], resolve=names)
    limits = Limits(seconds=5, answer_bytes=10_000, call_bytes=10_000)
    base = f"http://localhost:{port}"
    problems = []
    async with open_client(guard, context=CONTEXT) as http:
        servers = FhirServers(http, limits=limits, origins=[base], plain_loopback=True)
        for path in ("A", "B"):
            fetched = await servers.fetch(base, {"a": Ask(path=path)}, token="t", budget=limits.budget())
            problems.append(fetched["a"].problem)
    return list(problems)


async def closing(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answers once, and wants a new connection for the next question."""
    writer.write(answer(bundle(), Connection="close"))
    await writer.drain()
    writer.close()


async def test_the_address_that_was_judged_is_the_one_that_is_asked() -> None:
    """A name that means an allowed address first and a private one later is asked once, and then refused."""
    async with raw_server(closing) as good, raw_server(says(bundle()), "127.0.0.2") as bad:
        names = NameServer(["127.0.0.1"], ["127.0.0.2"])
        assert await asked_by_name(names, good.port) == [None, "address refused"]
        assert names.asked == 2  # once for each connection: what was judged is not looked up again
        assert (good.connections, bad.connections) == (1, 0)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.2"],
        ["127.0.0.1", "127.0.0.2"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["0.0.0.0"],  # noqa: S104 (nothing is bound to it)
    ],
)
async def test_a_name_with_one_address_too_many_is_not_asked(addresses: list[str], recorder: RawServer) -> None:
    """One that may not be connected to condemns the name."""
    assert await asked_by_name(NameServer(addresses), recorder.port) == ["address refused"] * 2
    assert recorder.connections == 0


async def test_an_environment_with_a_proxy_changes_nothing(
    loose: tuple[Running, RawServer, RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would see the token, and connect where we would not."""
    cds, listed, other = loose
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, other.url)
    await cds.call(hook_request({}) | TOKEN | {"fhirServer": listed.url})
    assert (bool(listed.asked), other.connections) == (True, 0)


def test_the_table_is_as_long_as_it_says() -> None:
    """At least 25 ways in, each with a name of its own."""
    cases: list[dict[str, Any]] = [NOT_ON_THE_LIST, LISTED, ELSEWHERE]
    assert sum(map(len, cases)) >= 25
