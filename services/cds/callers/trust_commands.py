"""`knowdo cds trust`: whose calls are answered, and why a token was refused."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import anyio
import msgspec
import typer

from services.cds.callers.client_auth import ClientAuth
from services.cds.callers.explain import Verdict, explain
from services.cds.callers.trust_list import RECOMMENDED, Entry, TrustedIssuer, TrustList, read_entries
from services.cds.clients.profile import read_profiles
from services.cds.governed.approved_files import write_whole
from services.cds.settings import CdsSettings
from services.guidance.errors import NotFound, Unavailable
from services.plumbing.key_sets import KeySets, guarded_http
from services.timeline.errors import BadInput
from services.timeline.instants import NAT, parse_instant

trust = typer.Typer(no_args_is_help=True, help="Whose calls are answered.")

ListOption = Annotated[Path | None, typer.Option("--list", help="The trust list; else KNOWDO_CDS_TRUSTED_ISSUERS_FILE")]
JsonOption = Annotated[bool, typer.Option("--json", help="For a script")]


@trust.command()
def add(
    iss: Annotated[str, typer.Argument(help="The client's issuer, exactly as its tokens say it")],
    jwks: Annotated[Path | None, typer.Option(help="File with the client's public keys as a JWK set")] = None,
    jku: Annotated[list[str] | None, typer.Option(help="Address of its JWK set; several may be given")] = None,
    tenant: Annotated[list[str] | None, typer.Option(help="A tenant that it may speak for; else all")] = None,
    audience: Annotated[list[str] | None, typer.Option(help="Another audience that its tokens may say")] = None,
    algorithm: Annotated[
        list[str] | None, typer.Option(help=f"An algorithm that it may sign with; else {' and '.join(RECOMMENDED)}")
    ] = None,
    fhir_server: Annotated[list[str] | None, typer.Option(help="Origin that its calls may name as fhirServer")] = None,
    profile: Annotated[
        str, typer.Option(help="Its dialect: default, epic, oracle, sandbox, crd, or one of this site's")
    ] = "default",
    trust_list: ListOption = None,
) -> None:
    """Trust a CDS client: write it into the trust list, in place of what stood there for its issuer.

    A running service takes the change up within seconds.

    Example: knowdo cds trust add https://ehr.hospital.example --jku https://ehr.hospital.example/jwks.json --list trusted.json
    """
    path = _path(trust_list)
    written: dict[str, Any] = {
        "iss": iss,
        "jwks": None if jwks is None else _jwks(jwks),
        "jku": jku or [],
        "tenants": tenant or [],
        "audiences": audience or [],
        "algorithms": algorithm or list(RECOMMENDED),
        "profile": profile,
        "fhir_servers": fhir_server or [],
    }
    try:
        entry = msgspec.convert(written, Entry)
    except msgspec.ValidationError as fault:
        raise BadInput(f"not an entry of a trust list: {fault}", place=iss, remedy="See --help") from fault
    _write(path, [*(other for other in _entries(path) if other.iss != iss), entry])
    typer.echo(f"{iss} is trusted in {path}; the service takes it up with KNOWDO_CDS_TRUSTED_ISSUERS_FILE={path}")


@trust.command()
def remove(
    iss: Annotated[str, typer.Argument(help="The issuer that is no longer trusted")],
    trust_list: ListOption = None,
) -> None:
    """Trust a CDS client no longer; a running service takes the change up within seconds.

    Example: knowdo cds trust remove https://ehr.hospital.example --list trusted.json
    """
    path = _path(trust_list)
    entries = _entries(path)
    kept = [entry for entry in entries if entry.iss != iss]
    if len(kept) == len(entries):
        raise NotFound(f"{iss} is not in it", place=str(path), remedy="`knowdo cds trust list` says who is")
    _write(path, kept)
    typer.echo(f"{iss} is no longer trusted in {path}")


@trust.command("list")
def list_(trust_list: ListOption = None, as_json: JsonOption = False) -> None:
    """Show who is trusted, with the ids of their keys or where these are fetched.

    Example: knowdo cds trust list --list trusted.json
    """
    issuers = _trust_list(_path(trust_list)).read()
    if as_json:
        typer.echo(json.dumps([_as_json(issuer) for issuer in issuers], indent=2))
        return
    for one in issuers:
        typer.echo(f"{one.iss} ({one.profile})")
        facts = {
            "keys": [f"{kid} ({', '.join(one.keys.algorithms(kid))})" for kid in one.keys.ids],
            "key sets": one.jku,
            "may sign with": [", ".join(sorted(one.algorithms))],
            "tenants": sorted(one.tenants) or ["any"],
            "audiences": ["the endpoint called", *one.audiences],
            "FHIR servers": one.fhir_servers,
        }
        for what, lines in facts.items():
            for line in lines:
                typer.echo(f"  {what:13}  {line}")


@trust.command("explain")
def explain_(
    token: Annotated[Path, typer.Argument(help="File with the token, as the client sent it")],
    service: Annotated[str, typer.Option(help="The service that was called; none: it was a call of discovery")] = "",
    feedback: Annotated[bool, typer.Option(help="It was a call of the service's feedback endpoint")] = False,
    at: Annotated[str, typer.Option(help="When it was sent, e.g. 2026-01-31T12:00:00Z; else now")] = "",
    trust_list: ListOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say of each check what it says of a client's token: what the caller is never told. A refused one ends with 1.

    Example: knowdo cds trust explain refused.jwt --service readmission-30d --list trusted.json
    """
    if feedback and not service:
        raise BadInput("feedback of which service?", place="--feedback", remedy="Name it with --service")
    path = "/cds-services" + (f"/{service}" if service else "") + ("/feedback" if feedback else "")
    verdicts = anyio.run(_explained, _token(token), path, _path(trust_list), _moment(at))
    refused = [verdict for verdict in verdicts if verdict.verdict == "refused"]
    if as_json:
        answer = {"accepted": not refused, "endpoint": path, "checks": verdicts}
        typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
    else:
        for verdict in verdicts:
            typer.echo(f"{verdict.verdict:8} {verdict.check:10} {verdict.said}")
        typer.echo("Good, if it was not used before" if not refused else f"Refused: {refused[0].reason}")
    if refused:
        raise typer.Exit(1)


