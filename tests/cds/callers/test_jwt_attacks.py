"""The table of attacks on a caller's token: all refused, each for its reason, and none explains itself to the caller.

Through a real server on a socket, so that nothing between the attacker and the check is left out.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import structlog

from services.cds.callers.refusal import REASONS
from services.cds.callers.trust_list import SANDBOX, SANDBOX_JWKS
from services.cds.settings import CdsSettings
from tests.cds.callers.clients import EPIC, EPIC_KEY, INFERNO, INFERNO_EC, INFERNO_RSA, TENANTS, TYPED
from tests.cds.callers.forged import HEADERS, TOKENS, with_header
from tests.cds.callers.tokens import PATH, RSA, STRANGER, URL, claims, token
from tests.cds.callers.world import Attack, World
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import tea_bundle

pytestmark = pytest.mark.anyio


async def replayed(world: World, port: int) -> Attack:
    """A token that was used at the first worker."""
    line = f"Authorization: Bearer {token()}"
    assert (await world.send([line])).status == 200
    return Attack([line], port=port)


async def _again(world: World) -> Attack:
    return await replayed(world, world.port)


async def _elsewhere(world: World) -> Attack:
    return await replayed(world, world.neighbour)


async def _after_a_restart(world: World) -> Attack:
    attack = await replayed(world, 0)
    attack.port = await world.restarted()
    return attack


async def _jti_again(world: World) -> Attack:
    """The client's own key, the same jti, another end."""
    used = token(jti="once")
    assert (await world.send([f"Authorization: Bearer {used}"])).status == 200
    return Attack([f"Authorization: Bearer {token(jti='once', exp=claims()['exp'] + 60)}"], port=world.neighbour)


async def _at_feedback_after_the_call(world: World) -> Attack:
    """An audience that is good for every endpoint makes a token good once all the same."""
    line = f"Authorization: Bearer {token(EPIC_KEY, 'RS384', iss=EPIC, aud=TYPED)}"
    assert (await world.send([line])).status == 200
    return Attack([line], path=PATH + "/feedback", port=world.neighbour)


async def _bad_body(world: World) -> Attack:
    """What is wrong with the rest of the call is not said either."""
    attack = await replayed(world, world.neighbour)
    attack.path = "/cds-services/%74ea-time"
    return attack


async def _evil_jku(world: World) -> Attack:
    made = token(STRANGER, header={"jku": world.evil.url, "kid": "ec"}, iss=INFERNO)
    return Attack([f"Authorization: Bearer {made}"])


async def _jku_like_ours(world: World) -> Attack:
    made = token(STRANGER, header={"jku": world.keys.url + "?", "kid": "ec"}, iss=INFERNO)
    return Attack([f"Authorization: Bearer {made}"])


async def _jku_with_a_user(world: World) -> Attack:
    jku = world.keys.url.replace("http://", "http://127.0.0.1:80@")
    return Attack([f"Authorization: Bearer {token(STRANGER, header={'jku': jku}, iss=INFERNO)}"])


async def _jku_of_another_client(world: World) -> Attack:
    made = token(INFERNO_EC, header={"jku": world.keys.url})
    return Attack([f"Authorization: Bearer {made}"])


async def _unknown_at_our_jku(world: World) -> Attack:
    made = token(STRANGER, header={"jku": world.keys.url, "kid": "made-up"}, iss=INFERNO)
    return Attack([f"Authorization: Bearer {made}"])


async def _in_the_query(_world: World) -> Attack:
    return Attack(path=f"{PATH}?access_token={token()}")


async def _path_in_the_query(_world: World) -> Attack:
    made = token(aud=URL + "/cds-services/coffee")
    return Attack([f"Authorization: Bearer {made}"], path=f"{PATH}?x=/cds-services/coffee")


async def _other_service(_world: World) -> Attack:
    return Attack([f"Authorization: Bearer {token()}"], path="/cds-services/coffee")


async def _feedback(_world: World) -> Attack:
    return Attack([f"Authorization: Bearer {token()}"], path=PATH + "/feedback")


# name → (the reason, what is done before the request, and the request)
DEEDS: dict[str, tuple[str, Callable[[World], Awaitable[Attack]]]] = {
    "replay at the same worker": ("replayed", _again),
    "replay at another worker": ("replayed", _elsewhere),
    "replay after a restart": ("replayed", _after_a_restart),
    "replay of a jti in a new token": ("replayed", _jti_again),
    "replay at another endpoint": ("replayed", _at_feedback_after_the_call),
    "replay with another spelling of the path": ("replayed", _bad_body),
    "jku of the attacker": ("key-set", _evil_jku),
    "jku almost ours": ("key-set", _jku_like_ours),
    "jku with a user in it": ("key-set", _jku_with_a_user),
    "jku of another client": ("key-set", _jku_of_another_client),
    "a made-up key at our jku": ("unknown-key", _unknown_at_our_jku),
    "token in the query": ("no-token", _in_the_query),
    "the token's path in the query": ("audience", _path_in_the_query),
    "a token at another service": ("audience", _other_service),
    "a call's token at feedback": ("audience", _feedback),
}


async def check(world: World, reason: str, attack: Attack) -> None:
    """Refused as every other, for this reason; the log says it, and neither log nor answer says the token."""
    plain = await world.send(["Authorization: Bearer x"])
    before, decided = world.refusals(), len(world.cds.decisions())
    with structlog.testing.capture_logs() as lines:
        answer = await world.send(attack.lines, attack.path, port=attack.port)
    assert answer.status == 401
    assert answer == plain  # body and headers, byte for byte
    assert answer.headers["www-authenticate"] == "Bearer"
    said = [line for line in lines if line["event"] == "refused"]
    assert [line.get("reason") for line in said] == [reason], said
    # What was computed before another worker's use was known is in the log as not answered.
    assert {(row["status"], row["card"]) for row in world.cds.decisions()[decided:]} <= {("failed", None)}
    for shown in [word for line in attack.lines for word in re.split(r"[ .,=\"]", line) if len(word) > 64]:
        assert shown not in str(lines)
    if attack.port in (0, world.port):
        assert world.refusals()[reason] == before.get(reason, 0) + 1
    assert world.evil.calls == 0


