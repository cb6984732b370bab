"""`knowdo registry keys`: hand over the public keys, and change the one that signs without a gap."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from services.registry.terminal import AsJson, operator, own_database, read_settings, show
from services.timeline.errors import BadInput

app = typer.Typer(help="The keys that manifests are signed with: hand them over, announce the next, retire the old.")


@app.callback(invoke_without_command=True)
def keys(
    context: typer.Context,
    file: Annotated[Path | None, typer.Option(help="Write them there instead of showing them")] = None,
) -> None:
    """Hand over the registry's public keys (a JWK set): CDS pins them and believes no other.

    Example: knowdo registry keys --file registry-keys.json
    """
    if context.invoked_subcommand is not None:
        return
    import json

    from services.registry.app import read_public_keys

    text = json.dumps(read_public_keys(read_settings()), indent=2) + "\n"
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise BadInput(
            f"cannot be written ({fault.strerror})", place=str(file), remedy="Name a file that this user may write"
        ) from fault
    typer.echo(f"public keys in {file}")


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys: which signs, which is announced, which are trusted until their last lease is over.

    Example: knowdo registry keys list
    """
    from services.registry.deployed.signing_keys import known_keys
    from services.registry.desk import real_time

    rows = [
        {"kid": one.kid, "use": one.use, "until": one.until.isoformat() if one.until is not None else "-"}
        for one in known_keys(read_settings(), real_time())
    ]
    show(rows, as_json, title="Keys")


@app.command("add")
def add_key(as_json: AsJson = False) -> None:
    """Make the next key and announce it at `/keys`; it signs nothing yet. Restart the registry, then hand both to every CDS.

    Example: knowdo registry keys add
    """
    from services.registry.deployed.signing_keys import announce

    made = announce(read_settings())
    _remember("signing key announced", made.kid, {})
    show({"kid": made.kid, "use": made.use}, as_json)


# One key id in 64 begins with a hyphen (RFC 7638 in base64url), and is no option.
@app.command("retire", context_settings={"ignore_unknown_options": True})
def retire_key(
    kid: Annotated[str, typer.Argument(help="Id of the key that signs now")], as_json: AsJson = False
) -> None:
    """Let the announced key sign from the registry's next start; the old one stays trusted until its last lease is over.

    Example: knowdo registry keys retire 1ZkQ…
    """
    from services.registry.deployed.signing_keys import retire
    from services.registry.desk import real_time

    former = retire(read_settings(), kid, real_time())
    until = former.until.isoformat() if former.until is not None else "-"
    _remember("signing key retired", former.kid, {"trusted_until": until})
    show({"kid": former.kid, "use": former.use, "until": until}, as_json)


def _remember(action: str, kid: str, detail: dict[str, Any]) -> None:
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.memory import ledger

    engine = own_database()
    with writing(engine) as connection:
        ledger.append(
            connection, actor=operator(), role="administrator", action=action, subject=f"key:{kid}", detail=detail,
            now=real_time(),
        )  # fmt: skip
    engine.dispose()
