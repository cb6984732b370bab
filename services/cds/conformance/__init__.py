"""Black-box conformance of any CDS Hooks service: what binds a service, how each item is looked at, and the report."""
