"""`knowdo registry person`: who may act here. It works on the registry's own database, so the first one can be added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.registry.people.persons import Added
from services.registry.terminal import AsJson, operator, own_database, own_sealer, show

app = typer.Typer(no_args_is_help=True, help="Persons and services that may act.")

Name = Annotated[str, typer.Argument(help="As colleagues know them")]
WriteTo = Annotated[Path | None, typer.Option("--token-file", help="Write the token there (mode 0600), do not show it")]


@app.command("add")
def person_add(
    name: Name,
    role: Annotated[list[str], typer.Option(help="May be given several times")],
    service: Annotated[bool, typer.Option("--service", help="A service (role cds or learner); it never votes")] = False,
    token_file: WriteTo = None,
    as_json: AsJson = False,
) -> None:
    """Add a person or service to the registry's own database; the token is shown this once.

    Example: knowdo registry person add "A. Roy" --role clinical-reviewer
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import persons

    with writing(own_database()) as connection:
        added = persons.add_person(connection, name, role, now=real_time(), by=operator(), is_service=service)
        _hand_over(added, token_file, as_json)


@app.command("token")
def person_token(
    name: Name,
    token_file: WriteTo = None,
    as_json: AsJson = False,
) -> None:
    """Give someone a new token; the old one is worth nothing from then on.

    Example: knowdo registry person token "A. Roy"
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import persons

    with writing(own_database()) as connection:
        added = persons.new_token(connection, name, now=real_time(), by=operator())
        _hand_over(added, token_file, as_json)


@app.command("password")
def person_password(
    name: Name,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="Write it there (mode 0600), do not show it")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a person a password that is shown this once; at the first sign-in, within three days, they choose their own.

    Example: knowdo registry person password "A. Roy"
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import accounts
    from services.registry.people.tokens import write_token

    with writing(own_database()) as connection:
        given = accounts.give_password(connection, name, now=real_time(), by=operator(), sealer=own_sealer())
        if password_file is not None:
            write_token(password_file, given)
    shown = {"name": name} | ({"password_file": str(password_file)} if password_file else {"password": given})
    if as_json:
        typer.echo(json.dumps(shown))
    else:
        typer.echo(f"password in {password_file}" if password_file else f"password (shown this once): {given}")
        typer.echo("it is good for three days, and must be changed at the first sign-in")


@app.command("link")
def person_link(
    name: Name,
    issuer: Annotated[str, typer.Option(help="The organisation's OpenID provider")],
    subject: Annotated[str, typer.Option(help="Who they are there (`sub`); the sign-in page tells it to them")],
) -> None:
    """Let someone sign in through the organisation: issuer and subject together say who they are, nothing else does.

    Example: knowdo registry person link "A. Roy" --issuer https://id.hospital.example --subject 248289761001
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import organisation

    with writing(own_database()) as connection:
        person = organisation.link(connection, name, issuer=issuer, subject=subject, now=real_time(), by=operator())
    typer.echo(f"{person.name} may sign in through {issuer}")


@app.command("roles")
def person_roles(
    name: Name,
    role: Annotated[list[str], typer.Option(help="May be given several times; replaces the roles held")],
    as_json: AsJson = False,
) -> None:
    """Give someone other roles; their sessions end, and the ledger keeps who did it.

    Example: knowdo registry person roles "A. Roy" --role clinical-reviewer --role operations
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import persons

    with writing(own_database()) as connection:
        person = persons.change_roles(connection, name, role, now=real_time(), by=operator())
    if as_json:
        typer.echo(json.dumps({"name": person.name, "roles": sorted(person.roles)}))
    else:
        typer.echo(f"{person.name}: {', '.join(sorted(person.roles))}")


@app.command("remove")
def person_remove(name: Name) -> None:
    """Take away someone's token and rights; their past votes stay in the memory.

    Example: knowdo registry person remove "A. Roy"
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import persons

    with writing(own_database()) as connection:
        persons.deactivate(connection, name, now=real_time(), by=operator())
    typer.echo(f"{name} may not act here any more")


@app.command("reset-factor")
def person_reset_factor(name: Name) -> None:
    """Take away the second factor of someone who lost it; their sessions end, and they are told.

    Be sure who asks.

    Example: knowdo registry person reset-factor "A. Roy"
    """
    from services.plumbing.database import writing
    from services.registry.desk import real_time
    from services.registry.people import persons, second_factor, sessions

    with writing(own_database()) as connection:
        person = persons.must_find(connection, name)
        second_factor.remove(connection, person, by=operator(), now=real_time())
        sessions.end_all(connection, person.name)
    typer.echo(f"{person.name} has no second factor any more, and no session")


@app.command("sessions")
def person_sessions(
    name: Name,
    end: Annotated[bool, typer.Option("--end", help="End all of them: signed out everywhere")] = False,
    as_json: AsJson = False,
) -> None:
    """List where someone is signed in, or end all of it; the ledger keeps who did, and they find it on their page.

    Example: knowdo registry person sessions "A. Roy" --end
    """
    from services.plumbing.database import reading, writing
    from services.registry.desk import real_time
    from services.registry.people import own_sessions, persons, sessions

    engine = own_database()
    if end:
        with writing(engine) as connection:
            ended = own_sessions.end_somebodys(connection, name, by=operator(), now=real_time())
        typer.echo(json.dumps({"ended": ended}) if as_json else f"{ended} ended")
        return
    with reading(engine) as connection:
        found = sessions.of(connection, persons.must_find(connection, name).name, now=real_time())
    rows = [{"browser": one.browser, "since": one.began_at, "last used": one.seen_at, "by": one.how} for one in found]
    show(rows, as_json, title=f"Sessions of {name}")


@app.command("list")
def person_list(as_json: AsJson = False) -> None:
    """List everyone with their roles.

    Example: knowdo registry person list --json
    """
    from services.plumbing.database import reading
    from services.registry.people import persons

    with reading(own_database()) as connection:
        known = list(persons.everyone(connection).values())
    rows = [
        {
            "name": one.name,
            "kind": "service" if one.is_service else "person",
            "roles": sorted(one.roles),
            "active": one.is_active,
        }
        for one in known
    ]
    show(rows, as_json, title="People")


def _hand_over(added: Added, token_file: Path | None, as_json: bool) -> None:
    """Show the token once, or write it; inside the transaction, so that nobody is added whose token was lost."""
    from services.registry.people.tokens import write_token

    shown: dict[str, Any] = {"name": added.person.name, "roles": sorted(added.person.roles)}
    if token_file is not None:
        write_token(token_file, added.token)
        shown["token_file"] = str(token_file)
    else:
        shown["token"] = added.token
    if as_json:
        typer.echo(json.dumps(shown))
    else:
        typer.echo(f"{shown['name']}: {', '.join(shown['roles'])}")
        typer.echo(f"token in {token_file}" if token_file else f"token (shown this once): {added.token}")
