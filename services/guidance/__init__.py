"""Pure: what guidance is, what it needs, what it says."""
