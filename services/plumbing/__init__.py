"""The doors: one file per outside system, the only place its package is imported."""
