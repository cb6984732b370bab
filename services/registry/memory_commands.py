"""`knowdo registry memory|remember|cycle-times|ledger|export|verify`: what was decided and why, and that it is whole."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from services.registry.terminal import (
    DEFAULT_URL,
    AsJson,
    TokenFile,
    Url,
    asked,
    file_bytes,
    object_in,
    read_settings,
    show,
)
from services.timeline.errors import BadInput

if TYPE_CHECKING:
    from services.plumbing.keys import PublicKeys


def add_to(app: typer.Typer) -> None:
    """Add these commands to `knowdo registry`."""
    for command in (memory, remember, cycle_times, ledger, export, verify):
        app.command(command.__name__.replace("_", "-"))(command)


def memory(
    words: Annotated[list[str] | None, typer.Argument(help="What you are looking for, in your own words")] = None,
    guidance: Annotated[str, typer.Option(help="Only of this guidance")] = "",
    kind: Annotated[str, typer.Option(help="Only this kind: decision, dissent, stop, lesson, incident, …")] = "",
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Search decisions, dissent, evidence, stops and lessons.

    Example: knowdo registry memory why did we stop readmission --token-file me.token
    """
    question = " ".join(words or [])
    answer = asked(lambda client: client.memory(words=question, guidance=guidance, kind=kind), url, token_file)
    if as_json:
        show(answer, as_json)
        return
    if not answer["lines"]:
        typer.echo("Nothing in the memory holds these words.")
        return
    if not answer["all_words"]:
        typer.echo(f"No line holds all of: {', '.join(answer['words'])}. These hold some.")
    for line in answer["lines"]:
        typer.echo(
            f"{line['number']:>6}  {line['at'][:16]}Z  {line['guidance'] or '-'}  [{line['kind']}] {line['said']}"
        )


def remember(
    guidance: Annotated[str, typer.Argument(help="Id of the guidance")],
    text: Annotated[str, typer.Argument(help="What should be known later; nothing that tells who a patient is")],
    kind: Annotated[str, typer.Option(help="incident, lesson, outcome or correction")] = "lesson",
    owner: Annotated[str, typer.Option(help="Who looks after a lesson")] = "",
    review_on: Annotated[datetime | None, typer.Option(help="Day of the next look", formats=["%Y-%m-%d"])] = None,
    about: Annotated[int | None, typer.Option(help="Number of the entry that it is about")] = None,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Add to the memory. What is there is never changed: a correction is a new line that points back.

    Example: knowdo registry remember readmission-30d "Ask the ward before the pilot" --owner "A. Roy" --review-on 2027-01-15 --token-file me.token
    """
    body: dict[str, Any] = {"guidance": guidance, "kind": kind, "text": text, "owner": owner, "about": about}
    if review_on is not None:
        body["review_on"] = review_on.date().isoformat()
    answer = asked(lambda client: client.remember(body), url, token_file)
    if as_json:
        show(answer, as_json)
    else:
        typer.echo(f"kept as entry {answer['number']}")


def cycle_times(
    guidance: Annotated[str, typer.Argument(help="Id of the guidance; all, if left out")] = "",
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """How long it takes from data to a known effect, part by part.

    Example: knowdo registry cycle-times readmission-30d --token-file me.token
    """
    answer = asked(lambda client: client.cycle_times(guidance), url, token_file)
    if as_json:
        show(answer, as_json)
        return
    show(
        [
            {
                "part": span["said"],
                "releases": span["releases"],
                "median": _days(span["median_seconds"]),
                "longest": _days(span["longest_seconds"]),
            }
            for span in answer["spans"]
        ],
        as_json,
        title="From evidence to effect",
    )


def export(
    file: Annotated[Path, typer.Argument(help="Where to write it (NDJSON)")],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Write the whole ledger with its signed heads into a file that `verify --export` can prove anywhere.

    Example: knowdo registry export ledger.ndjson --token-file me.token
    """
    from services.registry.memory.export import read_export

    data = asked(lambda client: client.exported_ledger(), url, token_file)
    try:
        file.write_bytes(data)
    except OSError as fault:
        raise BadInput(
            f"cannot be written ({fault.strerror})", place=str(file), remedy="Name a file that this user may write"
        ) from fault
    found = read_export(data, place=str(file))
    typer.echo(f"{len(found.links):,} entries in {file}")
    if found.withheld:
        typer.echo(
            f"{found.withheld:,} of them withheld from you, with their hashes: votes on steps that are open. "
            "Vote first, or let an auditor write it."
        )


def ledger(
    after: Annotated[int, typer.Option(help="Only entries after this number")] = 0,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the memory: who did what, when, in which role.

    Example: knowdo registry ledger --after 40 --token-file me.token
    """
    answer = asked(lambda client: client.ledger(after=after), url, token_file)
    if as_json:
        show(answer, as_json)
        return
    rows = [
        {name: one[name] for name in ("number", "at", "actor", "role", "action", "subject")}
        for one in answer["entries"]
    ]
    show(rows, as_json, title="Ledger")


def verify(
    witness: Annotated[
        list[Path] | None, typer.Option(help="File with a signed manifest or daily head kept elsewhere")
    ] = None,
    export: Annotated[Path | None, typer.Option(help="An exported ledger, instead of the registry's database")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Public keys (JWK set) for --export; they must come from elsewhere than it")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Walk the whole ledger in the registry's own database; exit code 1 if anything was altered, moved or cut off.

    Example: knowdo registry verify --export ledger.ndjson --keys registry-keys.json --witness manifest.jws
    """
    from services.registry.memory.export import read_export
    from services.registry.memory.proof import prove, prove_export

    given = [(str(path), file_bytes(path).decode("ascii", "replace").strip()) for path in witness or []]
    if export is None:
        found = prove(read_settings(), given)
    elif keys is None:
        raise BadInput(
            "an export is proven with public keys",
            place="--keys",
            remedy="Give those that `knowdo registry keys` wrote",
        )
    else:
        trusted = cast("PublicKeys", object_in(keys))
        found = prove_export(read_export(file_bytes(export), place=str(export)), trusted, given)
    if as_json:
        show(
            {
                "whole": found.is_whole,
                "entries": found.entries,
                "head": {"number": found.head.number, "hash": found.head.hash},
                "witnesses": found.witnesses,
                "withheld": found.withheld,
                "faults": list(found.faults),
            },
            as_json,
        )
    else:
        for fault in found.faults:
            typer.echo(f"✕ {fault}", err=True)
        if found.is_whole:
            typer.echo(f"✓ {found.entries:,} entries are whole, against {found.witnesses} signed statements")
        if found.withheld:
            typer.echo(
                f"  {found.withheld:,} of them were withheld: verified by their hashes, their text was not there"
            )
    if not found.is_whole:
        raise typer.Exit(1)


def _days(seconds: float | None) -> str:
    """Days, or hours below two days; a dash for what has not happened."""
    if seconds is None:
        return "–"
    return f"{seconds / 3600:.1f} hours" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"
