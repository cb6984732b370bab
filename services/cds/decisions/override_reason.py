"""The code of the reason for which a card was declined, in whichever shape a client sends it; empty if there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.guidance.words.override_reasons import OVERRIDE_REASONS


def code_of(given: object) -> str:
    """`overrideReason.reason.code` as CDS Hooks has it; a bare coding or a bare code is understood too."""
    if not isinstance(given, Mapping):
        return ""
    reason = given.get("reason", given)
    code: Any = reason.get("code") if isinstance(reason, Mapping) else reason
    return code if isinstance(code, str) else ""


def bounded_code(given: object) -> str:
    """The same as a count may name it: a code of CDS Hooks, `other`, or `none` where no reason was given."""
    code = code_of(given)
    return code if code in OVERRIDE_REASONS else "other" if code else "none"


def decoded(text: str | None) -> object:
    """The reason from the JSON text that the log keeps; None if there is none that can be read."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
