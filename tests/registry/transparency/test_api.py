"""Tests of what is disclosed over HTTP: readable by anyone if so set, computed anew, edited by few and remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from services.guidance.errors import NotPermitted, Refused
from services.guidance.transparency.model_card import NAMESPACE
from services.registry.settings import RegistrySettings
from tests.registry import samples
from tests.registry.conftest import Clock, House, running
from tests.registry.transparency.card_order import ORDER
from tests.registry.transparency.chai_schema import schema

pytestmark = pytest.mark.anyio


def by_key(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each attribute of an answer by its key."""
    return {one["key"]: one for kind in found["attributes"].values() for one in kind}


async def test_anyone_may_read_every_attribute_and_what_it_rests_on(house: House) -> None:
    """(v)(A): without an account, with the digest and the time of each computed one, and never as certified."""
    proposed = await house.propose()
    answer = await house.http.get("/.well-known/dsi/small")
    found = answer.json()
    assert answer.status_code == 200
    assert found["release"] == proposed.release
    assert (len(found["attributes"]["(b)(11)(iv)(B)"]), len(found["attributes"]["(b)(11)(iv)(A)"])) == (31, 13)
    assert found["sourceAttributeComplete"] is True
    assert "certif" not in answer.text.casefold()
    validity = by_key(found)["test_validity"]
    assert validity["evidence"] == samples.training_pack(proposed.release).digest
    assert validity["computedAt"] == "2026-11-22T14:02:07Z"
    assert by_key(found)["release_dates"]["value"] == "version 1.0.0 proposed 2026-11-22"


async def test_with_public_pages_off_an_account_is_needed(tmp_path: Path, clock: Clock) -> None:
    """The organisation decides; the page, the evidence and the JSON follow the one setting."""
    async with running(RegistrySettings(var=tmp_path, policy="standard", public_pages=False), clock) as house:
        proposed = await house.propose()
        reader = {"Authorization": f"Bearer {house.tokens['Kim Auditor']}"}
        for path in (
            "/.well-known/dsi/small", "/guidance/small/model-card", "/guidance/small/risks",
            f"/releases/{proposed.release}/plain", f"/releases/{proposed.release}/page", "/guidance/small/plain",
        ):  # fmt: skip
            assert (await house.http.get(path)).status_code == 401, path
            assert (await house.http.get(path, headers=reader)).status_code == 200, path


async def test_an_edit_is_a_version_with_who_when_and_why_in_the_ledger(house: House) -> None:
    """A person corrects what the author wrote; the release keeps its digest, and nothing is forgotten."""
    proposed = await house.propose()
    kept = await house.as_("Ben Data").edit_attribute("small", "funding", "City Hospital.", why="we paid for it")
    await house.as_("Ben Data").edit_attribute("small", "funding", "City Hospital, own means.", why="more exact")
    found = await house.as_("Kim Auditor").attributes("small")
    funding = by_key(found)["funding"]
    assert (found["release"], funding["value"], funding["by"]) == (
        proposed.release,
        "City Hospital, own means.",
        "person",
    )
    assert {name: funding["edited"][name] for name in ("by", "why", "at")} == {
        "by": "Ben Data", "why": "more exact", "at": "2026-11-22T14:02:07.000000Z",
    }  # fmt: skip
    entry = (await house.as_("Kim Auditor").ledger(after=kept["edit"]["ledger"] - 1))["entries"][0]
    assert (entry["actor"], entry["action"], entry["detail"]["attribute"]) == (
        "Ben Data",
        "attribute edited",
        "funding",
    )
    assert entry["subject"] == proposed.release
    headers = {"Authorization": f"Bearer {house.tokens['Kim Auditor']}"}
    history = (await house.http.get("/guidance/small/attributes/history", headers=headers)).json()
    assert [one["value"] for one in history["edits"]] == ["City Hospital.", "City Hospital, own means."]


async def test_what_is_computed_and_what_may_not_be_unavailable_is_refused(house: House) -> None:
    """Whoever asks."""
    await house.propose()
    editor = house.as_("Ben Data")
    with pytest.raises(Refused, match="computed from the release and its evidence, and never typed"):
        await editor.edit_attribute("small", "test_validity", "AUROC 0.99", why="looks better")
    with pytest.raises(Refused, match=r"of \(1\)\(iii\) nobody may say"):
        await editor.edit_attribute("small", "output", {"notAvailable": True, "reason": "unknown"}, why="no time")
    await editor.edit_attribute("small", "external_party", {"notAvailable": True, "reason": "Not yet."}, why="so it is")
    headers = {"Authorization": f"Bearer {house.tokens['Ben Data']}"}
    for body in ({"attribute": "output", "value": "x", "why": " "}, {"attribute": "output", "value": 3, "why": "x"},
                 {"attribute": "output", "value": "a\u0000b", "why": "x"}, {"attribute": "output", "value": " ", "why": "x"}):  # fmt: skip
        assert (await house.http.post("/guidance/small/attributes", json=body, headers=headers)).status_code == 400


async def test_only_few_may_edit(house: House) -> None:
    """A limited set of identified users, (v)(B); nobody without an account."""
    await house.propose()
    with pytest.raises(NotPermitted):
        await house.as_("Gil Patient").edit_attribute("small", "output", "x", why="x")
    answer = await house.http.post("/guidance/small/attributes", json={"attribute": "output", "value": "x", "why": "x"})
    assert answer.status_code == 401


