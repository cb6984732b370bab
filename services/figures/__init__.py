"""Charts and pages: what numbers look like. No scripts, no colours baked in, the same bytes for the same numbers."""
