"""The report: JSON that keeps to its schema, a page that stands alone and says all that the JSON says."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest
from joserfc.jwk import ECKey
from typer.testing import CliRunner

from services.cds.commands import app
from services.cds.conformance.exchange import Exchange
from services.cds.conformance.own_server import OwnServer
from services.cds.conformance.report import SCHEMA_VERSION, Report, as_json_text
from services.cds.conformance.report_html import report_page
from services.cds.conformance.requirements import REQUIREMENTS
from services.cds.conformance.run import examine
from services.cds.conformance.session import prepared
from services.guidance.errors import Unavailable
from services.timeline.errors import BadInput
from tests.cds.conformance.practice import Practice, running

runner = CliRunner()


class Page(HTMLParser):
    """What a page is made of: its text, its elements with their attributes; open elements must be closed."""

    VOID = frozenset({"meta", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """It must close what was opened last."""
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.said.append(data)


def plain(text: str) -> str:
    """Words with one space between them, without ticks."""
    return " ".join(text.replace("`", "").split())


@pytest.fixture(scope="module")
def practice() -> Iterator[Practice]:
    """A service that answers anyone, with one fault."""
    service = Practice(ECKey.generate_key("P-384"))
    service.fault = "open to all"
    with running(service):
        yield service


@pytest.fixture(scope="module")
def report(practice: Practice) -> Report:
    """A run against it."""
    with prepared(practice.url) as target:
        return examine(target)


def test_the_json_keeps_to_its_schema(report: Report) -> None:
    """What is written can be read back, and a JSON Schema made from the types holds it."""
    text = as_json_text(report)
    assert msgspec.json.decode(text, type=Report) == report
    schema: Any = msgspec.json.schema(Report)
    jsonschema_rs.validate(schema, msgspec.json.decode(text))
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schema, msgspec.json.decode(text) | {"counts": "many"})
    assert report.schema_version == SCHEMA_VERSION == "1.0"


def test_the_counts_and_items_are_those_of_the_results(report: Report) -> None:
    """Every item stands in the report, with the worst of its checks."""
    assert sum(report.counts.values()) == len(report.results)
    assert [item.requirement for item in report.items] == list(REQUIREMENTS.values())
    verdicts = {item.requirement.number: item.verdict for item in report.items}
    assert verdicts["49"] == "warn"
    assert verdicts["33"] == "pass"
    assert verdicts["45"] == "not checked"


def test_the_page_is_whole_and_stands_alone(report: Report) -> None:
    """Well formed, without a script or an address to load; its policy lets in its own style and nothing else."""
    text = report_page(report)
    page = Page(text)
    assert page.open == []
    assert not {tag for tag, _ in page.elements} & {"script", "img", "link", "iframe"}
    assert not any("src" in attributes for _, attributes in page.elements)
    names = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = [attributes["href"] or "" for _, attributes in page.elements if "href" in attributes]
    assert links
    assert {link[1:] for link in links if link.startswith("#")} <= names
    assert all(link.startswith("#") for link in links)
    policy = next(one["content"] for tag, one in page.elements if tag == "meta" and "http-equiv" in one)
    style = re.search(r"<style>(.*)</style>", text, flags=re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'"
    assert "@media (prefers-color-scheme: dark)" in text


def test_the_page_says_every_item_verdict_request_and_answer(report: Report) -> None:
    """Every requirement's text, every fault, and the exchanges behind it."""
    page = Page(report_page(report))
    said = plain("".join(page.said))
    for requirement in REQUIREMENTS.values():
        assert plain(requirement.text) in said
    for result in report.results:
        assert plain(result.claim) in said
        assert all(plain(fault) in said for fault in result.faults)
    assert sum("result" in (one.get("class") or "").split() for _, one in page.elements) == len(report.results)
    assert "POST http://127.0.0.1" in said
    assert "Something to do" in said


def test_the_page_can_show_one_verdict(report: Report) -> None:
    """One radio button for each, with its count, and a rule of style that hides the others; no script is needed."""
    text = report_page(report)
    buttons = [one["id"] for tag, one in Page(text).elements if tag == "input"]
    assert buttons == ["show-all", "show-fail", "show-warn", "show-skipped", "show-pass"]
    for verdict in ("fail", "warn", "skipped", "pass"):
        assert f"#show-{verdict}:checked) .result:not(.{verdict})" in text


def test_what_a_service_says_cannot_write_on_the_page(practice: Practice) -> None:
    """Markup in an answer is shown, not drawn."""
    exchange = Exchange(1, "GET", "http://x.example/<b>", {}, b"")
    exchange.body = b"<script>alert(1)</script>"
    exchange.status = 200
    with prepared(practice.url) as target:
        found = examine(target, only=["services_is_a_list"])
    odd = msgspec.structs.replace(
        found, exchanges=[msgspec.structs.replace(exchange.shown(), number=one.number) for one in found.exchanges]
    )
    assert "<script>" not in report_page(odd)
    assert "&lt;script&gt;" in report_page(odd)


