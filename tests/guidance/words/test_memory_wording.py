"""What the memory says of what people ask and answer."""

from __future__ import annotations

from typing import Any

import pytest

from services.guidance.words.memory_wording import told


def entry(action: str, **detail: Any) -> dict[str, Any]:
    """An entry by a person with two roles."""
    return {
        "action": action,
        "actor": "Jon",
        "role": "clinical-reviewer,model-developer",
        "subject": "",
        "detail": detail,
    }


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (entry("asked", question=3, text="Who reads it?", blocking=False), "asked: Who reads it?"),
        (entry("asked", question=3, text="Who reads it?", blocking=True), "asked what holds the step: Who reads it?"),
        (entry("replied", question=3, text="The ward."), "replied to question 3: The ward."),
        (entry("question closed", question=3, how="settled"), "closed question 3: settled."),
    ],
)
def test_questions_and_replies_are_told_in_their_words(kept: dict[str, Any], said: str) -> None:
    """With every role of who speaks, and one full stop at most; on a page that anyone may read without their text."""
    assert told(kept) == f"Jon (clinical-reviewer, model-developer) {said}"
    openly = told(kept, openly=False)
    assert not {"Who", "ward", "settled"} & set(openly.replace(".", " ").split())
