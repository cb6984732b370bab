"""What is known of the patient of one call: sent, or fetched, and said how far back it reaches."""
