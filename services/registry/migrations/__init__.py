"""How the registry's tables came to be, one revision after another; alembic runs them when the registry starts.

No revision changes a row of `ledger`: entries are hashed, and stay as they were written.
"""
