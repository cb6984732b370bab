"""What guidance says: every sentence once, cards from templates, resources bound to a patient."""
