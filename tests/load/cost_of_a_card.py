"""What a card costs once its risk is known: to compose, to put into a dialect, to lint. `python -m tests.load.cost_of_a_card`.

In this process, CPU seconds of one call: the readmission guidance with every input known, three reasons, three resources
behind two buttons, as a pilot.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import msgspec

from services.cds.advice.advise import Advice
from services.cds.advice.predict import Predicted
from services.cds.cards.compose import Composed, make_card
from services.cds.cards.form import CardStyle, card_forms
from services.cds.cards.lint import faults_of
from services.cds.clients.profile import read_profiles
from services.cds.clients.speak import answer_of, speak
from services.cds.patient.draft_orders import NONE
from services.cds.patient.facts import Facts
from services.cds.schemas import HookRequest
from services.guidance.check import load_guidance
from services.guidance.definition import PRIMARY
from services.guidance.ready import open_release
from services.guidance.release import build_release
from tests.cds.fake_registry import FakeRegistry
from tests.load.figures import Figure, in_turn, show
from tests.load.hospital_call import LIBRARY, model_of

REFERENCE = {"name": "none", "base_rate": 0.12, "n": 1, "events": 1, "inputs": {}}


def main() -> None:
    """Compose, speak, lint and write one card, in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    loaded = load_guidance(LIBRARY)
    guidance = loaded.definition
    release = open_release(bundle := build_release(loaded, model_of(guidance), REFERENCE))
    form = card_forms(release, FakeRegistry().deploy(bundle, stage="pilot"), CardStyle())["follow_up"]
    inputs = [name for name, feature in guidance.features.items() if feature.use == "model"]
    facts = Facts(
        values=dict.fromkeys(guidance.features, 4.0),
        states=dict.fromkeys(guidance.features, "value"),
        sources={name: f"Observation/{name}" for name in inputs},
    )
    risk = Predicted(risk=0.3, log_odds=-0.8, contributions={name: 0.1 * n for n, name in enumerate(inputs)})
    band = next(band for band in guidance.policy.bands if band.card is not None)
    advice = Advice(verdict="card", reason="", facts=facts, predicted={PRIMARY: risk}, band=band)
    call = HookRequest(
        hook=guidance.hooks[0].hook, instance="i", patient="p", encounter="e", user="Practitioner/u", prefetch={},
        fhir_server="", fhir_token="",
    )  # fmt: skip
    index = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 1_000_000
    uuid = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
    profiles = read_profiles()
    plain, epic = profiles.named("default"), profiles.named("epic")
    judged = form.judged

    def compose() -> Composed:
        return make_card(
            form, advice, call, card_uuid=uuid, index_at=index, gender="female", orders=NONE, ordered={}
        )  # fmt: skip

    card = compose().card
    seconds = in_turn(
        {
            "compose": compose,
            "lint of a call": lambda: faults_of({"cards": [card]}, judged),
            "whole lint (once a release, and in tests)": lambda: faults_of({"cards": [card]}),
            "answer of `default`": lambda: answer_of([speak(card, plain)], plain, hook=call.hook),
            "answer of `epic`": lambda: answer_of([speak(card, epic)], epic, hook=call.hook),
            "write as JSON": lambda: msgspec.json.encode(card),
        },
        rounds=15,
        times=200,
    )
    targets = {"compose": "150 µs", "lint of a call": "40 µs"}
    figures = [
        Figure(what=what, ours=f"{spent * 1e6:.1f} µs", target=targets.get(what, "")) for what, spent in seconds.items()
    ]
    show(f"One card of {len(msgspec.json.encode(card)):,} bytes, CPU", figures, as_json=asked.json)


if __name__ == "__main__":
    main()
