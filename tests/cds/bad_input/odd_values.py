"""What is put where something else should stand: JSON that no encoder writes, and values that FHIR does not have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from tests.cds.bad_input.seeds import MARK


def is_json(token: bytes) -> bool:
    """Whether a strict reader takes it."""
    try:
        json.loads(token.decode(), parse_constant=lambda _name: 1 / 0)
    except (ValueError, RecursionError, ZeroDivisionError):
        return False
    return True


TOKENS: Final[Sequence[bytes]] = (
    b"NaN", b"Infinity", b"-Infinity", b"-0", b"1e999", b"-1e999", b"1E400", b"0x10", b"01", b"1.", b".5", b"+1", b"1e", b"tru",
    b"'a'", b"undefined", b"9" * 400, b"-" + b"9" * 5000, b"0." + b"1" * 3000, b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u00"',
    b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xf4\x90\x80\x80"', b'"\x00"', b'"\\u0000"', b'"\n"', b'"\\x"', b'"',
    b"[1,]", b'{"a":1,}', b'{"a"}', b"{1:2}", b"[", b"]", b"}", b"/* no */ 1", b"", b'{"":{"":""}}',
    b"[" * 600 + b"]" * 600, b'{"a":' * 600 + b"1" + b"}" * 600, b"[" * 200_000, b'{"extension":[' * 3000,
    b'"' + b"x" * 300_000 + b'"', b'{"resourceType":"Patient","resourceType":"Observation"}',
)  # fmt: skip
"""JSON that no encoder writes: numbers that are none, text that is no Unicode, what is nested too deeply, too long, not ended."""
READABLE: Final = [number for number, token in enumerate(TOKENS) if is_json(token)]
VALUES: Final[Sequence[Any]] = (
    None, True, False, 0, -1, 1.5, 1e308, -1e308, 5e-324, 2**31, 2**53 + 1, 2**63, -(2**63), 2**64, 10**30, "", " ", "0",
    "null", "true", MARK, MARK * 50, "a" * 200, "-" * 200, "..", "../..", "%2e%2e%2f", "/", "//", "{{context.patientId}}",
    [], {}, [[]], [{}], [None], {"": None}, {"a": []}, [MARK], {MARK: MARK}, [1, "a", None], {"resourceType": None},
    {"resourceType": 7}, {"resourceType": "Bundle"}, {"resourceType": "OperationOutcome"}, {"resourceType": "Bundle", "entry": {}},
    {"resourceType": "Bundle", "entry": [None, 7, {}, {"resource": None}, {"resource": []}]},
    {"response": {"status": "200 OK"}, "resource": {"resourceType": "Bundle"}}, "\u0000", "\u202e", "\U0001f600" * 30, "ſ", "İ",
    "<script>alert(1)</script>", "| a | b |\n|---|---|", "`" * 9, "[x](javascript:1)", "'; drop table decisions; --",
)  # fmt: skip
DATES: Final[Sequence[Any]] = (
    "2026-02-30", "2026-13-01", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "-0044-03-15", "2026", "2026-02",
    "2026-02-28T25:00:00Z", "2026-02-28T23:59:60Z", "2026-02-28T12:00:00", "2026-02-28T12:00:00+99:99",
    "2026-02-28T12:00:00.123456789123456789Z", "2026-02-28T12:00:00-14:00", "1899-12-31", "2100-01-01", "28.02.2026", "today",
    "2026-W09", 20260228, 1772280000, "２０２６-02-28", "2026-02-28 12:00", "2026-02-28T24:00:00Z", "2024-02-29", "2023-02-29",
)  # fmt: skip
REFERENCES: Final[Sequence[Any]] = (
    "https://fhir.hospital.example/r4/Patient/1", "http://[::1]/Patient/1", "#inside", "#", "urn:uuid:", "urn:oid:1.2",
    "urn:uuid:4e0a3a1e-3283-4575-ab82-028d55fe2719", "Patient/", "/Patient", "Patient/1/_history/", "Patient/1/_history/2",
    "patient/1", "Patient/a/b", "Observation/1", "Patient/" + "x" * 200, "javascript:Patient/1", "Patient?identifier=a|b",
    "https://a.example/Patient/1/Observation/2", "Patient/ü", "Patient/..",
)  # fmt: skip
TYPES: Final[Sequence[Any]] = (
    "Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "Medication", "Procedure", "Bundle", "Parameters",
    "OperationOutcome", "Basic", "patient", "Nonsense", "", None, 7, [], {},
)  # fmt: skip
NUMBERS: Final[Sequence[Any]] = (
    "8.5", "8,5", "1e1", "NaN", "", 1e308, -1e308, 1e-320, 0, -0.0, -8.5, 10**40, 8.5e300, True, None, [8.5], {"value": 8.5},
)  # fmt: skip
