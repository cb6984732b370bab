"""Our own service, as a process of its own, keeps all that can be seen from outside."""

from __future__ import annotations

import pytest

from services.guidance.check import load_guidance
from services.guidance.definition import PRIMARY
from services.guidance.folder import LoadedGuidance
from services.guidance.manifest import Where
from services.guidance.release import ReleaseBundle, build_release, canonical_json
from tests.cds.conformance.checked import Checked, checked
from tests.cds.fake_registry import FakeRegistry
from tests.cds.spec.calls import PROJECT
from tests.cds.tea import REFERENCE, tea_bundle
from tests.load.hospital_call import model_of

SHIPPED = sorted(file.parent for file in (PROJECT / "services" / "guidance" / "library").glob("*/guidance.yaml"))
PLAIN_HTTP = {"https_is_spoken", "old_tls_is_refused"}


@pytest.fixture(scope="module")
def tea_time(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The service with one small guidance on two hooks."""
    registry = FakeRegistry()
    registry.deploy(tea_bundle())
    return checked(tmp_path_factory.mktemp("checked"), registry)


def test_the_service_keeps_every_shall(tea_time: Checked) -> None:
    """No check finds a SHALL that is not kept, and the command ends with 0."""
    assert tea_time.found("fail") == {}
    assert tea_time.told.returncode == 0, tea_time.told.stderr
    assert tea_time.report.passed
    assert tea_time.report.services == ["tea-time (patient-view)", "tea-time (encounter-discharge)"]


def test_the_service_keeps_every_should(tea_time: Checked) -> None:
    """No check warns."""
    assert tea_time.found("warn") == {}


def test_nothing_is_skipped_but_tls(tea_time: Checked) -> None:
    """Cards are seen, the FHIR server is asked, discovery has an ETag: all but TLS, which a proxy brings, is looked at."""
    skipped = tea_time.found("skipped")
    assert set(skipped) == PLAIN_HTTP, skipped


def test_no_secret_is_in_the_reports(tea_time: Checked) -> None:
    """Neither an access token nor the signature of a token."""
    for text in (tea_time.told.stdout, tea_time.page):
        assert "check-access-token" not in text
        assert "(blanked)" in text
        assert "Bearer ey" not in text


@pytest.mark.nightly
def test_what_we_ship_keeps_every_shall_and_should(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All guidance of the library on all its hooks: nothing fails, nothing warns, and a card for a draft order is seen."""
    registry = FakeRegistry()
    for folder in SHIPPED:
        loaded = load_guidance(folder)
        hooks = tuple(hook.hook for hook in loaded.definition.hooks)
        registry.deploy(_release(loaded), deployment=f"d-{folder.name}", where=Where(sites=("*",), hooks=hooks))
    shipped = checked(tmp_path_factory.mktemp("shipped"), registry)
    assert shipped.found("fail", "warn") == {}
    assert {service.partition(" ")[0] for service in shipped.report.services} == {folder.name for folder in SHIPPED}
    seen = {(one.service, one.verdict) for one in shipped.report.results if one.check == "delete_has_a_resource_id"}
    assert ("nephrotoxin-aki (order-sign)", "pass") in seen


def _release(loaded: LoadedGuidance) -> ReleaseBundle:
    """With the smallest models that speak."""
    models = {
        name: model_of(loaded.definition)
        if one.model.published is None
        else canonical_json({"kind": "published", "feature": one.model.published})
        for name, one in loaded.definition.all_predictions.items()
    }
    first = models.pop(PRIMARY)
    return build_release(loaded, first, REFERENCE, others={name: (one, REFERENCE) for name, one in models.items()})
