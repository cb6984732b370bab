"""The evidence report of a release, as the learner packed it: opened as it is, byte for byte, and allowed nothing.

A pack comes from outside. Its page may use the one style sheet that stands in it, named by digest; no script runs, no
form is sent and nothing is fetched, whatever the page says.
"""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotFound
from services.registry.console.reader import Reader
from services.registry.console.shell import HEADERS, page_router
from services.registry.decisions import proposals
from services.registry.desk import DeskDep

router = page_router()
REPORT_FILES: Final = ("report.html", "evidence.html")
_STYLE: Final = re.compile(rb"<style[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)


@router.get("/console/releases/{digest}/report")
async def report(digest: str, request: Request, desk: DeskDep, _visitor: Reader) -> Response:
    """The page in the latest training pack; 404 if there is none."""
    page = await desk.read(lambda connection: report_of(connection, digest))
    if page is None:
        raise NotFound(
            "no evidence report of this release", place=digest[:80], remedy="The learner adds one with its evidence"
        )
    headers = {**HEADERS, "Content-Security-Policy": _policy(page)}
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)


def report_of(connection: Connection, release: str) -> bytes | None:
    """The page that stands in the latest training pack of a release; None if none does."""
    pack = proposals.latest_packs(connection, release).get("training")
    if pack is None:
        return None
    return next((pack.files[name] for name in REPORT_FILES if name in pack.files), None)


def has_report(connection: Connection, release: str) -> bool:
    """Whether there is a page to open."""
    return report_of(connection, release) is not None


def _policy(page: bytes) -> str:
    """A policy for this page only: its own first style sheet, and nothing else; `sandbox` takes its origin away too."""
    found = _STYLE.search(page)
    digest = base64.b64encode(sha256(found[1]).digest()).decode() if found else ""
    style = f"'sha256-{digest}'" if found else "'none'"
    return (
        f"sandbox allow-top-navigation-by-user-activation; default-src 'none'; style-src {style}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
