"""Paths, methods, headers and sizes that no client should send: each is answered as it must be, in process."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import strategies as st

from services.plumbing.web import MAX_BODY
from tests.cds.bad_input.judge import Tally, ask_and_judge
from tests.cds.bad_input.mutations import written
from tests.cds.bad_input.profiles import cases_of, each_batch
from tests.cds.bad_input.seeds import MARK, TEA, tea_call
from tests.cds.bad_input.service import Ask, Hammered

CALLS: Final = f"/cds-services/{TEA}"
METHODS: Final = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    MARK,
    "",
)
PARTS: Final = (
    "cds-services", TEA, "feedback", "fhir", "GuidanceResponse", "RiskAssessment", "$export", "$export-status", "$export-file",
    "metadata", "decisions", "export", "openapi.json", "healthz", "", ".", "..", "%2e%2e", "\u0000", "ü", "\ud800", MARK, "x" * 5000,
    "{service_id}", "*", "\\", ";a=b", "a b", "\n", "😀", "%00", "?", "#", "://", "tea-time\u0000",
)  # fmt: skip
HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-type", b"application/json"), (b"content-type", b"application/json; charset=\xff"), (b"content-type", b"text/plain"),
    (b"content-type", b"application/json;charset=utf-16"), (b"content-type", b"application/fhir+json;fhirVersion=4.0"),
    (b"content-type", b""), (b"content-type", b"multipart/form-data; boundary="), (b"content-type", b"/"), (b"content-type", b"\x00"),
    (b"content-length", b"-1"), (b"content-length", b"99999999999999999999999"), (b"content-length", b"0"), (b"content-length", b"x"),
    (b"content-length", "²".encode("latin-1")), (b"content-length", b"9" * 5000), (b"content-length", b"10000001"),
    (b"content-encoding", b"gzip"), (b"content-encoding", b"identity"), (b"content-encoding", b"\xff"),
    (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"gzip, chunked"), (b"authorization", b"Bearer " + MARK.encode()),
    (b"authorization", b"\xff"), (b"authorization", b""), (b"authorization", b"Bearer audit"), (b"authorization", b"Basic " + b"x" * 9000), (b"accept", b"text/html"),
    (b"x-request-id", MARK.encode() * 9), (b"x-request-id", b"\r\nset-cookie: a"), (b"if-none-match", b'W/"' + b"x" * 9000),
    (b"if-none-match", b"\xff"), (b"origin", b"null"), (b"origin", b"\xff"), (b"host", b"\xff"), (b"host", b""),
    (b"access-control-request-method", b"POST"), (b"access-control-request-headers", b"\xff"), (b"expect", b"100-continue"),
    (b"traceparent", b"00-" + b"f" * 32 + b"-" + b"f" * 16 + b"-01"), (b"traceparent", b"\xff"), (b"x-forwarded-for", b"\xff"),
    (b"range", b"bytes=0-"), (b"cookie", b"\xff"), (b"", b""),
)  # fmt: skip
QUERIES: Final = (
    b"", b"a=b", b"%ff", b"\xff", b"_count=-1", b"_count=" + b"9" * 5000, b"date=ge2026-02-30", b"patient=%00", b"_cursor=AAAA",
    b"_since=x", b"_since=0001-01-01T00:00:00Z", b"since=9999-12-31", b"_type=%F0%9F%98%80", b"&&&===", b"a" * 9000, b"patient=1&patient=2",
    b"_outputFormat=", b"guidance=" + MARK.encode(),
)  # fmt: skip
MEANT: Final = frozenset({200, 202, 204, 304, 400, 401, 403, 404, 405, 412, 413, 415})


@cases_of(300, 6000)
def test_whatever_is_asked_for_is_answered_as_it_was_meant(cds: Hammered, cases: int) -> None:
    """No path, method, header or query of a stranger gives a 500, an answer of another form, or a line with its words."""
    call, tally = written(tea_call(cds.keys(TEA))), Tally()
    paths = st.one_of(
        st.just(CALLS),
        st.just(f"{CALLS}/feedback"),
        st.lists(st.sampled_from(PARTS), max_size=5).map(lambda parts: "/" + "/".join(parts)),
    )
    asked = st.tuples(
        st.one_of(st.just("POST"), st.sampled_from(METHODS)), paths, st.lists(st.sampled_from(HEADERS), max_size=5),
        st.sampled_from(QUERIES), st.sampled_from([call, b"", b"{}", b'{"feedback":[]}', b"\xff" * 100]),
    )  # fmt: skip

    def ask(drawn: list[Any]) -> None:
        cds.said()
        asks = [Ask(method=m, path=p, headers=h, query=q, body=b) for m, p, h, q, b in drawn]
        for one, answer in zip(asks, cds.ask(asks), strict=True):
            tally.statuses[answer.status] += 1
            assert answer.status in MEANT, (one, answer, cds.said())
            if answer.status >= 400 and one.method != "HEAD":
                assert answer.json()["resourceType"] == "OperationOutcome", (one, answer)
                assert MARK.encode() not in answer.body, (one, answer)
            assert MARK not in answer.headers.get("x-request-id", "")
        said = cds.said()
        assert MARK not in said
        assert "'fault'" not in said

    each_batch(asked, cases, ask)
    print(tally)  # noqa: T201
    assert tally.cases >= cases
    assert {200, 400, 404, 405, 415} <= set(tally.statuses)


@pytest.mark.parametrize("path", [CALLS, f"{CALLS}/feedback"])
def test_a_body_over_the_limit_is_413_and_one_at_the_limit_is_read(cds: Hammered, path: str) -> None:
    """Whether its length is declared, declared too small, or not at all."""
    over = b'{"hook":"' + b"x" * MAX_BODY + b'"}'
    for headers in ((), ((b"content-length", b"5"),), ((b"content-length", str(len(over)).encode()),)):
        ask_and_judge(cds, [Ask(path=path, body=over, headers=headers)], Tally(), allowed={413})
    at = over[: MAX_BODY - 2] + b'"}'
    ask_and_judge(cds, [Ask(path=path, body=at)], Tally(), allowed={400})


def test_a_body_that_ends_early_is_400(cds: Hammered) -> None:
    """The client went away in the middle: no call, no decision."""
    call = written(tea_call(cds.keys(TEA)))
    for cut in (1, 10, len(call) // 2, len(call) - 1):
        ask_and_judge(cds, [Ask(path=CALLS, body=call[:cut], chunk=100)], Tally(), allowed={400})
