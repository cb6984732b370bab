"""The report on data, as it is read."""

from __future__ import annotations

import io

from rich.console import Console

from services.learner.intake.quality import Doubted, Quality, Unconverted, Unmapped
from services.learner.quality_screen import show_quality


def test_what_somebody_must_ask_about_comes_first() -> None:
    """A doubted unit, in a sentence; then tables, and one line on the whole."""
    quality = Quality(
        by_year={"Observation.code": {f"{year}": 10 for year in range(2015, 2025)}},
        with_known_time=0.931,
        unmapped=[Unmapped(field="Observation.code", code="https://hospital.example/codes|X", events=12)],
        unmapped_events=15,
        text_only=3,
        unconverted=[Unconverted(code="http://loinc.org|2160-0", unit="mg/furlong", compared_in="mg/dL", events=11)],
        without_unit=4,
        mislabelled=[
            Doubted(
                code="http://loinc.org|2160-0",
                unit="mg/dL",
                site="Organization/north",
                events=2000,
                median=85.0,
                looks_like=["umol/L"],
                against="plausible range",
            )
        ],
    )
    written = io.StringIO()
    show_quality(quality, Console(file=written, width=160))
    lines = written.getvalue().splitlines()
    assert lines[0] == (
        "Ask the laboratory: 2,000 values of http://loinc.org|2160-0 of Organization/north say mg/dL (median 85) and look like "
        "umol/L, against the plausible range"
    )
    text = "\n".join(lines)
    for said in ("mg/furlong", "https://hospital.example/codes|X", "40 from 2015, 2019: 10", "93.1% of events say"):
        assert said in text
