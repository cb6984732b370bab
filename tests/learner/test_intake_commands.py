"""The commands that feed the store and take a patient out: what a person types, and what comes back."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.learner.commands import app
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from tests.fhir_servers.bulk_server import bulk_server
from tests.learner.intake.people import people


def said(*words: object, code: int = 0) -> str:
    """What a command prints on standard output."""
    told = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert told.exit_code == code, told.output
    return told.stdout


def test_a_key_is_made_registered_and_used_and_a_patient_erased(tmp_path: Path) -> None:
    """From nothing to a store by the key's public half, as `docs/guides/it-team.md` tells it; then one patient leaves."""
    key, store = tmp_path / "client.jwk", tmp_path / "store"
    public = json.loads(said("client-key", key, "--json"))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with bulk_server(resources=people(results=20), keys=public) as server:
        words = ("fetch", server.base, "--client", "knowdo", "--key", key, "--store", store)
        report = json.loads(said(*words, "--json"))
        assert report["ingest"]["resources"] == {"Observation": 20, "Patient": 7}
        assert report["ingest"]["quality"]["by_year"]["Observation.code"] == {"2025": 20}
        assert "what changed since" in said(*words)
    would = json.loads(said("erase", "p1", "--store", store, "--json"))
    assert (would["erased"], would["events"]) == (False, 5)
    assert "say --yes" in said("erase", "p1", "--store", store)
    assert "5 events erased" in said("erase", "p1", "--store", store, "--yes")
    assert EventStore.open(store).patients == 6


def test_what_is_missing_ends_with_1_and_the_store_has_the_rest(tmp_path: Path) -> None:
    """So that a job that runs at night does not look well when it is not."""
    with bulk_server(resources=people(results=3), errors=[{"severity": "fatal", "code": "timeout"}]) as server:
        told = said("fetch", server.base, "--store", tmp_path / "store", "--no-quality", code=1)
    assert "the next run asks for all of it again" in " ".join(told.split())
    assert EventStore.open(tmp_path / "store").patients == 7


@pytest.mark.parametrize(
    "words",
    [
        ("--client", "knowdo"),
        ("--key", "k"),
        ("--group", "1", "--patients"),
        ("--search", "Patient"),
        ("--by", "search", "--search", "Patient?_lastUpdated=ge2020"),
        ("--since", "yesterday"),
        ("--origin", "ftp://files"),
    ],
)
def test_words_that_do_not_go_together_are_refused_before_anything_is_asked(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """No store is made, no connection opened."""
    with pytest.raises(BadInput):
        said("fetch", "https://ehr.example.org/fhir", "--store", tmp_path / "store", *words)
    assert not (tmp_path / "store").exists()