async def _explained(compact: str, path: str, trust_list: Path, moment: float | None) -> list[Verdict]:
    settings = CdsSettings.from_environment()
    async with guarded_http(private=settings.private_networks, development=settings.demo) as http:
        key_sets = KeySets(http)
        auth = ClientAuth(
            _trust_list(trust_list).read(),
            public_url=settings.public_url,
            key_sets=key_sets,
            clock=time.time if moment is None else lambda: moment,
        )
        try:
            return await explain(auth, compact, path)
        finally:
            await key_sets.close()


def _path(given: Path | None) -> Path:
    path = given or CdsSettings.from_environment().trusted_issuers_file
    if path is None:
        raise BadInput(
            "no trust list is named", place="--list", remedy="Set KNOWDO_CDS_TRUSTED_ISSUERS_FILE, or give --list"
        )
    return path


def _trust_list(path: Path) -> TrustList:
    settings = CdsSettings.from_environment()
    return TrustList(
        path,
        development=settings.demo,
        sandbox=settings.demo and settings.trust_sandbox,
        profiles=read_profiles(settings.client_profiles),
        public_url=settings.public_url,
    )


def _jwks(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise BadInput(
            "no JSON can be read there", place=str(path), remedy="Save the client's JWK set there"
        ) from fault


def _token(path: Path) -> str:
    """The token in a file that may hold the whole header."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise BadInput("no token can be read there", place=str(path), remedy="Save it there as it was sent") from fault
    return text.removeprefix("Authorization:").strip().removeprefix("Bearer").strip()


def _moment(text: str) -> float | None:
    if not text:
        return None
    moment = parse_instant(text)
    if moment == NAT:
        raise BadInput("no instant", place="--at", remedy="Write it as 2026-01-31T12:00:00Z")
    return moment / 1e6


def _entries(path: Path) -> list[Entry]:
    return read_entries(path) if path.exists() else []


def _write(path: Path, entries: list[Entry]) -> None:
    """Judged before it is written: a service that reads the list must never meet a wrong one."""
    _trust_list(path).judge(entries)
    try:
        write_whole(path, msgspec.json.format(msgspec.json.encode(entries), indent=2), mode=0o644)
    except OSError as fault:
        raise Unavailable(f"cannot be written ({fault.strerror})", place=str(path)) from fault


def _as_json(issuer: TrustedIssuer) -> dict[str, Any]:
    return {
        "iss": issuer.iss,
        "keys": {kid: issuer.keys.algorithms(kid) for kid in issuer.keys.ids},
        "jku": issuer.jku,
        "tenants": sorted(issuer.tenants),
        "audiences": issuer.audiences,
        "algorithms": sorted(issuer.algorithms),
        "profile": issuer.profile,
        "fhir_servers": issuer.fhir_servers,
    }
