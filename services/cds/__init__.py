"""Answers: one patient, now."""
