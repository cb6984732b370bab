"""The registry's FHIR face: what it holds as R4 resources, CRMI operations, and what comes in from elsewhere."""
