"""The made-up ward of the learner's tests, trained once."""

from tests.learner.conftest import made_up_guidance, trained, ward_store

__all__ = ["made_up_guidance", "trained", "ward_store"]
