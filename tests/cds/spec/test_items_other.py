"""Items 55 to 59: browsers, extensions, documentation, FHIR version, audit."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import httpx
import pytest

from services.cds.callers.demo_issuer import ISSUER
from services.cds.conformance.contexts import TOKENS
from services.cds.conformance.json_rules import extensions
from tests.cds.conftest import Running
from tests.cds.spec.calls import DISCOVERY, PROJECT, TEA, answer, full, library_templates, services
from tests.cds.tea import hook_request, tea_bundle

pytestmark = pytest.mark.anyio

ORIGIN = {"Origin": "https://sandbox.cds-hooks.org"}
PREFLIGHT = ORIGIN | {"Access-Control-Request-Headers": "authorization,content-type"}


async def test_item_55_a_client_in_a_browser_can_call(cds: Running) -> None:
    """Preflights of discovery, call and feedback allow the token and JSON, and the answer can be read."""
    for path, method in ((DISCOVERY, "GET"), (TEA, "POST"), (f"{TEA}/feedback", "POST")):
        said = await cds.http.options(path, headers=PREFLIGHT | {"Access-Control-Request-Method": method})
        assert said.status_code == 200
        allowed = said.headers["access-control-allow-headers"].lower()
        assert "authorization" in allowed
        assert "content-type" in allowed
        assert method in said.headers["access-control-allow-methods"]
    assert (await cds.http.get(DISCOVERY, headers=ORIGIN)).headers["access-control-allow-origin"] == "*"


async def test_item_55_a_browser_can_read_what_it_is_refused(cds: Running) -> None:
    """400, 401, 404, 405, 412 and 413 name the origin too."""
    answers: list[httpx.Response] = [
        await cds.post(TEA, b"{", **ORIGIN),
        await cds.http.post(TEA, json={}, headers=ORIGIN),
        await cds.post("/cds-services/coffee", hook_request({}), **ORIGIN),
        await cds.http.get(TEA, headers=ORIGIN),
        await cds.post(TEA, hook_request({}), **ORIGIN),
        await cds.post(TEA, b" " * 10_000_001, **ORIGIN),
    ]
    assert [one.status_code for one in answers] == [400, 401, 404, 405, 412, 413]
    assert {one.headers.get("access-control-allow-origin") for one in answers} == {"*"}


async def test_item_55_options_without_a_preflight_is_answered(cds: Running) -> None:
    """A plain OPTIONS is no error."""
    assert (await cds.http.options(DISCOVERY)).status_code in {200, 204}


async def test_item_56_extensions_are_objects(cds: Running) -> None:
    """One that is sent is taken as an object; none that we send is anything else."""
    sent = hook_request(await full(cds)) | {"extension": {"org.example.hint": {"a": 1}}}
    assert (await cds.call(sent)).status_code == 200
    assert list(extensions(await answer(cds, "p2"), "")) == []


def test_item_57_every_guidance_has_a_page_and_every_hook_a_right_name() -> None:
    """What is shipped is documented for people; its hooks are of the library, or named by a domain in reverse."""
    for guidance, hook, _ in library_templates():
        assert (PROJECT / "docs" / "guidance" / f"{guidance}.md").is_file()
        assert hook in TOKENS or "." in hook, hook


async def test_item_58_discovery_says_which_fhir_version_is_understood(cds: Running) -> None:
    """The client's duty to send one version; ours to say that it is R4."""
    for entry in await services(cds):
        assert re.search(r"FHIR R4|R4\b", entry["usageRequirements"] + entry["description"])


async def test_item_59_who_used_whose_data_for_what_is_kept(cds: Running) -> None:
    """A decision names caller, user, patient, encounter, release, and when; without a token there is none to keep."""
    began = datetime.now(UTC).replace(microsecond=0)
    assert (await cds.http.post(TEA, json=hook_request(await full(cds)))).status_code == 401
    assert cds.decisions() == []
    await answer(cds)
    (kept,) = cds.decisions()
    assert kept["issuer"] == ISSUER
    assert (kept["user"], kept["patient"], kept["encounter"]) == ("Practitioner/u1", "p1", "p1-e1")
    assert (kept["guidance"], kept["release"]) == ("tea-time", tea_bundle().digest)
    assert kept["at"] >= began.timestamp() * 1e6
