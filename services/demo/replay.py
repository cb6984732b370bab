"""Calling the platform as an EHR would: signed, with prefetch from the record as it stood, at the time of the discharge.

A replayed month is the same calls one after another, with the bedside's clock turned to each of them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from services.cds.callers.demo_issuer import DemoIssuer
from services.cds.desk import wall_clock
from services.demo.facts import PatientRecord, Stay
from services.demo.fhir_search import hook_request
from services.demo.fragments import instant
from services.demo.hospital import Hospital
from services.guidance.errors import NotFound, Unavailable

HOOK: Final = "encounter-discharge"


@dataclass(slots=True)
class BedsideClock:
    """What time it is for the patients: as set, or the real time."""

    at: int | None = None

    def __call__(self) -> int:
        """Microseconds since 1970 UTC."""
        return wall_clock() if self.at is None else self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Discharge:
    """One live discharge: when the clinician closes the stay, the EHR calls."""

    record: PatientRecord
    stay: Stay
    true_risk: float


@dataclass(slots=True, kw_only=True)
class Replayed:
    """How a replay went."""

    calls: int = 0
    cards: int = 0
    refused: dict[int, int] = field(default_factory=dict)


class DemoEhr:
    """The demo hospital's EHR, as a CDS client."""

    def __init__(self, http: httpx.AsyncClient, issuer: DemoIssuer, clock: BedsideClock, *, url: str) -> None:
        self._http = http
        self._issuer = issuer
        self._clock = clock
        self._url = url

    async def service(self, guidance: str, *, hook: str = HOOK) -> dict[str, Any]:
        """The entry of discovery for this guidance and hook."""
        listed = (await self._http.get(f"{self._url}/cds-services")).json()["services"]
        for entry in listed:
            if entry["id"] == guidance and entry["hook"] == hook:
                return dict(entry)
        raise NotFound(f"{guidance} is not offered on {hook}", place="/cds-services", remedy="Is it deployed?")

    async def call(self, service: Mapping[str, Any], discharge: Discharge) -> tuple[dict[str, Any], httpx.Response]:
        """Call the service at the moment of discharge; answers the request and its response."""
        at = discharge.stay.end
        request = hook_request(service, discharge.record, discharge.stay.id, at)
        self._clock.at = at
        return request, await self._post(f"/cds-services/{service['id']}", request)

    async def say_back(self, service: str, feedback: Mapping[str, Any]) -> None:
        """Tell the service what the clinician did with a card."""
        answer = await self._post(f"/cds-services/{service}/feedback", {"feedback": [feedback]})
        if answer.status_code != 200:
            raise Unavailable(f"feedback was answered with {answer.status_code}", place=service)

    async def _post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        address = f"{self._url}{path}"
        return await self._http.post(
            address,
            content=msgspec.json.encode(body),
            headers={"Authorization": f"Bearer {self._issuer.token(address)}", "Content-Type": "application/json"},
        )


def discharges_between(hospital: Hospital, risks: Path, since: int, until: int) -> list[Discharge]:
    """Every live discharge in that time, in order. The file of true risks says whose they are; only they are made anew."""
    wanted: dict[str, list[tuple[str, float]]] = {}
    first, end = instant(since), instant(until)
    with risks.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            if first <= row["discharged"] < end:
                wanted.setdefault(row["patient"], []).append((row["encounter"], float(row["readmission_30d"])))
    found = []
    for patient, stays in wanted.items():
        record = hospital.patient(int(patient[1:]))
        found += [Discharge(record=record, stay=record.stay(stay), true_risk=risk) for stay, risk in stays]
    return sorted(found, key=lambda one: (one.stay.end, one.stay.id))


async def replay(
    ehr: DemoEhr,
    service: Mapping[str, Any],
    discharges: Iterable[Discharge],
    *,
    each: Callable[[], None] = lambda: None,
) -> Replayed:
    """Call the service for every discharge, one after another; `each` hears every call."""
    done = Replayed()
    for discharge in discharges:
        _, answer = await ehr.call(service, discharge)
        done.calls += 1
        if answer.status_code == 200:
            done.cards += len(answer.json()["cards"])
        else:
            done.refused[answer.status_code] = done.refused.get(answer.status_code, 0) + 1
        each()
    return done
