"""What an expert would ask of a model, measured; and what the bedside says about it."""
