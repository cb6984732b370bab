"""A FHIR server that answers anything: the budget is kept, nothing is made up, and what it said is told to nobody."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from tests.cds.bad_input.judge import Tally, judge_card, judge_error, loosely
from tests.cds.bad_input.mutations import Documents, spoiled, written
from tests.cds.bad_input.profiles import cases_of, each_batch
from tests.cds.bad_input.seeds import MARK, TEA, tea_call
from tests.cds.bad_input.service import Ask, Hammered, hammered
from tests.cds.tea import bundle, haemoglobin, patient
from tests.plumbing.raw_server import Asked, RawServer, answer, raw_server

BUDGET: Final = 0.4
STATUSES: Final = (
    "200 OK",
    "200 OK",
    "200 OK",
    "200 OK",
    "204 No Content",
    "301 Moved",
    "401 No",
    "404 No",
    "429 Wait",
    "500 Fault",
    "99 X",
    "",
)
HEADS: Final[tuple[dict[str, str], ...]] = (
    {}, {}, {}, {}, {"Content_Type": "application/json"}, {"Content_Type": "text/html"}, {"Content_Type": ""},
    {"Content_Encoding": "gzip"}, {"Content_Encoding": "br"}, {"Content_Length": "5"}, {"Content_Length": "-1"},
    {"Content_Length": "999999999"}, {"Content_Length": "9" * 5000}, {"Transfer_Encoding": "chunked"}, {"Location": "http://127.0.0.1:1/"},
    {"Connection": "close"}, {"X": MARK * 9},
)  # fmt: skip


@dataclass
class Lying:
    """The server's answers, by the type that is asked for; what is not said here is an empty searchset."""

    by_type: dict[str, bytes] = field(default_factory=dict)
    closes: str = ""
    """The type after whose answer the connection is no good any more."""

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """Answer, and close where the answer cannot be followed by another."""
        kind = asked.target.split("?")[0].split("/")[1]
        writer.write(self.by_type.get(kind) or answer(bundle()))
        if kind == self.closes:
            await writer.drain()
            writer.close()


@pytest.fixture(scope="module")
def lying() -> Lying:
    """What the server says next."""
    return Lying()


@pytest.fixture(scope="module")
def pair(lying: Lying, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hammered, RawServer]]:
    """A service and the server that it may ask, in one loop."""
    folder = tmp_path_factory.mktemp("cds")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        server = runner.run(stack.enter_async_context(raw_server(lying)))
        with hammered(folder, runner=runner, fhir_servers=[server.url], fetch_milliseconds=int(BUDGET * 1000)) as cds:
            yield cds, server
        runner.run(stack.aclose())


def call(cds: Hammered, server: RawServer) -> dict[str, Any]:
    """A call that leaves everything to be fetched."""
    access = {"access_token": f"token{MARK}", "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "y"}
    return tea_call(cds.keys(TEA)) | {"prefetch": {}, "fhirServer": server.url, "fhirAuthorization": access}


OF: Final = f"{MARK}-p1"
PERSON: Final = patient(OF, name=[{"family": MARK}])
RESULTS: Final = bundle(haemoglobin(8.5, of=OF), link=[{"relation": "self", "url": "Observation?page=1"}])


def test_an_honest_server_gives_the_card(pair: tuple[Hammered, RawServer], lying: Lying) -> None:
    """What is spoiled below is a way that works."""
    cds, server = pair
    lying.by_type = {"Patient": answer(PERSON), "Observation": answer(RESULTS)}
    (said,) = cds.ask([Ask(path=f"/cds-services/{TEA}", body=written(call(cds, server)))])
    assert said.status == 200
    assert "haemoglobin 8.5" in said.json()["cards"][0]["detail"]


@cases_of(200, 4000)
def test_whatever_a_fhir_server_says_the_answer_is_right_or_says_what_is_missing(
    pair: tuple[Hammered, RawServer], lying: Lying, cases: int
) -> None:
    """200 with what was really said, or 412; in time, once in the log, and without a word of it or of the token."""
    cds, server = pair
    tally = Tally()
    ask = Ask(path=f"/cds-services/{TEA}", body=written(call(cds, server)))
    one = st.tuples(
        spoiled(Documents([PERSON, PERSON, RESULTS])), st.sampled_from(STATUSES), st.sampled_from(HEADS), st.booleans()
    )

    def each(drawn: list[tuple[tuple[int, bytes], str, dict[str, str], bool]]) -> None:
        for (number, body), status, head, keep in drawn:
            spoiled_one = answer(body, status, **head) if keep else answer(body)
            lying.by_type = {"Patient": answer(PERSON), "Observation": answer(RESULTS)}
            lying.closes = "Observation" if number == 2 else "Patient"
            lying.by_type[lying.closes] = spoiled_one
            cds.said()
            before, began = cds.decisions(), time.monotonic()
            (said,) = cds.ask([ask])
            assert time.monotonic() - began < BUDGET + 5, "the budget is not kept"
            tally.statuses[said.status] += 1
            assert said.status in {200, 412}, (said, cds.said(), status, head, body[:300])
            assert cds.decisions() - before == 1
            if said.status == 200:
                there = [PERSON] if number == 2 else [RESULTS]
                everything = Ask(path=ask.path, body=_with(there, body))
                for card in said.json()["cards"]:
                    judge_card(cds, everything, card)
                    tally.cards += 1
            else:
                judge_error(said, ask)
            logged = cds.said()
            assert MARK not in logged
            assert "'fault'" not in logged

    each_batch(one, cases, each)
    print(tally)  # noqa: T201
    assert tally.cases >= cases
    assert tally.cards > cases // 10


def _with(there: list[Any], body: bytes) -> bytes:
    """All that the server said, as one JSON for the judge; what is no JSON said nothing."""
    try:
        said = loosely(body)
    except (ValueError, RecursionError):
        said = None
    return json.dumps([*there, said]).encode("utf-8", "surrogatepass")
