"""`knowdo registry key`: the public keys by which services prove themselves, instead of a token that lies in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.registry.terminal import AsJson, object_in, operator, own_database, show

app = typer.Typer(no_args_is_help=True, help="Public keys of services.")

Name = Annotated[str, typer.Argument(help="The service")]


@app.command("make")
def key_make(
    key_file: Annotated[Path, typer.Argument(help="New file for the private key (mode 0600)")],
    public_file: Annotated[Path, typer.Argument(help="New file for the public half, to add at the registry")],
) -> None:
    """Make a key on the machine of the service; the private half never leaves it.

    Example: knowdo registry key make cds-key.json cds-public.json
    """
    import json

    from services.plumbing.backend_services import ClientKey
    from services.plumbing.keys import write_once
    from services.timeline.errors import BadInput

    if public_file.exists():
        raise BadInput("there is a file already", place=str(public_file), remedy="Name a new one")
    key = ClientKey.make(key_file)
    write_once(public_file, (json.dumps(key.public_set(), indent=2) + "\n").encode())
    typer.echo(f"private key in {key_file}, public half in {public_file}: {key.kid}")


@app.command("add")
def key_add(
    name: Name,
    jwks: Annotated[Path, typer.Argument(help="Its public keys: a JWK or JWK set")],
    as_json: AsJson = False,
) -> None:
    """Trust a service's public keys, beside those it has.

    Example: knowdo registry key add "cds of the north site" cds-public.json
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import service_keys

    with writing(own_database()) as connection:
        kids = service_keys.add(connection, name, object_in(jwks), now=real_time(), by=operator())
    show([{"name": name, "kid": kid} for kid in kids], as_json, title="Keys added")


@app.command("list")
def key_list(name: Name, as_json: AsJson = False) -> None:
    """List the public keys of a service.

    Example: knowdo registry key list "cds of the north site"
    """
    from services.plumbing.database import reading
    from services.registry.people import persons, service_keys

    with reading(own_database()) as connection:
        persons.must_find(connection, name)
        rows = service_keys.of(connection, name)
    show(rows, as_json, title=f"Keys of {name}")


@app.command("remove", context_settings={"ignore_unknown_options": True})  # an id may begin with a hyphen
def key_remove(name: Name, kid: Annotated[str, typer.Argument(help="Id of the key, as listed")]) -> None:
    """Trust a key no longer; tokens that it obtained end within five minutes.

    Example: knowdo registry key remove "cds of the north site" Qm1c…
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import service_keys

    with writing(own_database()) as connection:
        service_keys.remove(connection, name, kid, now=real_time(), by=operator())
    typer.echo(f"the key {kid} of {name} is trusted no longer")
