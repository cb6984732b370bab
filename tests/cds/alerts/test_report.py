"""The alert report counts what the log holds, on either database, and names nobody."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cds.alerts.counted import DueCards, count, guidance_in
from services.cds.alerts.report import report
from services.cds.decisions.decision import Decision
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.identity import MICROSECONDS_PER_DAY as DAY
from services.cds.decisions.records import Entry
from services.cds.settings import CdsSettings
from services.plumbing.database import open_database, reading
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.records import NOON, decision, feedback
from tests.cds.serving import environment, knowdo
from tests.postgres import fresh_database


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'log.sqlite'}"
    else:
        yield from fresh_database()


def fill(log: DecisionLog) -> None:
    """Three cards for one clinician on one day, one for another on the next; answers; and what was not shown."""
    cards = [decision(risk=0.5), decision(risk=0.5), decision(risk=0.3)]
    cards.append(decision(risk=None, band="emergency", user="Practitioner/u2", at=NOON + DAY))
    others: list[Decision] = [
        *(decision(status="below-band", risk=0.1, band="usual") for _ in range(10)),
        decision(status="masked", risk=0.4),
        *(decision(status="suppressed", suppressed_because=why) for why in ("cool-down", "snoozed", "rule")),
        decision(status="outside"),
        decision(status="failed"),
        decision(guidance="coffee"),
    ]
    log.write([Entry(decision=one) for one in (*cards, *others)])
    reason = {"reason": {"code": "limited-time", "system": "s"}, "userComment": "p1 again"}
    log.write(
        [
            feedback(card_uuid=cards[0].card_uuid),
            feedback(card_uuid=cards[0].card_uuid, accepted_suggestions=["s2"]),
            feedback(card_uuid=cards[1].card_uuid, outcome="overridden", override_reason=reason),
            feedback(card_uuid=cards[2].card_uuid, outcome="overridden", override_reason={"reason": {"code": "odd"}}),
            feedback(card_uuid=cards[3].card_uuid, outcome="overridden"),
        ]
    )


def test_counts_and_shares(url: str) -> None:
    """Cards in calls that it is for, by status and reason; each card once in what was answered."""
    engine = open_database(url)
    log = DecisionLog(engine)
    log.create()
    fill(log)
    with reading(engine) as connection:
        assert guidance_in(connection, since=NOON, until=NOON + 2 * DAY) == ["coffee", "tea-time"]
        counted = count(connection, "tea-time", since=NOON, until=NOON + 2 * DAY)
        assert guidance_in(connection, since=NOON + 1, until=NOON + 2 * DAY) == ["tea-time"]
    engine.dispose()
    assert set(counted.due) == {
        DueCards(band="high", risk=0.5, cards=2, accepted=1),
        DueCards(band="high", risk=0.4, cards=1, accepted=0),
        DueCards(band="high", risk=0.3, cards=1, accepted=0),
        DueCards(band="emergency", risk=None, cards=1, accepted=0),
    }
    found = report(counted, None, site="north")
    assert (found.calls, found.shown, found.share) == (18, 4, 4 / 18)
    assert found.suppressed == {"cool-down": 1, "snoozed": 1, "rule": 1}
    assert (found.accepted, found.overridden, found.override_rate) == (1, 3, 0.75)
    assert found.override_reasons == {"limited-time": 1, "other": 1, "none": 1}
    assert found.cards_per_clinician_day == {"median": 1, "90th percentile": 3, "highest": 3}
    assert found.proposal == "no policy is known"
    written = json.dumps(found.as_json())
    assert "Practitioner" not in written
    assert "p1" not in written


@pytest.mark.anyio
async def test_the_command_proposes_to_the_committee(settings: CdsSettings, registry: FakeRegistry) -> None:
    """It holds the log against the approved policy, and prints the overlay; with --json a script can take it."""
    async with run(settings, registry, client=registry.client()) as cds:
        cds.log.write([Entry(decision=decision(risk=n / 100, patient=f"p{n}")) for n in range(30, 60)])
        cds.log.write([Entry(decision=decision(status="below-band", band="usual", risk=0.1)) for _ in range(70)])
    said = _typed(settings.var, "--since", "2026-01-01T00:00:00Z").stdout
    assert "30 in 100 calls that it is for: 30.0% (budget 20.0%)" in said
    assert "risk >= 0.4, 20 cards; it would have missed 10 (risk up to 0.39), of which 0 were accepted" in said
    (found,) = json.loads(_typed(settings.var, "--since", "2026-01-01T00:00:00Z", "--json").stdout)
    assert found["overlay"]["*"]["bands"][0] == {
        "name": "high", "when": "(risk >= 2 * base_rate) and risk >= 0.4", "card": "tea",
    }  # fmt: skip


def test_a_log_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A wrong folder must not read as `no cards at all`: one line says what to set."""
    refused = _typed(tmp_path)
    assert refused.returncode != 0
    assert "there is no decision log" in refused.stderr
    assert "KNOWDO_VAR" in refused.stderr
    assert list(tmp_path.rglob("*.sqlite")) == []


def _typed(var: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        knowdo("cds", "alerts", *words), env=environment(var), capture_output=True, text=True, check=False
    )
