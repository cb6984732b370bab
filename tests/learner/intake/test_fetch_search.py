"""Searches into the store, for servers without bulk export: page after page, and next time only what changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.guidance.errors import Unavailable
from services.learner.intake.fetch import Account, FetchReport, Question, fetch
from services.learner.intake.fetch_search import check_search, check_since, queries_of
from services.learner.intake.ingest import ingest
from services.plumbing import steady_http
from services.plumbing.bulk_export import Wanted
from services.plumbing.steady_http import Server
from services.timeline.errors import BadInput
from tests.fhir_servers.bulk_server import BulkServer, bulk_server
from tests.learner.intake.people import people, person, result

BOTH = Wanted(types=("Patient", "Observation"))


def searched(server: BulkServer, folder: Path, **told: Any) -> FetchReport:
    """One fetch by searches."""
    question = Question(server=Server.of(server.base), by_search=True, **told)
    return fetch(question, Account(), folder, quality=False)


def test_pages_give_the_store_that_the_files_give(tmp_path: Path) -> None:
    """Pages of three, pretty-printed; then only what is new, by the server's own clock."""
    with bulk_server(resources=people(results=40)) as server:
        report = searched(server, tmp_path / "store", wanted=BOTH)
        (tmp_path / "a.ndjson").write_text("".join(json.dumps(one) + "\n" for one in server.resources))
        assert report.ingest.digest == ingest(tmp_path / "a.ndjson", tmp_path / "files", quality=False).digest
        assert report.ingest.resources == {"Observation": 40, "Patient": 7}
        server.resources.append(result(77, of=1, at="2099-01-01T00:00:00Z"))
        again = searched(server, tmp_path / "store", wanted=BOTH)
        assert again.since == report.until
        assert again.ingest.resources == {"Observation": 1}


def test_a_search_that_broke_off_goes_on_at_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is not to be had ends the run; the next asks for that page, and for none before it."""
    monkeypatch.setattr(steady_http, "WAITS", ())
    with bulk_server(resources=people(results=40)) as server:
        whole = server.current

        def failing(since: str = "") -> Any:
            if server.asked("_offset=9"):
                raise RuntimeError
            return whole(since)

        server.current = failing  # type: ignore[method-assign]
        with pytest.raises(Unavailable, match="Observation: it answered 500"):
            searched(server, tmp_path / "store", wanted=BOTH)
        server.current = whole  # type: ignore[method-assign]
        server.log.clear()
        report = searched(server, tmp_path / "store", wanted=BOTH)
        assert report.resumed
        assert "_offset=9" in server.log[0]
        assert report.ingest.resources == {"Observation": 40, "Patient": 7}


def test_pages_elsewhere_are_not_followed(tmp_path: Path) -> None:
    """A next page on another origin ends the fetch, and the message names the origin."""
    with (
        bulk_server(resources=people(), elsewhere="https://else.example.org") as server,
        pytest.raises(BadInput, match=r"next page: https://else\.example\.org"),
    ):
        searched(server, tmp_path / "store", wanted=BOTH)


def test_what_is_included_backwards_is_asked_for_by_itself_in_an_increment(tmp_path: Path) -> None:
    """A new result of a patient who did not change is found; a new patient comes with all results."""
    search = "Patient?_revinclude=Observation:patient"
    with bulk_server(resources=people(results=14)) as server:
        first = searched(server, tmp_path / "store", searches=(search,))
        assert first.ingest.resources == {"Observation": 14, "Patient": 7}
        server.resources += [result(50, of=0, at="2099-01-01T00:00:00Z"), person(8, at="2099-01-01T00:00:00Z")]
        server.resources.append(result(51, of=8))
        again = searched(server, tmp_path / "store", searches=(search,))
        assert again.ingest.resources == {"Observation": 2, "Patient": 1}


def test_criteria_are_chained_to_what_is_included() -> None:
    """The words of FHIR's search for that."""
    asked = queries_of(["Patient?organization=x&_revinclude=Observation:patient"], since="2026-01-01T00:00:00Z")
    assert asked == [
        "Patient?organization=x&_revinclude=Observation:patient&_count=500&_lastUpdated=ge2026-01-01T00:00:00Z",
        "Observation?patient:Patient.organization=x&_count=500&_lastUpdated=ge2026-01-01T00:00:00Z",
    ]


@pytest.mark.parametrize("text", ["", "patient", "Patient/1", "Patient?a=b c", "Patient?_lastUpdated=ge2020", "../x"])
def test_what_is_no_search_is_refused(text: str) -> None:
    """So is one that says what the fetch itself must say."""
    with pytest.raises(BadInput):
        check_search(text)
    with pytest.raises(BadInput):
        check_since("yesterday")
