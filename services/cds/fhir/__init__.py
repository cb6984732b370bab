"""Decisions as FHIR, for auditors and the learner: read, searched, exported."""
