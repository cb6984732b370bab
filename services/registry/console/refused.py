"""A form that was refused: why, in a sentence, and what the person typed, which no refusal may lose.

A page whose form still stands shows the text in its field again, the fault beside it. Where the form is gone (somebody
else was faster, a role was taken away, a session has ended), the text is shown to be copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request

from services.plumbing.error_answers import status_of
from services.registry.people.visitor import TYPED, check_origin, read_form
from services.timeline.errors import KnowdoError

Faults = Sequence[tuple[str, str]]
"""(id of the field, sentence)."""
_LABELS: Final[Mapping[str, str]] = {
    "reason": "Reason",
    "words": "In your own words",
    "text": "Your words",
    "how": "How it was met",
    "conditions": "Conditions",
    "conflict": "Conflict of interest",
    "plan-": "How it will be found out",
    "request": "Hook request",
}
"""Fields, or how their names begin, that hold a person's own words. Nothing else is shown again outside its form."""


def said_of(fault: KnowdoError) -> str:
    """What is wrong and what to do, in one or two sentences."""
    message = f"{fault.message[:1].upper()}{fault.message[1:]}."
    return f"{message} {fault.remedy}." if fault.remedy else message


def status_within(fault: KnowdoError) -> int:
    """The status with which a form is shown again; a fault of ours is raised on."""
    status, _ = status_of(fault)
    if status >= 500:
        raise fault
    return status


def written_in(fields: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """A person's own words in a form, each with what it was."""
    return [
        (label, text)
        for name, texts in fields.items()
        for begins, label in _LABELS.items()
        if name == begins or (begins.endswith("-") and name.startswith(begins))
        for text in texts
        if text.strip()
    ]


async def typed_in(request: Request) -> list[tuple[str, str]]:
    """The words in a form that was sent and refused; none where another site sent it, or it cannot be read."""
    if request.method != "POST":
        return []
    try:
        check_origin(request)
        fields = request.scope.get(TYPED)
        return written_in(await read_form(request) if fields is None else fields)
    except KnowdoError:
        return []  # the refusal that is being told says what is wrong with it
