"""In whom a device reads otherwise: the lines that are shown, out of all that were reckoned, handed to what draws."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from services.figures.read_otherwise import Reading, read_otherwise
from services.guidance.words import figure_messages as words
from services.guidance.words.grammar import listed
from services.learner.report.told import Told

_DRAWN: Final = 10
_NO_REFERENCE: Final = (
    "Whether the device is at fault or the body is otherwise, only a reference measurement in these very people tells; what a "
    "group's own illness does to these findings alike is seen in none of them."
)


def reading_figure(told: Told) -> Markup:
    """Every line beyond its limit, then those that come nearest to it; nothing where no reading is declared."""
    found = told.looks.read_otherwise
    if found is None:
        return Markup()
    order = {"does not meet": 0, "cannot tell": 1, "meets": 1}
    ranked = sorted(
        found.lines,
        key=lambda pair: (
            order[pair[1].verdict],
            pair[1].through is not None,
            -max(pair[1].apart.ci[0], -pair[1].apart.ci[1]) / pair[0].limit,
        ),
    )
    beyond = sum(line.verdict == "does not meet" for _, line in ranked)
    shown = ranked[: max(_DRAWN, beyond)]
    features = told.guidance.features
    notes = [
        f"{len(shown)} of {found.comparisons:,} lines are shown, those beyond the limit first; all are in evidence.json.",
        *(
            f"{one.label[:1].upper()}{one.label[1:]} is held against {listed([features[name].label for name in one.beside])}, "
            f"at the same site; the limit is {one.limit:g} {one.unit} either way."
            for one in found.inputs
        ),
        _NO_REFERENCE,
    ]
    few = sorted({name for one in found.inputs for name in one.too_few})
    if few and found.comparisons:
        notes.append(f"Fewer than ten patients, of whom no number is told: {listed(few)}.")
    return read_otherwise(
        told.caption(
            "read-otherwise",
            words.read_otherwise(
                found=[
                    (one.label, one.unit, line.apart.value, line.name) for one in found.inputs for line in one.found
                ],
                unknown=sum(line.verdict == "cannot tell" for _, line in ranked),
                comparisons=found.comparisons,
            ),
            "Mean reading less what the other findings of the same rows explain, as parts of the limit; a cross is shown to be "
            "beyond it, a ring cannot be told, a dot keeps it; intervals hold together at 95% for "
            f"{found.comparisons:,} comparisons",
            "One row for each group and input: how far its readings are from what other findings explain.",
        ),
        [
            Reading(
                group=line.name,
                input=one.label,
                unit=one.unit,
                rows=line.rows,
                mean=line.mean.value,
                explained=line.explained,
                apart=(line.apart.value, *line.apart.ci),
                limit=one.limit,
                verdict=line.verdict,
                remark="" if line.through is None else f"seen through {line.through}",
            )
            for one, line in shown
        ],
        notes=notes,
    )
