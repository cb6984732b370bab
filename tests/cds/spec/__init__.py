"""One named test for each numbered item of what binds a CDS service; `table` writes which is which."""
