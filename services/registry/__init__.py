"""Decides who may speak: people, evidence, signatures, memory."""
