"""`knowdo cds check`: hold any CDS Hooks service to the specification, from outside, and write the report."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from services.guidance.errors import Unavailable
from services.timeline.errors import BadInput

if TYPE_CHECKING:  # `knowdo cds serve` must not wait for what only a check needs
    from services.cds.conformance.report import Report
    from services.cds.conformance.signer import Signer
    from services.cds.conformance.target import Target


def check(
    base_url: Annotated[str, typer.Argument(help="Where the service is: what stands before /cds-services")],
    service: Annotated[str, typer.Option(help="Only this id; else every service of discovery")] = "",
    jwk: Annotated[Path | None, typer.Option(help="Private EC or RSA JWK to sign calls with; else unsigned")] = None,
    iss: Annotated[str, typer.Option(help="Issuer to sign as, with --jwk")] = "",
    jku: Annotated[str, typer.Option(help="Address of the public keys, for the token's header")] = "",
    request: Annotated[
        Path | None, typer.Option(help="Your own hook request as JSON: asked where its hook is; else made-up patients")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="File to write: report.html or report.json")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The report as JSON on standard output, nothing else")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest that one answer may take, in seconds")] = 10.0,
    budget: Annotated[float, typer.Option(min=1, help="Longest that the whole run may take, in seconds")] = 600.0,
    fhir_port: Annotated[
        int, typer.Option(help="Port of the checker's own FHIR server, if the service must be told; else any")
    ] = 0,
) -> None:
    """Hold any CDS Hooks service to the specification, from outside: what is kept, what is not, with request and response.

    It needs no knowledge of the service: calls are built from its discovery, about made-up patients. Do not point it at
    a service in use: it calls, and it leaves feedback. Exit code 1 if anything that binds (SHALL) is not kept.

    Example: knowdo cds check http://127.0.0.1:8000 --jwk key.json --iss https://ehr.example --report report.html
    """
    from services.cds.conformance.report import as_json_text
    from services.cds.conformance.session import prepared
    from services.cds.conformance.terminal import show_report

    write = _writer(report)
    with prepared(
        base_url, service=service, signer=_signer(jwk, iss, jku), given=_given(request), timeout=timeout, port=fhir_port
    ) as target:
        found = _examined(target, budget=budget)
    write(found)
    if as_json:
        sys.stdout.write(as_json_text(found) + "\n")
    else:
        show_report(found, Console())
        if report is not None:
            typer.echo(f"Written: {report}")
    if not found.passed:
        raise typer.Exit(1)


def _examined(target: Target, *, budget: float) -> Report:
    from services.cds.conformance.checks import NoAnswer
    from services.cds.conformance.run import examine

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        transient=True,
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("discovery", total=None)

        def tell(claim: str, made: int, total: int) -> None:
            bar.update(task, description=claim[:60], completed=made, total=total)

        try:
            return examine(target, budget=budget, progress=tell)
        except NoAnswer as silence:
            raise Unavailable(
                str(silence), place=target.base, remedy="Is it running, and is this what stands before /cds-services?"
            ) from silence


def _writer(file: Path | None) -> Callable[[Report], None]:
    """How the file is written, by its ending; asked before the run, so that nothing is found in vain."""
    if file is None:
        return lambda _: None
    if file.suffix == ".json":
        from services.cds.conformance.report import as_json_text as written
    elif file.suffix in {".html", ".htm"}:
        from services.cds.conformance.report_html import report_page as written
    else:
        raise BadInput("neither .html nor .json", place=str(file), remedy="Name the report by what it shall be")

    def write(report: Report) -> None:
        try:
            file.write_text(written(report), encoding="utf-8")
        except OSError as fault:
            raise BadInput(f"cannot be written ({fault.strerror})", place=str(file), remedy="Name another") from fault

    return write


def _signer(jwk: Path | None, iss: str, jku: str) -> Signer | None:
    from services.cds.conformance.signer import Signer

    if jwk is None:
        return None
    if not iss:
        raise BadInput("a key without an issuer", place="--iss", remedy="Name the issuer that the service trusts")
    return Signer.load(jwk, iss=iss, jku=jku)


def _given(file: Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as fault:
        raise BadInput("no JSON can be read there", place=str(file), remedy="Name a CDS Hooks request") from fault
    if not isinstance(content, dict) or not isinstance(content.get("context"), dict) or "hook" not in content:
        raise BadInput("no hook request", place=str(file), remedy="It needs `hook` and `context`")
    return content
