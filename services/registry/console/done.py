"""What a form has done, said once on the page that it leads to: by a code in the address, never by words from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import RedirectResponse

from services.registry.people.visitor import root_of

Code = Literal[
    "deployed", "stopped-release", "stopped-site", "stood-still", "reason", "asked", "replied", "closed-question",
    "closed-condition",
]  # fmt: skip
SAID: Final[Mapping[Code, str]] = {
    "deployed": "Deployed as you decided. It counts as soon as the workers have heard it; which have, stands below.",
    "stopped-release": "This release is stopped. What was named for this speaks in its stead, else nothing of it.",
    "stopped-site": "It is stopped at that site. Operations bring it back there by deploying it anew.",
    "stood-still": "Nothing of it was running there, so there was nothing to stop.",
    "reason": "The reason is kept.",
    "asked": "Your question is kept. It waits for those who made the release.",
    "replied": "Your reply is kept. It waits for who asked, or who may close the question.",
    "closed-question": "The question is closed.",
    "closed-condition": "The condition is closed.",
}


def leads_to(request: Request, path: str, code: Code, *, part: str = "") -> RedirectResponse:
    """The page that says so; `part`: where on it."""
    return RedirectResponse(f"{root_of(request)}{path}?done={code}{f'#{part}' if part else ''}", 303)


def said_on(request: Request) -> str:
    """The sentence that a page says of its address; empty for none and for a code that nobody has."""
    return next((said for code, said in SAID.items() if code == request.query_params.get("done")), "")
