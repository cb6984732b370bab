"""The made-up requests of the Try page: labelled, complete, and answered as their titles lead one to expect."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from services.cds.schemas import read_hook_request
from services.cds.settings import CdsSettings
from services.guidance.check import load_guidance
from services.guidance.made_up import refuse_untagged
from services.guidance.prefetch import derive_queries
from services.plumbing.try_tokens import write_pass
from services.registry.console.made_up_requests import made_up_requests
from tests.cds.conftest import URL, run
from tests.cds.fake_registry import FakeRegistry
from tests.demo.as_of_comparison import release_of

pytestmark = pytest.mark.anyio
LIBRARY: Final = Path(__file__).resolve().parents[3] / "services/guidance/library"
EXPECTED: Final = {"discharge": "shown", "order": "shown", "visit": "shown", "visit-tested": "outside"}


@pytest.mark.parametrize("name", sorted(made_up_requests()))
def test_each_made_up_request_is_labelled_is_one_and_answers_all_that_its_guidance_asks(name: str) -> None:
    """Its days have passed, too."""
    one = made_up_requests()[name]
    text = one.at(datetime.now(UTC))
    assert "@-" not in text
    request = json.loads(text)
    refuse_untagged(request)
    read_hook_request(text.encode())
    loaded = load_guidance(LIBRARY / one.guidance)
    assert set(request["prefetch"]) == set(derive_queries(loaded.definition, loaded.value_sets, hook=request["hook"]))


async def test_each_made_up_request_gets_the_answer_that_it_was_made_for(tmp_path: Path) -> None:
    """Three cards, and one patient for whom nothing is due."""
    registry, found = FakeRegistry(), {}
    for guidance in {one.guidance for one in made_up_requests().values()}:
        registry.deploy(release_of(load_guidance(LIBRARY / guidance)))
    settings = CdsSettings(var=tmp_path, demo=True, public_url=URL)
    async with run(settings, registry, client=registry.client(), clock=lambda: time.time_ns() // 1000) as cds:
        for one in made_up_requests().values():
            shown = write_pass(registry.key, audience=URL, now=time.time())
            answer = await cds.http.post(
                f"/try/{one.guidance}",
                json={"request": json.loads(one.at(datetime.now(UTC)))},
                headers={"Authorization": f"Bearer {shown}"},
            )
            found[one.name] = answer.json()["status"]
    assert found == EXPECTED
