"""The risk register of a guidance: eight characteristics, each with its hazards, and something behind every control.

(b)(11)(vi)(A) names the eight. A characteristic without a line, or a control behind which nothing stands, opens no gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.guidance.lifecycle import Check
from services.guidance.transparency.controls import MONITOR, proven, why_dangling
from services.guidance.transparency.disclosure import CHARACTERISTICS, Characteristic, Risk
from services.guidance.transparency.hazards import Hazard, monitors_of
from services.guidance.transparency.readings import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What stands behind a control."""

    name: str
    """`tests/….py::test_…` or `monitor:<id>`."""
    says: str
    """What the test proves, or what is watched and where its limit lies."""
    dangling: str = ""
    """Why nothing stands there."""

    @property
    def is_monitor(self) -> bool:
        """A monitor watches; a test has run before."""
        return self.name.startswith(MONITOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One risk with its proofs."""

    risk: Risk
    proofs: tuple[Proof, ...]

    @property
    def shown(self) -> dict[str, Any]:
        """As JSON."""
        told = self.risk.model_dump(mode="json", exclude={"proven_by"})
        proofs = [
            {"name": one.name, "says": one.says, **({"dangling": one.dangling} if one.dangling else {})}
            for one in self.proofs
        ]
        return {**told, "proven_by": proofs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """All lines in the order of the eight, and what is watched."""

    lines: tuple[Line, ...]
    monitors: tuple[Hazard, ...]

    @property
    def missing(self) -> tuple[Characteristic, ...]:
        """Characteristics of which nobody has thought."""
        there = {line.risk.characteristic for line in self.lines}
        return tuple(one for one in CHARACTERISTICS if one not in there)

    @property
    def dangling(self) -> tuple[Proof, ...]:
        """Proofs behind which nothing stands."""
        return tuple(proof for line in self.lines for proof in line.proofs if proof.dangling)


def register_of(facts: Facts) -> Register:
    """The register of a release."""
    guidance = facts.guidance
    lines = [
        Line(
            risk=risk,
            proofs=tuple(
                Proof(name=name, says=proven(name, guidance), dangling=why_dangling(name, guidance))
                for name in risk.proven_by
            ),
        )
        for risk in facts.disclosed.risks
    ]
    lines.sort(key=lambda line: CHARACTERISTICS.index(line.risk.characteristic))
    return Register(lines=tuple(lines), monitors=tuple(monitors_of(guidance).values()))


def register_check(facts: Facts) -> Check:
    """Whether all eight are there and no control dangles; nobody may accept that it is not so."""
    register = register_of(facts)
    proofs = [proof for line in register.lines for proof in line.proofs]
    watched = sum(one.is_monitor for one in proofs)
    faults = [f"nothing on {one}" for one in register.missing]
    faults += [f"{one.name}: {one.dangling}" for one in register.dangling]
    whole = f"{len(register.lines)} risks on all {len(CHARACTERISTICS)}; controls held by {len(proofs) - watched} tests and {watched} monitors"
    return Check(
        name="risk-register",
        asked="Risk register: validity to privacy, every control held by a test or a monitor",
        found="; ".join(faults) or whole,
        verdict="does not meet" if faults else "meets",
        evidence=facts.release,
        numbers={"risks": len(register.lines), "dangling": len(register.dangling), "missing": len(register.missing)},
    )