def test_secrets_are_blanked() -> None:
    """A token keeps what explains a refusal and loses its signature; cookies and access tokens are left out."""
    sent = {"authorization": "Bearer eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJtZSJ9.c2lnbmF0dXJl", "cookie": "secret"}
    exchange = Exchange(1, "POST", "http://x.example", sent, b'{"fhirAuthorization": {"access_token": "secret"}}')
    exchange.headers = httpx.Headers({"set-cookie": "secret"})
    shown = exchange.shown()
    assert shown.request_headers["authorization"] == 'Bearer {"alg": "ES384"}.{"iss": "me"}.(blanked)'
    assert "secret" not in repr(shown)
    assert "c2lnbmF0dXJl" not in repr(shown)
    opaque = Exchange(1, "GET", "http://x.example", {"authorization": "Bearer secret"}, b"")
    assert "secret" not in repr(opaque.shown())


def test_the_command_writes_what_the_name_of_the_file_says(practice: Practice, tmp_path: Path) -> None:
    """report.html and report.json; the summary names what is warned of, and where it is written."""
    for name in ("report.html", "report.json"):
        ran = runner.invoke(app, ["check", practice.url, "--report", str(tmp_path / name)])
        assert ran.exit_code == 0, ran.output
        assert "the service answers anyone" in ran.output
        assert re.search(r"Yes: none of \d+ checks found a SHALL that is not kept", " ".join(ran.output.split()))
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Report).base_url == practice.url


def test_the_command_fails_where_a_shall_is_not_kept(practice: Practice) -> None:
    """Exit code 1, and the fault with its item."""
    practice.fault = "no cors"
    ran = runner.invoke(app, ["check", practice.url + "/cds-services"])
    practice.fault = "open to all"
    assert ran.exit_code == 1
    assert "SHALL 55" in ran.output


def test_what_is_no_cds_service_is_told_so() -> None:
    """Any web server: discovery is not kept, what needs a service is skipped, and the run fails."""
    with OwnServer() as server, prepared(server.origin) as target:
        report = examine(target)
    failed = {result.check for result in report.results if result.verdict == "fail"}
    assert {"discovery_is_there", "services_is_a_list"} <= failed
    reasons = {result.check: result.reason for result in report.results}
    assert reasons["summary_is_short"] == "discovery lists no service (or none of that id)"
    assert not report.passed


def test_what_cannot_be_asked_is_said_in_one_line(practice: Practice, tmp_path: Path) -> None:
    """Nobody there, no address, no key, no issuer, no request, no such form: each names the place and the remedy."""
    key = tmp_path / "key.json"
    key.write_text("{}")
    for words, kind in (
        (["http://127.0.0.1:1"], Unavailable),
        (["localhost"], BadInput),
        ([practice.url, "--jwk", str(key)], BadInput),
        ([practice.url, "--jwk", str(key), "--iss", "x"], BadInput),
        ([practice.url, "--request", str(key)], BadInput),
        ([practice.url, "--report", "report.pdf"], BadInput),
        ([practice.url, "--report", str(tmp_path / "nowhere" / "report.json")], BadInput),
    ):
        ran = runner.invoke(app, ["check", *words])
        assert isinstance(ran.exception, kind), (words, ran.output, ran.exception)


def test_a_request_of_ones_own_is_asked_where_its_hook_is(practice: Practice, tmp_path: Path) -> None:
    """The user's context goes out to the service of that hook, made-up ones to the others."""
    mine = tmp_path / "mine.json"
    patient = {"resourceType": "Patient", "id": "mine-1"}
    context = {"userId": "Practitioner/1", "patientId": "mine-1"}
    mine.write_text(
        msgspec.json.encode({"hook": "order-sign", "context": context, "prefetch": {"patient": patient}}).decode()
    )
    ran = runner.invoke(app, ["check", practice.url, "--request", str(mine), "--json"])
    report = msgspec.json.decode(ran.stdout, type=Report)
    asked = {number for one in report.results if one.check == "full_prefetch_is_answered" for number in one.exchanges}
    bodies = [one.request_body for one in report.exchanges if one.number in asked]
    assert ["mine-1" in body for body in bodies] == [False, True]


def test_what_takes_too_long_is_skipped_and_said(practice: Practice) -> None:
    """The budget of the run ends it; nothing that was not looked at counts as kept."""
    with prepared(practice.url) as target:
        report = examine(target, budget=0.0)
    assert set(report.counts) == {"fail", "warn", "skipped", "pass"}
    assert report.counts["skipped"] == len(report.results)
    assert not report.passed
