"""Memory stays flat under bad input: in a process of its own, so that nothing of the test is measured."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from tests.cds.bad_input.mutations import Documents, spoiled
from tests.cds.bad_input.process import Served, read_answer, serving
from tests.cds.bad_input.profiles import each_batch
from tests.cds.bad_input.seeds import tea_call

POST: Final = (
    b"POST /cds-services/tea-time HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
WARM: Final = 8_000
"""Calls after which every table, cache and pool has what it will have. The last to fill is the decision log's page cache
(`plumbing.database.CACHE_KIB`, 16 MB): it holds the pages of as many decisions. With 2 MB of it all is there after 4,000."""
GROWTH: Final = 2.0
"""Megabytes that may come after that, whatever comes."""
OF_LONG_TEXTS: Final = 16.0
"""The same for the third two thousand calls with long texts: what the allocator does with bodies of that size."""


class Line:
    """A connection that is opened anew when the server has closed it."""

    def __init__(self, server: Served) -> None:
        self.server = server
        self.connection: socket.socket | None = None
        self.statuses: set[int] = set()

    def send(self, body: bytes) -> None:
        """One call, and its answer."""
        if self.connection is None:
            self.connection = self.server.connect()
        try:
            self.connection.sendall(POST % len(body) + body)
            status, _ = read_answer(self.connection)
        except ConnectionError:
            self.connection = None
            return
        self.statuses.add(status)


def _long(number: int, documents: Any) -> bytes:
    """A call whose texts are long, and never the same again."""
    return documents.replace(b"g/dL", b"%d" % number + b"u" * 20_000).replace(b"718-7", b"%d" % number + b"c" * 20_000)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("cases", [20_000])
def test_memory_is_flat_after_many_spoiled_calls(tmp_path: Path, cases: int) -> None:
    """Twenty thousand of them, and twice two thousand with long texts that never come again: some megabytes at most."""
    with serving(tmp_path) as server:
        line = Line(server)
        documents = Documents([tea_call(server.prefetch)])
        marks = [(0, server.megabytes())]
        sent = 0

        def send(drawn: list[tuple[int, bytes]]) -> None:
            nonlocal sent
            for _, body in drawn:
                line.send(body)
                sent += 1
                if sent % 2_000 == 0:
                    marks.append((sent, server.megabytes()))

        each_batch(st.one_of(spoiled(documents)), cases, send)
        after = server.megabytes()
        warm = max(size for number, size in marks if number <= WARM)
        print(f"{sent} cases, {line.statuses}, MB: {marks}")  # noqa: T201
        assert line.statuses <= {200, 400, 412, 413, 415}
        assert after - warm < GROWTH, marks
        _long_texts(server, line, documents.written[0].encode(), lambda text: print(text))  # noqa: T201


def _long_texts(server: Served, line: Line, body: bytes, say: Callable[[str], None]) -> None:
    """The second two thousand cost no more than a little: what the first left behind is all there will be."""
    sizes = []
    for round_of in range(3):
        for number in range(2_000):
            line.send(_long(round_of * 2_000 + number, body))
        sizes.append(server.megabytes())
    say(f"long texts, MB: {sizes}")
    assert sizes[2] - sizes[1] < OF_LONG_TEXTS, sizes
