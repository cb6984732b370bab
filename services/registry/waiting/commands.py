"""`knowdo registry tasks`: what waits for whoever holds the token."""

from __future__ import annotations

import typer

from services.registry.terminal import DEFAULT_URL, AsJson, TokenFile, Url, asked, show


def tasks(url: Url = DEFAULT_URL, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """What waits for you, the most pressing first, and where it is done; the overview of the console says the same.

    Example: knowdo registry tasks --token-file me.token
    """
    found = asked(lambda client: client.tasks(), url, token_file)
    if as_json:
        show(found, as_json)
        return
    for one in found["tasks"]:
        typer.echo(f"{one['kind'].upper()}  {one['said']}\n  {one['link']}")
    if not found["tasks"]:
        typer.echo(f"Nothing needs you; looked for by {len(found['rules'])} rules at {found['as_of'][11:16]} UTC.")
