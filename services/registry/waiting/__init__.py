"""What waits for whom: read once, asked by rules; the overview, the API and the notices tell it from here."""
