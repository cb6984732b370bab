"""What holds for every answer that was seen, whatever was asked: JSON, no 5xx, errors that say so, no token said back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from services.cds.conformance.areas.prefetch import TOKEN
from services.cds.conformance.checks import Faults, Skipped, as_list, as_object, check
from services.cds.conformance.exchange import Exchange
from services.cds.conformance.target import Target


@check(2)
def answers_are_json(target: Target) -> Faults:
    """Every 200 to a GET or a hook call is JSON, and its content type says so."""
    for answer in _with_body(target):
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if answer.status == 200 and not (kind == "application/json" or kind.endswith("+json")):
            yield from _once(target, answer, f"answer {answer.number} has the content type {kind or 'none'}")
        elif answer.status == 200 and not _parses(answer.body):
            yield from _once(target, answer, f"answer {answer.number} is no JSON")


@check(5)
def json_is_strict(target: Target) -> Faults:
    """No answer that says it is JSON has comments, trailing commas or NaN."""
    for answer in _with_body(target):
        if "json" in answer.headers.get("content-type", "") and answer.json is None and answer.body.strip() != b"null":
            yield from _once(target, answer, f"answer {answer.number} is not strict JSON")


@check(14)
def no_answer_is_a_5xx(target: Target) -> Faults:
    """Nothing that was sent was answered with a 5xx."""
    for answer in target.record.exchanges:
        if answer.status >= 500:
            yield from _once(
                target, answer, f"answer {answer.number} to {answer.method} {answer.url} is {answer.status}"
            )


@check(44)
def errors_are_operation_outcomes(target: Target) -> Faults:
    """Every 4xx and 5xx has an OperationOutcome with at least one issue as its body."""
    seen = False
    for answer in _with_body(target):
        if answer.status < 400:
            continue
        seen = True
        content = as_object(answer.json)
        issues = [as_object(issue) for issue in as_list(content.get("issue"))]
        good = content.get("resourceType") == "OperationOutcome" and issues
        if not good or not all(issue.get("severity") and issue.get("code") for issue in issues):
            what = f"answer {answer.number} ({answer.status} to {answer.method}) has none, or one without severity and code"
            yield from _once(target, answer, what)
    if not seen:
        raise Skipped("no error was seen")


@check(28)
def the_access_token_is_never_said_back(target: Target) -> Faults:
    """No answer holds the FHIR access token of the call."""
    if not any(TOKEN.encode() in sent.content for sent in target.record.exchanges):
        raise Skipped("no access token was sent")
    for answer in target.record.exchanges:
        if TOKEN.encode() in answer.body:
            yield from _once(target, answer, f"answer {answer.number} holds it")


def _with_body(target: Target) -> Iterator[Exchange]:
    """Every answer that has something to read: not those to HEAD and OPTIONS, nor empty ones such as 204 and 304."""
    for answer in target.record.exchanges:
        if answer.method in {"GET", "POST", "DELETE"} and answer.status not in {0, 204, 304} and not _silent(answer):
            yield answer


def _silent(answer: Exchange) -> bool:
    """Feedback has no body that is defined: an empty 200 is right."""
    return answer.url.endswith("/feedback") and answer.status < 300 and not answer.body


def _once(target: Target, answer: Exchange, fault: str) -> Iterator[str]:
    target.cite(answer)
    yield fault


def _parses(body: bytes) -> bool:
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return content is not None