async def test_the_register_names_what_stands_behind_each_control(house: House) -> None:
    """And the monitors with their limits, read from the policy in force."""
    await house.propose()
    found = await house.as_("Kim Auditor").risks("small")
    assert len(found["risks"]) == 8
    assert found["check"]["verdict"] == "meets"
    assert found["risks"][0]["proven_by"][0]["says"].endswith("limit: observed ÷ expected 0.8 to 1.25")
    assert [one["monitor"] for one in found["monitors"]] == [
        "observed-expected", "alert-rate", "missed-events", "groups", "unknown-inputs",
    ]  # fmt: skip


async def test_the_model_card_is_xml_in_the_order_of_its_schema(house: House) -> None:
    """Every field of CHAI's v0.2, none out of order, each with a text."""
    await house.propose()
    answer = await house.http.get("/guidance/small/model-card")
    assert answer.headers["content-type"] == "application/xml"
    root = ElementTree.fromstring(answer.content)  # noqa: S314 - our own answer
    assert root.tag == f"{{{NAMESPACE}}}AppliedModelCard"
    holds(root, ORDER)
    metrics = root.findall(f".//{{{NAMESPACE}}}ValueJson")
    assert '"ci95": [0.7, 0.74]' in str(metrics[0].text)


def holds(element: ElementTree.Element, order: dict[str, Any]) -> None:
    """An element has children of these names in this order (`?` may be missing, `*` may be repeated), and no others."""
    names = [child.tag.partition("}")[2] for child in element]
    places = [[name.rstrip("?*") for name in order].index(name) for name in names]
    assert places == sorted(places)
    for name, inside in order.items():
        plain = name.rstrip("?*")
        found = [child for child in element if child.tag.endswith(f"}}{plain}")]
        assert len(found) == 1 or name.endswith("*") or (name.endswith("?") and not found), name
        for child in found:
            if inside:
                holds(child, inside)
            else:
                assert (child.text or "").strip(), name


@pytest.mark.nightly  # the schema is not ours to keep here: it is fetched by hand, from outside
async def test_the_model_card_is_valid_by_the_published_schema(house: House) -> None:
    """The XSD of v0.2 itself judges the card of a release without evidence and of one with it, and sees a broken one."""
    judge = schema()
    if judge is None:
        pytest.skip(f"the published schema is not here: python -m {schema.__module__} fetches it")
    await house.propose(evidence=())
    bare = (await house.http.get("/guidance/small/model-card")).content
    await house.propose()
    full = (await house.http.get("/guidance/small/model-card")).content
    assert bare != full
    for card in (bare, full):
        assert [fault.reason for fault in judge.iter_errors(card.decode())] == []
    assert list(judge.iter_errors(full.decode().replace("DeveloperContact", "Contact")))


async def test_the_card_the_summary_and_the_bibliography_for_people(house: House) -> None:
    """Markdown, the 27 items with where each is answered, and BibTeX."""
    await house.propose()
    card = (await house.http.get("/guidance/small/model-card?format=markdown")).text
    assert card.startswith("# Model card: Small 1.0.0")
    items = (await house.http.get("/guidance/small/tripod")).json()["items"]
    numbers = {
        int("".join(filter(str.isdigit, part[:2])))
        for one in items
        for part in one["item"].replace("to", ",").split(",")
        for part in [part.strip()]
    }
    assert numbers == set(range(1, 28))
    assert {one["item"]: one["answered"] for one in items}["10"] is True
    assert {one["item"]: one["answered"] for one in items}["25"] is None
    bib = (await house.http.get("/guidance/small/bibliography")).text
    assert bib.startswith("@misc{study2026,") or "year = {2026}" in bib


async def test_what_is_not_here_is_not_found(house: House) -> None:
    """An unknown guidance, an unknown release, a release of another guidance, a name that nothing can have."""
    await house.propose()
    for path in (
        "/.well-known/dsi/nothing", "/guidance/small/attributes?release=sha256:00", "/releases/nothing/plain",
        "/.well-known/dsi/%00", "/guidance/nothing/plain",
    ):  # fmt: skip
        assert (await house.http.get(path)).status_code == 404, path


async def test_the_gate_asks_for_the_register_before_silent(house: House) -> None:
    """A release without a risk register stays in development, whoever votes."""
    files = {name: data for name, data in samples.release().files.items() if name != "transparency.yaml"}
    bundle = type(samples.release())(guidance="small", version="1.0.0", files=files)
    proposed = await house.propose(bundle)
    assert await house.agree(proposed, "development") == "development"
    assert await house.agree(proposed, "silent") == "development"
    step = (await house.as_("Kim Auditor").proposal(proposed.proposal))["steps"][0]
    assert step["failed_checks"] == ["risk-register"]


async def test_the_gate_asks_for_the_attributes_before_general_alone(house: House) -> None:
    """Complete only counts where everybody is reached; until then a blank is shown and stops nothing."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    steps = {one["to"]: one for one in (await house.as_("Kim Auditor").proposal(proposed.proposal))["steps"]}
    checks = {one["name"]: one for one in steps["general"]["checks"]}
    assert checks["source-attributes"]["verdict"] == "meets"
    assert checks["risk-register"]["verdict"] == "meets"


async def test_the_page_shows_what_people_wrote_as_text(house: House) -> None:
    """In plain words, linked from the evidence page; nothing that a person wrote is markup."""
    proposed = await house.propose()
    evil = '<script>alert(1)</script>"><img src=x>'
    await house.as_("Ben Data").edit_attribute("small", "funding", evil, why=evil)
    page = await house.http.get(f"/releases/{proposed.release}/plain", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "Source-attribute complete: 44 of 44 filled" in page.text
    evidence = await house.http.get(f"/releases/{proposed.release}/page", headers={"accept": "text/html"})
    assert f'href="/releases/{proposed.release}/plain"' in evidence.text
