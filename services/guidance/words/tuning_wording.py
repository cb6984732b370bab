"""What was searched before a model was fitted, in sentences: the budget, what it left out, and that nothing tested was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.guidance.words.grammar import listed

Setting = Mapping[str, float | int | str]


def setting(otherwise: Setting) -> str:
    """`leaves 8, ridge 10`; `as declared` where nothing differs from the kind's first setting."""
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in otherwise.items()) or "as declared"


def budget(*, settings: int, seconds: float | None, parts: int) -> str:
    """What the guidance allowed, and on which rows it was spent."""
    clock = f" and {seconds:g} seconds a search" if seconds is not None else ""
    return (
        f"Up to {settings} settings of each kind were tried{clock}, as the guidance declares before the data: on {parts} parts of "
        "the training rows, whole patients, anew inside every training part; the rows of a test had no say."
    )


def left_out(kind: str, not_tried: Sequence[Setting], *, by_clock: bool) -> str:
    """What was not tried, and what cut it off."""
    named = listed([f"({setting(one)})" for one in not_tried])
    said = kind.replace("_", " ")
    if by_clock:
        return f"Of {said} the declared time cut off {named}: on another machine the search may end elsewhere, and with it the model."
    return f"Of {said} the declared number cut off {named}."


def in_folds(chosen: int, folds: int) -> str:
    """In how many training parts of the folds a setting was taken."""
    return f"{chosen} of {folds}"


def clock_in_folds(kind: str, cut: int, folds: int) -> str:
    """That the declared time ended searches inside the training parts of the folds."""
    return f"Of {kind.replace('_', ' ')} the declared time ended the search in {cut} of {folds} training parts of the test."


def _value(value: float | int | str) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
