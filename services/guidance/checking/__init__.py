"""Every fault of a guidance with its line: one file for each kind of check."""
