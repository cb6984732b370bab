"""Signing in through the organisation: who may, as whom, and every way in that is not one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey
from pydantic import SecretStr

from services.guidance.errors import Refused
from services.plumbing.database import reading, writing
from services.registry.people import organisation, persons
from services.registry.people.organisation import read_organisation
from services.registry.settings import RegistrySettings
from services.timeline.errors import BadInput
from tests.registry.conftest import NOW, Clock, House, running
from tests.registry.people.browsing import Browser
from tests.registry.people.openid_provider import CLIENT, SECRET, Provider, running_provider

pytestmark = pytest.mark.anyio
SECONDS = int(NOW.timestamp())
PUBLIC = "http://127.0.0.1:8000/registry"
BACK = "/sign-in/organisation/back"


@dataclass
class Both:
    """A registry and the provider of its organisation."""

    house: House
    provider: Provider

    async def go(self, browser: Browser, following: str = "") -> str:
        """To the provider; the address that it sends the browser back to, as a path of the registry."""
        page = await browser.open("/sign-in/organisation", params={"next": following})
        assert page.status_code == 303
        async with httpx.AsyncClient() as outside:
            answer = await outside.get(page.headers["location"])
        assert answer.headers["location"].startswith(f"{PUBLIC}{BACK}?")
        return answer.headers["location"].removeprefix(PUBLIC)

    async def sign_in(self, browser: Browser, following: str = "") -> httpx.Response:
        """There and back."""
        return await browser.open(await self.go(browser, following))

    def link(self, name: str = "Ann Clinical", subject: str = "248289761001") -> None:
        """An administrator says who someone is there."""
        with writing(self.house.app.state.desk.engine) as connection:
            organisation.link(connection, name, issuer=self.provider.issuer, subject=subject, now=NOW, by="tests")


def file_of(issuer: str, folder: Path, **more: Any) -> Path:
    """The organisation's file."""
    path = folder / "organisation.json"
    path.write_text(json.dumps({"name": "General Hospital", "issuer": issuer, "client_id": CLIENT} | more))
    return path


@pytest.fixture
async def both(tmp_path: Path, clock: Clock) -> AsyncIterator[Both]:
    """With roles by group, and new persons made."""
    async with running_provider(SECONDS) as provider:
        groups = {"knowdo-clinical": ["clinical-reviewer"], "knowdo-audit": ["auditor"]}
        path = file_of(provider.issuer, tmp_path, roles=groups, create=True)
        settings = RegistrySettings(var=tmp_path, organisation_file=path, organisation_secret=SecretStr(SECRET))
        async with running(settings, clock) as house:
            yield Both(house, provider)


async def who(both: Both, browser: Browser) -> str:
    """Who is signed in there; empty if nobody."""
    page = await browser.open("/password")
    return next((name for name in (*both.house.tokens, "New Colleague") if name in page.text), "")


async def test_there_and_back_is_signed_in(both: Both) -> None:
    """With state, nonce and PKCE in the address, never the same twice; and to the page one came for."""
    both.link()
    browser = Browser(both.house)
    first = await browser.open("/sign-in/organisation")
    asked = parse_qs(urlsplit(first.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert all(len(asked[name][0]) >= 43 for name in ("state", "nonce", "code_challenge"))
    again = parse_qs(urlsplit((await browser.open("/sign-in/organisation")).headers["location"]).query)
    assert again["state"] != asked["state"]
    answer = await both.sign_in(browser, "/password")
    assert (answer.status_code, answer.headers["location"]) == (303, "/password")
    assert await who(both, browser) == "Ann Clinical"
    assert "General Hospital" in (await browser.open("/sign-in")).text


async def test_a_new_colleague_is_added_with_the_roles_of_the_groups(both: Both) -> None:
    """And they change when the groups do."""
    both.provider.claims = {"sub": "new", "name": "New Colleague", "groups": ["knowdo-clinical", "other"]}
    browser = Browser(both.house)
    assert (await both.sign_in(browser)).status_code == 303
    both.provider.claims["groups"] = "knowdo-audit"
    assert (await both.sign_in(browser)).status_code == 303
    with reading(both.house.app.state.desk.engine) as connection:
        assert persons.must_find(connection, "New Colleague").roles == {"auditor"}
    both.provider.claims["groups"] = []
    answer = await both.sign_in(Browser(both.house))
    assert answer.status_code == 409
    assert "no role" in answer.text


async def test_a_name_or_an_email_links_nobody(both: Both) -> None:
    """Whoever may choose what they are called would choose a colleague's name."""
    both.provider.claims = {"sub": "666", "name": "Ann Clinical", "email": "ann@h.example", "groups": ["knowdo-audit"]}
    browser = Browser(both.house)
    answer = await both.sign_in(browser)
    assert answer.status_code == 409
    assert "&#39;666&#39;" in answer.text, "the subject, for the administrator who links it"
    assert await who(both, browser) == ""


async def test_the_subject_of_another_issuer_is_another(both: Both) -> None:
    """Issuer and subject count together; a linked subject is one person for good."""
    with writing(both.house.app.state.desk.engine) as connection:
        organisation.link(
            connection, "Ben Data", issuer="https://other.example", subject="248289761001", now=NOW, by="tests"
        )
    both.link("Ann Clinical")
    with pytest.raises(Refused, match="linked already"):
        both.link("Cleo Equity")
    browser = Browser(both.house)
    await both.sign_in(browser)
    assert await who(both, browser) == "Ann Clinical"


async def test_who_has_left_does_not_come_back(both: Both) -> None:
    """Whatever the organisation says, and under whatever name."""
    both.link()
    with writing(both.house.app.state.desk.engine) as connection:
        persons.deactivate(connection, "Ann Clinical", now=NOW, by="tests")
    both.provider.claims["name"] = "New Colleague"
    answer = await both.sign_in(Browser(both.house))
    assert answer.status_code == 409
    assert "closed" in answer.text


LIES: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "another-client"},
    "several audiences, not for us": {"aud": [CLIENT, "another-client"], "azp": "another-client"},
    "several audiences, for nobody": {"aud": [CLIENT, "another-client"]},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.test"},
    "over": {"exp": SECONDS - 61},
    "no end": {"exp": None},
    "of tomorrow": {"iat": SECONDS + 3600},
    "a nonce of another sign-in": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "no subject": {"sub": None},
    "a subject that is none": {"sub": ["248289761001"]},
    "not yet": {"nbf": SECONDS + 3600},
}


