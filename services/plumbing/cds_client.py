"""The door to the CDS for the registry: guidance tried out on made-up data, each question with a pass of its own.

The answer is carried, not read; nothing of question or answer is kept or logged.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from services.guidance.errors import NotFound, Unavailable
from services.plumbing.keys import SigningKey
from services.plumbing.try_tokens import write_pass
from services.timeline.errors import BadInput, KnowdoError

SECONDS: Final = 10.0
_ERRORS: Final[Mapping[int, type[KnowdoError]]] = {400: BadInput, 404: NotFound, 413: BadInput, 415: BadInput}
_JSON: Final = msgspec.json.Decoder(dict[str, Any])


class CdsClient:
    """What the registry asks of a CDS worker. `http` has its base URL; `audience` is its public URL."""

    def __init__(self, http: httpx.AsyncClient, *, key: SigningKey, audience: str) -> None:
        self._http = http
        self._key = key
        self._audience = audience

    async def try_out(self, guidance: str, hook_request: Mapping[str, Any], *, release: str = "") -> dict[str, Any]:
        """What this guidance would answer, and why; a KnowdoError in the CDS's words if it does not say."""
        shown = write_pass(self._key, audience=self._audience, now=time.time())
        try:
            answer = await self._http.post(
                f"/try/{quote(guidance, safe='')}",
                content=msgspec.json.encode({"request": hook_request, "release": release}),
                headers={"Authorization": f"Bearer {shown}", "Content-Type": "application/json"},
                timeout=SECONDS,
            )
            said = _JSON.decode(answer.content)
        except (httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise Unavailable(
                f"the CDS does not answer ({type(fault).__name__})",
                place="CDS",
                remedy="Check KNOWDO_REGISTRY_CDS_URL and that the CDS runs",
            ) from fault
        if answer.status_code == 200:
            return said
        if answer.status_code == 401:
            raise Unavailable(
                "the CDS does not take this registry's pass",
                place="CDS",
                remedy="Let KNOWDO_REGISTRY_CDS_AUDIENCE be its public URL, and check the keys it pinned and both clocks",
            )
        raise _ERRORS.get(answer.status_code, Unavailable)(_words(said), place="CDS")


def _words(outcome: Mapping[str, Any]) -> str:
    """The first sentence of an OperationOutcome."""
    issues = outcome.get("issue")
    first = issues[0] if isinstance(issues, list) and issues else {}
    said = first.get("diagnostics") if isinstance(first, dict) else None
    return said if isinstance(said, str) and said else "it cannot be computed"
