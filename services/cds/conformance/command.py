"""`knowdo cds check`: hold any CDS Hooks service to the specification, from outside, and write the report."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from services.cds.conformance.checks import NoAnswer
from services.cds.conformance.exchange import Recorder
from services.cds.conformance.own_server import OwnServer
from services.cds.conformance.report import Report
from services.cds.conformance.run import examine
from services.cds.conformance.signer import Signer
from services.cds.conformance.target import DISCOVERY, Target, on_this_machine
from services.cds.conformance.terminal import show_report
from services.guidance.errors import Unavailable
from services.timeline.errors import BadInput


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
    write = _writer(report)
    with prepared(
        base_url, service=service, signer=_signer(jwk, iss, jku), given=_given(request), timeout=timeout, port=fhir_port
    ) as target:
        found = _examined(target, budget=budget)
    if write is not None and report is not None:
        report.write_bytes(write(found))
    if as_json:
        sys.stdout.write(as_json_text(found).decode() + "\n")
    else:
        show_report(found, Console())
        if report is not None:
            typer.echo(f"Written: {report}")
    if not found.passed:
        raise typer.Exit(1)


@contextmanager
def prepared(
    base_url: str,
    *,
    service: str = "",
    signer: Signer | None = None,
    given: Mapping[str, Any] | None = None,
    timeout: float = 10.0,
    port: int = 0,
) -> Iterator[Target]:
    """A target that can be examined; where it runs on this machine, with a FHIR server and a stranger beside it."""
    base = base_url.rstrip("/").removesuffix(DISCOVERY)
    if not base.startswith(("http://", "https://")):
        raise BadInput("no http(s) address", place=base_url, remedy="Write it as https://cds.hospital.example")
    with ExitStack() as stack:
        here = on_this_machine(base)
        # A proxy of the environment is for the world outside; on this machine it would stand in the way.
        http = stack.enter_context(
            # The machine's own certificates, among them those of a hospital, not a list that came with a package.
            httpx.Client(
                timeout=timeout, follow_redirects=False, trust_env=not here, verify=ssl.create_default_context()
            )
        )
        yield Target(
            base=base,
            record=Recorder(http, seconds=timeout),
            signer=signer,
            given=given,
            only=service,
            fhir=stack.enter_context(OwnServer(port=port)) if here else None,
            stranger=stack.enter_context(OwnServer()) if here else None,
        )


def as_json_text(report: Report) -> bytes:
    """The report as JSON to read and to parse."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1)


def _examined(target: Target, *, budget: float) -> Report:
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


def _writer(report: Path | None) -> Any:
    """How the file is written, by its ending; asked before the run, so that nothing is found in vain."""
    if report is None:
        return None
    if report.suffix == ".json":
        return as_json_text
    if report.suffix in {".html", ".htm"}:
        from services.cds.conformance.report_html import report_page

        return lambda found: report_page(found).encode()
    raise BadInput("neither .html nor .json", place=str(report), remedy="Name the report by what it shall be")


def _signer(jwk: Path | None, iss: str, jku: str) -> Signer | None:
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
