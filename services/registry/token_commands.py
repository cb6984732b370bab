"""`knowdo registry token`: tokens for programs, several per person, each with a label, scopes and an end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from services.registry.terminal import AsJson, operator, own_database, show

app = typer.Typer(no_args_is_help=True, help="API tokens: shown once, listed, revoked.")

Name = Annotated[str, typer.Argument(help="Person or service that it acts for")]


@app.command("add")
def token_add(
    name: Name,
    label: Annotated[str, typer.Option(help="What it is for")],
    scope: Annotated[
        list[str], typer.Option(help="read, propose, vote, stop, run or report; may be given several times")
    ],
    days: Annotated[int, typer.Option(help="Days until it ends, 366 at most")] = 90,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="Write it there (mode 0600), do not show it")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token that does what its scopes name and its holder may do; it is shown this once.

    Example: knowdo registry token add "D. Chen" --label notebook --scope read --scope propose --days 30
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import api_tokens
    from services.registry.people.tokens import write_token
    from services.registry.tables import instant_text

    with writing(own_database()) as connection:
        made = api_tokens.add(connection, name, label=label, scopes=scope, days=days, now=real_time(), by=operator())
        if token_file is not None:
            write_token(token_file, made.token)
    kept = {"token_file": str(token_file)} if token_file is not None else {"token": made.token}
    ends = instant_text(made.expires_at)
    if as_json:
        typer.echo(json.dumps({"id": made.id, "scopes": list(made.scopes), "expires_at": ends, **kept}))
    else:
        typer.echo(f"{made.id}: {', '.join(made.scopes)}, until {ends[:16]}Z")
        typer.echo(f"token in {token_file}" if token_file else f"token (shown this once): {made.token}")


@app.command("list")
def token_list(name: Name, as_json: AsJson = False) -> None:
    """List someone's API tokens; never the tokens themselves.

    Example: knowdo registry token list "D. Chen"
    """
    from services.plumbing.database import reading
    from services.registry.desk import real_time
    from services.registry.people import api_tokens, persons

    with reading(own_database()) as connection:
        persons.must_find(connection, name)
        rows = api_tokens.of(connection, name, now=real_time())
    show(rows, as_json, title=f"Tokens of {name}")


@app.command("revoke")
def token_revoke(token_id: Annotated[str, typer.Argument(help="Id of the token, as listed")]) -> None:
    """End a token at once.

    Example: knowdo registry token revoke 5f0c1d9a7be3a410
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import api_tokens

    with writing(own_database()) as connection:
        person = api_tokens.revoke(connection, token_id, now=real_time(), by=operator())
    typer.echo(f"token {token_id} of {person.name} is worth nothing any more")
