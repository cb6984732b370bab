"""How the decision log's tables came to be, one revision after another; alembic runs them at start-up."""
