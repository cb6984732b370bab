"""`knowdo registry audit`: who asked the registry for what, for auditors."""

from __future__ import annotations

from typing import Annotated

import typer

from services.registry.terminal import DEFAULT_URL, AsJson, TokenFile, Url, asked, show


def audit(
    who: Annotated[str, typer.Option(help="Only this person or service")] = "",
    since: Annotated[str, typer.Option(help="Only from this moment on, e.g. 2026-11-01T00:00:00Z")] = "",
    after: Annotated[int, typer.Option(help="Only after this number; at most 10,000 are shown at once")] = 0,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show who asked for what, when, and how it was answered; needs the role auditor or privacy-security.

    Example: knowdo registry audit --who "A. Roy" --since 2026-11-01T00:00:00Z --token-file me.token
    """
    rows = asked(lambda client: client.audit(after=after, who=who, since=since), url, token_file)
    if not as_json:
        rows = [{name: row[name] for name in ("number", "at", "who", "method", "path", "status")} for row in rows]
    show(rows, as_json, title="Accesses")