@pytest.mark.parametrize("how", sorted(LIES))
async def test_a_token_that_is_not_right_opens_nothing(both: Both, how: str) -> None:
    """And the page does not say what was wrong with it."""
    both.link()
    both.provider.lies = LIES[how]
    browser = Browser(both.house)
    answer = await both.sign_in(browser)
    assert answer.status_code == 401
    assert "did not work" in answer.text
    assert await who(both, browser) == ""


@pytest.mark.parametrize("algorithm", ["none", "HS256", "stranger"])
async def test_only_the_providers_own_key_signs(both: Both, algorithm: str) -> None:
    """Neither no signature, nor one by the client secret, nor another's key under the same id."""
    both.link()
    if algorithm == "stranger":
        both.provider.signer = ECKey.generate_key("P-256")
    else:
        both.provider.algorithm = algorithm
    browser = Browser(both.house)
    assert (await both.sign_in(browser)).status_code == 401
    assert await who(both, browser) == ""


async def test_a_state_belongs_to_one_browser_and_is_good_once(both: Both) -> None:
    """State swap and replay: a link made by an attacker signs nobody in, nor does the same link twice."""
    both.link()
    attacker, victim = Browser(both.house), Browser(both.house)
    back = await both.go(attacker)
    await both.go(victim)
    assert (await victim.open(back)).status_code == 401
    assert await who(both, victim) == ""
    assert (await attacker.open(back)).status_code == 303, "who began it is not kept out by who did not"
    assert (await attacker.open(back)).status_code == 401
    back = await both.go(victim)
    assert (await victim.open(back)).status_code == 303
    assert (await victim.open(back)).status_code == 401
    late = await both.go(victim)
    both.house.clock.pass_time(minutes=10)
    assert (await victim.open(late)).status_code == 401
    for made_up in (f"{BACK}?code=x&state=y", BACK, f"{BACK}?error=access_denied"):
        assert (await victim.open(made_up)).status_code == 401


async def test_a_code_of_another_sign_in_is_refused(both: Both) -> None:
    """Code injection: PKCE and nonce tie the code to the browser that began."""
    both.link()
    thief = Browser(both.house)
    stolen = parse_qs(urlsplit(await both.go(Browser(both.house))).query)["code"][0]
    mine = parse_qs(urlsplit(await both.go(thief)).query)["state"][0]
    answer = await thief.open(BACK, params={"code": stolen, "state": mine})
    assert answer.status_code == 401


async def test_a_mixed_up_provider_is_refused(both: Both) -> None:
    """RFC 9207: the answer names its issuer, and another's is not taken."""
    both.link()
    browser = Browser(both.house)
    back = (await both.go(browser)).partition("&iss=")[0]
    assert (await browser.open(f"{back}&iss=https%3A%2F%2Fevil.test")).status_code == 401


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": "https://evil.test"},
        {"token_endpoint": "http://169.254.169.254/latest/meta-data"},
        {"token_endpoint": "https://evil.test/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://10.0.0.1/keys"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://user@evil.test/"},
        {"token_endpoint": None},
    ],
)
async def test_a_configuration_leads_nowhere_else(both: Both, configuration: dict[str, Any]) -> None:
    """Every address is on an allowed host, by TLS; nothing inside is asked on a provider's word."""
    both.provider.configuration = configuration
    answer = await Browser(both.house).open("/sign-in/organisation")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


async def test_a_provider_that_is_down_leaves_passwords(both: Both) -> None:
    """503 on a page that still has the other way in."""
    both.house.app.state.provider._client = replace(both.house.app.state.provider._client, issuer="http://127.0.0.1:9")
    answer = await Browser(both.house).open("/sign-in/organisation")
    assert answer.status_code == 503
    assert 'name="password"' in answer.text


@pytest.mark.parametrize(
    "more",
    [{"roles": {"g": ["boss"]}}, {"create": True}, {"scopes": ["profile"]}, {"colour": "red"}, {"client_id": ""}],
)
def test_a_file_that_is_wrong_is_said_at_the_start(tmp_path: Path, more: dict[str, Any]) -> None:
    """With the field."""
    with pytest.raises(BadInput):
        read_organisation(file_of("https://id.example", tmp_path, **more))
    with pytest.raises(BadInput, match="read"):
        read_organisation(tmp_path / "none")
