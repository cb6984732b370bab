"""Learns: many patients, back then. Proposes, never promotes."""
