"""What a FHIR package is for Knowdo: mapped exactly where it carries the rule, else refused with all that is missing."""

from __future__ import annotations

import pytest

from services.guidance.errors import Lacking
from services.registry.fhir.arriving.recognise import recognised
from services.timeline.errors import BadInput
from tests.registry import samples
from tests.registry.fhir.carried import PLAN, carried


def test_a_package_that_carries_the_rule_is_mapped_exactly() -> None:
    """Definition, model and templates are taken byte for byte; value sets are FHIR's own."""
    arrived = recognised(carried(), None)
    ours = samples.release().files
    assert {name: arrived.bundle.files[name] for name in ours if name != "value_sets.json"} == {
        name: data for name, data in ours.items() if name != "value_sets.json"
    }
    assert (arrived.url, arrived.version, arrived.issuer) == (PLAN["url"], "2", "A guideline group")
    assert arrived.signed_by == ""
    assert arrived.packs == ()


def test_what_is_missing_is_named() -> None:
    """A rule whose model is not there is refused, with the file."""
    with pytest.raises(Lacking) as refused:
        recognised(carried(but="model.json"), None)
    assert [fault.partition(":")[0] for fault in refused.value.faults] == ["model.json"]


def test_a_rule_in_cql_is_refused_and_not_translated() -> None:
    """All that a rule lacks is said at once: definition, codes, model, population, and the languages that nobody here runs."""
    plan = {
        **PLAN,
        "action": [
            {"condition": [{"kind": "applicability", "expression": {"language": "text/cql", "expression": "X"}}]}
        ],
    }
    library = {
        "resourceType": "Library",
        "id": "l",
        "status": "active",
        "type": {"text": "logic"},
        "content": [{"contentType": "application/elm+xml"}, {"contentType": "text/cql", "data": "eA=="}],
    }
    with pytest.raises(Lacking) as refused:
        recognised([plan, library], None)
    assert [fault.partition(":")[0] for fault in refused.value.faults] == [
        "guidance.yaml",
        "value_sets.json",
        "model.json",
        "reference.json",
        "conditions are written in text/cql, which Knowdo does not execute",
        "Library/l holds application/elm+xml, text/cql, which Knowdo does not execute",
    ]


def test_what_is_no_r4_is_named_without_its_values() -> None:
    """A resource of another shape is refused at its element; what stood there is not repeated."""
    for broken, place in (
        ({**PLAN, "status": {"secret": "x"}}, "PlanDefinition.status"),
        ({**PLAN, "relatedArtifact": "secret"}, "PlanDefinition.relatedArtifact"),
        ({"resourceType": "Library", "status": "active", "content": ["secret"]}, "Library"),
    ):
        with pytest.raises(BadInput) as refused:
            recognised([PLAN, broken] if broken["resourceType"] == "Library" else [broken], None)
        assert refused.value.place.startswith(place)
        assert "secret" not in str(refused.value)
