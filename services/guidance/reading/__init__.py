"""How events become features: compiled once for a release, then a few kernels for any number of rows."""
