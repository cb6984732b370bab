"""Persistent jobs: what waits, who works on it, how far it is, and what begins by itself."""
