"""Notices: what waits for a person is told by e-mail or webhook, to those who asked for it, and kept until it is delivered."""
