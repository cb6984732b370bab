"""The evidence as a page that a committee reads in ten minutes."""
