"""Items 1 to 5: transport and JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from services.cds.conformance.json_rules import blanks
from tests.cds.conftest import Running
from tests.cds.spec.calls import DISCOVERY, PROJECT, TEA, answer, card, full, services
from tests.cds.tea import hook_request

pytestmark = pytest.mark.anyio


def test_item_01_tls_is_the_proxys_and_nothing_is_published_without_it() -> None:
    """By design: the containers publish on this machine only, and the guide demands a TLS proxy before them."""
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)
    assert "TLS proxy" in (PROJECT / "docs" / "guides" / "it-team.md").read_text(encoding="utf-8")


async def test_item_02_json_is_sent_and_received(cds: Running) -> None:
    """Every answer is application/json, and the FHIR resource in a card is FHIR JSON."""
    answers = [
        await cds.http.get(DISCOVERY),
        await cds.call(hook_request(await full(cds))),
        await cds.post(f"{TEA}/feedback", {"feedback": []}),
        await cds.call({}),
    ]
    assert {one.headers["content-type"] for one in answers} == {"application/json"}
    resource = answers[1].json()["cards"][0]["suggestions"][0]["actions"][0]["resource"]
    assert resource["resourceType"] == "ServiceRequest"


async def test_item_03_nothing_is_null_or_empty(cds: Running) -> None:
    """No null, empty text, array or object in discovery or in a card."""
    assert list(blanks({"services": await services(cds)}, "")) == []
    assert list(blanks(await answer(cds), "")) == []


async def test_item_04_system_actions_are_left_out_where_there_are_none(cds: Running) -> None:
    """A default client gets no empty `systemActions`."""
    assert (await answer(cds)).keys() == {"cards"}


async def test_item_05_json_is_strict_both_ways(cds: Running) -> None:
    """Nothing is sent that strict JSON refuses; a comment or a trailing comma is a 400 and no guess."""

    def refused(constant: str) -> Any:
        raise ValueError(constant)

    said = await cds.call(hook_request(await full(cds)))
    json.loads(said.text, parse_constant=refused)
    for odd in (b'{"hook": "patient-view",}', b'{"hook": "patient-view" /* why */}', b'{"hook": NaN}'):
        assert (await cds.call(odd)).status_code == 400


async def test_item_03_no_card_field_is_blank(cds: Running) -> None:
    """Every text of the card says something."""
    texts = [value for value in (await card(cds)).values() if isinstance(value, str)]
    assert texts
    assert all(text.strip() for text in texts)
