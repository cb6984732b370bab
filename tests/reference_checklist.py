"""The page of the expert's checklist, written from the table in `services.guidance.transparency.checklist`."""

from __future__ import annotations

from services.guidance.transparency.checklist import ITEMS, PEOPLES, PROBAST, TRIPOD


def page(note: str) -> str:
    """The checklist as a page."""
    lines = [
        note,
        "# The expert's checklist",
        "",
        "Each item of TRIPOD+AI (2024, 27 items) and PROBAST+AI (2025, domains participants and data sources, predictors, outcome, analysis) that can be "
        "computed, with where the evidence of a training run answers it. The questions of PROBAST+AI are named by their subject, with the number of the "
        "same question in PROBAST (2019) where it has one. Fields are paths in the files of the evidence pack; sections are anchors of `report.html`. A "
        "test looks each field up in a real pack and each anchor in a real report. *Gate*: the registry's check that a release fails with it.",
    ]
    for tool in (TRIPOD, PROBAST):
        lines += [
            "",
            f"## {tool}",
            "",
            "| item | asks for | file: field | section of the report | gate |",
            "|---|---|---|---|---|",
        ]
        for one in (item for item in ITEMS if item.tool == tool):
            fields = ", ".join(f"{field.partition(': ')[0]}: `{field.partition(': ')[2]}`" for field in one.fields)
            lines.append(
                f"| {one.item} | {one.asks} | {fields} | `#{one.anchor}` | {f'`{one.gate}`' if one.gate else ''} |"
            )
    lines += ["", "## What only people can answer", "", "| item | where |", "|---|---|"]
    lines += [f"| {item} | {where} |" for item, where in PEOPLES]
    return "\n".join(lines) + "\n"
