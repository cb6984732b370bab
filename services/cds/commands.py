"""`knowdo cds`: serve, call a service and read its card, check any service, say whom to trust, weigh alerts, export."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from services.cds.alerts.commands import alerts
from services.cds.callers.trust_commands import trust
from services.cds.cards.show import show_answer
from services.cds.clients.sheet_command import sheet
from services.cds.conformance.command import check
from services.cds.decisions.commands import database, erase_patient
from services.cds.decisions.ignored import HOURS, answered_cards
from services.cds.settings import CdsSettings
from services.guidance.errors import Unavailable
from services.plumbing.database import open_database
from services.timeline.errors import BadInput
from services.timeline.instants import NAT, parse_instant

app = typer.Typer(no_args_is_help=True)
decisions = typer.Typer(no_args_is_help=True, help="Read the decision log.")
app.add_typer(trust, name="trust")
app.command()(alerts)
app.add_typer(decisions, name="decisions")
app.command()(sheet)
app.command()(check)
app.add_typer(database, name="database")
decisions.command("erase")(erase_patient)

UrlOption = Annotated[str, typer.Option(help="Where the CDS service runs")]
HERE = "http://127.0.0.1:8000"


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else KNOWDO_CDS_HOST")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else KNOWDO_CDS_PORT")] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Worker processes; more than one needs PostgreSQL or one disk")
    ] = 1,
) -> None:
    """Run the CDS service as its environment describes it (KNOWDO_CDS_…).

    Example: KNOWDO_CDS_REGISTRY_URL=http://registry:8001 knowdo cds serve --port 8000
    """
    from services.cds.serve import serve as listen

    settings = CdsSettings.from_environment()
    listen(settings, host=host or settings.host, port=port or settings.port, workers=workers)


@app.command()
def call(
    file: Annotated[Path, typer.Argument(help="A CDS Hooks request as JSON")],
    service: Annotated[str, typer.Option(help="Which service; else the one that discovery lists for the hook")] = "",
    url: UrlOption = HERE,
    key: Annotated[Path | None, typer.Option(help="Private P-384 JWK to sign with; else the demo client's")] = None,
    iss: Annotated[str, typer.Option(help="Issuer to sign as, with --key")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The answer as it came")] = False,
) -> None:
    """Post a hook request to a running service, signed as an EHR would, and print the card readably.

    A request without `hookInstance` gets one, so that a file can be sent again.

    Example: knowdo cds call discharge.json --service readmission-30d
    """
    request = _read_request(file)
    base = url.rstrip("/")
    with httpx.Client(timeout=30.0) as http:
        chosen = service or _service_for(http, base, str(request.get("hook", "")))
        endpoint = f"{base}/cds-services/{chosen}"
        answer = _ask(http, "POST", endpoint, json=request, headers=_signed(endpoint, key=key, iss=iss))
    if as_json:
        typer.echo(answer.text)
    else:
        show_answer(answer.json(), status=answer.status_code, console=Console())
    if answer.status_code != 200:
        raise typer.Exit(1)


@decisions.callback()
def _decisions() -> None:
    """Read the decision log."""


@decisions.command()
def export(
    out: Annotated[Path | None, typer.Option(help="File to write; else standard output")] = None,
    guidance: Annotated[str, typer.Option(help="Only this guidance")] = "",
    since: Annotated[str, typer.Option(help="Only decisions at or after this instant, e.g. 2026-01-31T00:00:00Z")] = "",
    url: UrlOption = HERE,
    token_file: Annotated[Path | None, typer.Option(help="File with the export token of the service")] = None,
) -> None:
    """Write decisions and their feedback as NDJSON, oldest first.

    Example: knowdo cds decisions export --since 2026-01-01 --token-file export.token --out decisions.ndjson
    """
    token = token_file.read_text(encoding="utf-8").strip() if token_file is not None else ""
    headers = {"Authorization": f"Bearer {token}"}
    query = {"guidance": guidance, "since": since}
    address = f"{url.rstrip('/')}/decisions/export"
    with (
        httpx.Client(timeout=60.0) as http,
        http.stream("GET", address, params=query, headers=headers) as answer,
        out.open("wb") if out is not None else nullcontext(typer.get_binary_stream("stdout")) as target,
    ):
        if answer.status_code != 200:
            answer.read()
            raise _refused(answer)
        for chunk in answer.iter_bytes():
            target.write(chunk)


@decisions.command()
def ignored(
    hours: Annotated[float, typer.Option(min=0, help="How long feedback is waited for")] = HOURS,
    since: Annotated[str, typer.Option(help="Only cards shown at or after this instant, e.g. 2026-01-31")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
) -> None:
    """Count the cards that were answered, and those that nobody answered in time; reads the log of this service.

    Example: knowdo cds decisions ignored --hours 72 --since 2026-01-01
    """
    moment = parse_instant(since) if since else 0
    if moment == NAT:
        raise BadInput("no instant", place="--since", remedy="Write it as 2026-01-31T12:00:00Z")
    settings = CdsSettings.from_environment()
    file = settings.var / "cds" / "decisions.sqlite"
    if not settings.database_url and not file.exists():
        raise BadInput("no decision log is there", place=str(file), remedy="Set KNOWDO_VAR or KNOWDO_CDS_DATABASE_URL")
    engine = open_database(settings.database_url or f"sqlite:///{file}")
    try:
        counts = answered_cards(engine, now=time.time_ns() // 1000, since=moment, hours=hours)
    finally:
        engine.dispose()
    if as_json:
        typer.echo(json.dumps(counts, indent=2))
        return
    table = Table("guidance", "release", "shown", "answered", "ignored", "waiting")
    for row in counts:
        table.add_row(*(str(row[name])[:19] for name in ("guidance", "release")), *map(str, list(row.values())[2:]))
    Console().print(table)


def _read_request(file: Path) -> dict[str, Any]:
    try:
        request = json.loads(file.read_bytes())
    except (OSError, ValueError) as fault:
        raise BadInput("no JSON can be read there", place=str(file), remedy="Name a CDS Hooks request") from fault
    if not isinstance(request, dict):
        raise BadInput("no JSON object", place=str(file), remedy="Name a CDS Hooks request")
    return {"hookInstance": str(uuid.uuid4()), **request}


def _service_for(http: httpx.Client, base: str, hook: str) -> str:
    services = _ask(http, "GET", f"{base}/cds-services").json().get("services", [])
    found = sorted({str(entry["id"]) for entry in services if entry.get("hook") == hook})
    if len(found) != 1:
        raise BadInput(
            f"{len(found)} services answer {hook}: {', '.join(found) or 'none'}",
            place=base,
            remedy="Choose one with --service",
        )
    return found[0]


def _signed(endpoint: str, *, key: Path | None, iss: str) -> dict[str, str]:
    """The header of a caller: the key given, or the demo client's if this machine has it; else none."""
    from services.cds.callers.demo_issuer import ISSUER, DemoIssuer

    demo = CdsSettings.from_environment().var / "cds" / "demo-issuer.json"
    path = key or (demo if demo.exists() else None)
    if path is None:
        return {}
    return {"Authorization": f"Bearer {DemoIssuer.load(path, iss=iss or ISSUER).token(endpoint)}"}


def _ask(http: httpx.Client, method: str, url: str, **more: Any) -> httpx.Response:
    try:
        return http.request(method, url, **more)
    except httpx.HTTPError as fault:
        raise Unavailable(
            f"nothing answers ({type(fault).__name__})", place=url, remedy="Start it: `knowdo up` or `knowdo cds serve`"
        ) from fault


def _refused(answer: httpx.Response) -> Unavailable:
    return Unavailable(f"the service answered {answer.status_code}", place=str(answer.url), remedy=answer.text[:300])
