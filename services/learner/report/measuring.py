"""In whom inputs are measured less: the lines that are shown, out of all that were reckoned, handed to what draws."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from services.figures.frame import absent
from services.figures.measured_less import Measured, measured_less
from services.guidance.estimate import Estimate
from services.guidance.words import figure_messages as words
from services.guidance.words.grammar import listed
from services.guidance.words.rounding import half_up
from services.learner.report.told import NOT_RECKONED, Told

_DRAWN: Final = 10


def measuring_figure(told: Told) -> Markup:
    """Every line that does not keep the limit, then those that come nearest to it."""
    found = told.looks.measured_less
    if found is None:
        return absent(f"{told.prefix}measured-less", "In whom inputs are measured less", NOT_RECKONED)
    order = {"does not meet": 0, "cannot tell": 1, "meets": 1}
    ranked = sorted(
        found.lines,
        key=lambda pair: (order[pair[1].verdict], pair[1].through is not None, -pair[1].beyond.ci[0]),
    )
    beyond = sum(one.verdict == "does not meet" for _, one in ranked)
    unknown = sum(one.verdict == "cannot tell" for _, one in ranked)
    shown = ranked[: max(_DRAWN, beyond)]
    needs = [told.guidance.features[name].label for name in found.needs]
    notes = [
        f"{len(shown)} of {found.comparisons:,} lines are shown, those beyond the limit first; all are in evidence.json.",
        f"Needs are what the record says: {listed(list(dict.fromkeys(needs)))}."
        if needs
        else "No need is read; only the site.",
        "A need that is recorded less often in a group hides what that group is not given.",
    ]
    few = [group.name for group in found.groups if not group.inputs]
    if few and found.comparisons:
        notes.append(f"Fewer than ten patients, of whom no number is told: {listed(few)}.")
    return measured_less(
        told.caption(
            "measured-less",
            words.measured_less(
                found=[(one.label, group.name) for group, one in found.found],
                unknown=unknown,
                comparisons=found.comparisons,
            ),
            "Rows without a value, beside how many there would be if they were treated as others with the same recorded needs "
            f"at the same site; a cross is shown to be over {half_up(100 * found.limit)} points beyond that, a ring cannot be told, a dot keeps it; "
            f"intervals hold together at 95% for {found.comparisons:,} comparisons",
            "One row for each group and input: how many rows have no value, and how many need explains.",
        ),
        [
            Measured(
                group=group.name,
                input=one.label,
                rows=group.rows,
                missing=_hundred(one.missing),
                by_needs=100 * one.by_needs,
                beyond=_hundred(one.beyond),
                verdict=one.verdict,
                remark="" if one.through is None else f"seen through {one.through}",
            )
            for group, one in shown
        ],
        notes=notes,
    )


def _hundred(share: Estimate) -> tuple[float, float, float]:
    return 100 * share.value, 100 * share.ci[0], 100 * share.ci[1]
