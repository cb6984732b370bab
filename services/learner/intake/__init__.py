"""Sources of FHIR data, and their way into the event store."""
