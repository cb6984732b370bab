"""What /openapi.json says: every path of this service, what it takes and what it answers."""
