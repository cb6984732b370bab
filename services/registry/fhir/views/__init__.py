"""One file for each resource: what the registry holds, seen as FHIR R4. Pure; made when asked for, the rows are the truth."""
