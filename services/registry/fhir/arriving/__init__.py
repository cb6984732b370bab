"""What comes in as FHIR: opened with care, recognised, proposed; it never speaks before it was tested here."""
