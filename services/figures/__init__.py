"""Pure: what a person looks at, charts and pages."""
