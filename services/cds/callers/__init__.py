"""Who calls: trust, tokens, and the dialects that clients speak."""
