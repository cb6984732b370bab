"""From a proposal to a decision: evidence, gates as checked facts, votes bound to what was read."""
