"""Knowdo: three services (cds, learner, registry) over two pure floors (timeline, guidance) and their doors (plumbing)."""
