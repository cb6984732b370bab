"""Where releases run, and what came back of them."""
