"""Fitting, and compiling what was fitted into models that are data."""