@pytest.mark.parametrize("name", TOKENS)
async def test_a_token_that_is_an_attack_is_refused(world: World, name: str) -> None:
    """Each named way in which a token can lie."""
    reason, make = TOKENS[name]
    await check(world, reason, Attack([f"Authorization: Bearer {make()}"]))


@pytest.mark.parametrize("name", HEADERS)
async def test_a_header_that_is_an_attack_is_refused(world: World, name: str) -> None:
    """A token is taken from one place, in one spelling."""
    reason, make = HEADERS[name]
    await check(world, reason, Attack(make()))


@pytest.mark.parametrize("name", DEEDS)
async def test_a_deed_that_is_an_attack_is_refused(world: World, name: str) -> None:
    """Replay, other key sets, other places."""
    reason, do = DEEDS[name]
    await check(world, reason, await do(world))


@pytest.mark.parametrize(
    "name", ["alg none", "aud of another host", "expired", "a stranger's key under our key's name"]
)
@pytest.mark.parametrize(("path", "method"), [(PATH + "/feedback", "POST"), ("/cds-services", "GET")])
async def test_the_other_endpoints_refuse_alike(world: World, name: str, path: str, method: str) -> None:
    """Feedback, and discovery where a token is shown; the answer is the same to the byte."""
    plain = await world.send(["Authorization: Bearer x"])
    answer = await world.send([f"Authorization: Bearer {TOKENS[name][1]()}"], path, method=method)
    assert answer == plain


async def test_a_token_on_several_lines_is_refused(world: World) -> None:
    """By the server or by us; never taken."""
    compact = token()
    for line in (f"Authorization: Bearer {compact[:20]}\r\n {compact[20:]}", f"Authorization: Bearer {compact[:20]}\n"):
        assert (await world.send([line])).status in {400, 401}


def test_every_reason_is_met() -> None:
    """The table leaves no reason out."""
    met = {reason for table in (TOKENS, HEADERS, DEEDS) for reason, _ in table.values()}
    assert met == set(REASONS)


# --- what real clients send, and is taken ---


def _epic() -> str:
    """RS384, `nbf` and `sub`, a quarter of an hour, one audience for all endpoints in a list, an id in base64."""
    now = claims()["iat"]
    return token(EPIC_KEY, "RS384", iss=EPIC, aud=[TYPED + "/"], sub="a-client", nbf=now, iat=now, exp=now + 900)


GOOD: dict[str, Callable[[World], str]] = {
    "ES384": lambda _: token(),
    "RS384": lambda _: token(RSA, "RS384"),
    "without typ": lambda _: with_header(typ=None),
    "typ in small letters": lambda _: with_header(typ="jwt"),
    "members nobody knows": lambda _: token(header={"x": 1}, more={"deep": [1]}),
    "a certificate beside the right key": lambda _: with_header(x5c=["MIIB"], x5t="x"),
    "times with fractions": lambda _: token(iat=claims()["iat"] + 0.5, exp=claims()["exp"] + 0.25),
    "iat rounded up": lambda _: token(iat=claims()["iat"] + 6),
    "a tenant of the list": lambda _: token(iss=TENANTS, tenant="east"),
    "Epic": lambda _: _epic(),
    "Sandbox with a doubled slash": lambda _: token(iss=SANDBOX, aud=f"{URL}/cds-services//tea-time", header={"jku": SANDBOX_JWKS}),
    "Inferno, ES384": lambda world: token(INFERNO_EC, header={"jku": world.keys.url}, iss=INFERNO),
    "Inferno, RS384": lambda world: token(INFERNO_RSA, "RS384", header={"jku": world.keys.url}, iss=INFERNO),
    "the key set's address left out": lambda _: token(INFERNO_EC, iss=INFERNO),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
async def test_what_real_clients_send_is_taken(world: World, name: str) -> None:
    """Strict with attackers, not with clients."""
    answer = await world.send([f"Authorization: Bearer {GOOD[name](world)}"])
    assert answer.status == 200, answer.body


async def test_the_scheme_is_read_in_any_case(world: World) -> None:
    """RFC 9110 section 11.1."""
    assert (await world.send([f"authorization: bearer {token()}"])).status == 200


async def test_discovery_takes_a_token_for_itself_and_once(world: World) -> None:
    """Open without one; with one, it must be good (item 11)."""
    line = f"Authorization: Bearer {token(aud=f'{URL}/cds-services')}"
    assert (await world.send([], "/cds-services", method="GET")).status == 200
    assert (await world.send([line], "/cds-services", method="GET")).status == 200
    assert (await world.send([line], "/cds-services", method="GET", port=world.neighbour)).status == 401
    assert (await world.send([f"Authorization: Bearer {token()}"], "/cds-services", method="GET")).status == 401


async def test_discovery_may_need_a_token(tmp_path: Path) -> None:
    """By a setting."""
    registry = FakeRegistry()
    registry.deploy(tea_bundle())
    settings = CdsSettings(var=tmp_path, demo=True, public_url=URL, discovery_needs_token=True)
    async with run(settings, registry, client=registry.client()) as cds:
        assert (await cds.http.get("/cds-services")).status_code == 401
        signed = {"Authorization": f"Bearer {cds.ehr.token(URL + '/cds-services')}"}
        assert (await cds.http.get("/cds-services", headers=signed)).status_code == 200
