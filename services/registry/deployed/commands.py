"""`knowdo registry deploy` and `deployments`: where what was voted for speaks, and where everything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.registry.terminal import DEFAULT_URL, AsJson, TokenFile, Url, asked, file_bytes, object_in, show
from services.timeline.errors import BadInput

overlay = typer.Typer(no_args_is_help=True, help="A site's own thresholds and quiet hours, within the change plan.")


def add_to(app: typer.Typer) -> None:
    """Hang the commands of this room on `knowdo registry`."""
    app.command()(deploy)
    app.command("deployments")(list_deployments)
    app.add_typer(overlay, name="overlay")
    app.command()(reason)
    app.command()(verify_manifest)


def deploy(
    guidance: Annotated[str, typer.Argument(help="Id of the guidance")],
    release: Annotated[str, typer.Argument(help="Digest of the release")],
    site: Annotated[list[str] | None, typer.Option(help="Site; may be given several times; none: all")] = None,
    tenant: Annotated[list[str] | None, typer.Option(help="Tenant of a CDS client; none: all")] = None,
    hook: Annotated[list[str] | None, typer.Option(help="Hook; none: all that the guidance answers")] = None,
    stage: Annotated[str, typer.Option(help="silent, pilot or general; no more than the vote allows")] = "",
    share: Annotated[str, typer.Option(help="Share of patients in a pilot, drawn by a keyed hash of each")] = "100%",
    starts: Annotated[str, typer.Option("--from", help="Time with zone, e.g. 2026-12-01T08:00:00Z")] = "",
    ends: Annotated[str, typer.Option("--until", help="Time with zone")] = "",
    fallback: Annotated[str, typer.Option(help="Release that speaks when this one is stopped, or none")] = "none",
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Decide where a release speaks, after the vote. Operations do that, and nobody who made the release.

    Example: knowdo registry deploy readmission-30d sha256:4f0c… --site north --share 5% --token-file me.token
    """
    placement: dict[str, Any] = {
        "sites": site or ["*"],
        "tenants": tenant or ["*"],
        "hooks": hook or [],
        "stage": stage,
        "share": _percent(share),
        "starts_at": starts or None,
        "ends_at": ends or None,
        "fallback": None if fallback in {"", "none"} else fallback,
    }
    answer = asked(lambda client: client.deploy(guidance, release, **placement), url, token_file)
    show(answer if as_json else _short(answer), as_json)


def list_deployments(url: Url = DEFAULT_URL, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Show where everything runs: release, stage, places, share, and what speaks when it is stopped.

    Example: knowdo registry deployments --token-file me.token
    """
    rows = asked(lambda client: client.deployments(), url, token_file)
    show(rows if as_json else [_short(row) for row in rows], as_json, title="Deployments")


@overlay.command("set")
def set_overlay(
    guidance: Annotated[str, typer.Argument(help="Id of the guidance")],
    site: Annotated[str, typer.Argument(help="Site, or `*` for all")],
    part: Annotated[Path, typer.Argument(help="JSON: part of a policy; {} takes the site's own back")],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Decide on a site's thresholds and quiet hours; it holds as soon as the workers have heard it.

    Example: knowdo registry overlay set readmission-30d north north.json --token-file me.token
    """
    content = object_in(part)
    _show_overlay(asked(lambda client: client.set_overlay(guidance, site, content), url, token_file), as_json)


@overlay.command("show")
def show_overlay(
    guidance: Annotated[str, typer.Argument(help="Id of the guidance")],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what holds at which site, and the digest that decisions name.

    Example: knowdo registry overlay show readmission-30d --token-file me.token
    """
    _show_overlay(asked(lambda client: client.overlay(guidance), url, token_file), as_json)


def reason(
    guidance: Annotated[str, typer.Argument(help="Id of the guidance")],
    text: Annotated[str, typer.Argument(help="Why it was stopped, without patient data")],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Say why a guidance was stopped; due within 24 hours of the stop. `knowdo registry list` shows what is due.

    Example: knowdo registry reason readmission-30d "wrong units from the new analyser" --token-file me.token
    """
    show(asked(lambda client: client.give_reason(guidance, text), url, token_file), as_json)


def said_of_due(row: dict[str, Any]) -> str:
    """A stop that owes its reason, in words."""
    late = "OVERDUE since" if row["late"] else "due by"
    return f"{row['guidance']}: stopped {row['at'][:16]}Z by {row['by']} without a reason; {late} {row['due_at'][:16]}Z"


def verify_manifest(
    file: Annotated[Path, typer.Argument(help="File with one signed manifest")],
    keys: Annotated[Path, typer.Option(help="JWK set of the registry's public keys, from elsewhere than the manifest")],
    as_json: AsJson = False,
) -> None:
    """Verify a signed manifest without any registry; says what it allows and until when, and ends with 1 if it is refused.

    Example: knowdo registry verify-manifest manifest.jws --keys registry-keys.json
    """
    from datetime import UTC, datetime

    from services.guidance.manifest import read_manifest, to_payload
    from services.plumbing.keys import verify

    manifest = read_manifest(verify(file_bytes(file).decode("ascii", "replace").strip(), object_in(keys)))
    left = manifest.seconds_left(datetime.now(UTC))
    if as_json:
        show({**to_payload(manifest), "lease_seconds_left": max(0, int(left))}, as_json)
        return
    lease = f"its lease ends at {manifest.expires_at.isoformat()}" if left > 0 else "its lease is over"
    typer.echo(f"✓ signed: {manifest.guidance} {manifest.release} is {manifest.stage}; {lease}")


def _show_overlay(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show(found, as_json)
        return
    show([{"site": site, "policy": json.dumps(part)} for site, part in found["overlay"].items()], False)
    for release, digest in found["policy_digests"].items():
        typer.echo(f"{release}: {digest}")


def _percent(text: str) -> float:
    try:
        return float(text.strip().removesuffix("%"))
    except ValueError as fault:
        raise BadInput("no share can be read there", place="--share", remedy="Write 5%") from fault


def _short(row: dict[str, Any]) -> dict[str, Any]:
    names = ("guidance", "release", "stage", "sites", "share", "starts_at", "ends_at", "fallback", "changed_at")
    return {name: "-" if row[name] is None else row[name] for name in names}
