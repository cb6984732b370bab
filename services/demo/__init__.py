"""The demonstration: a hospital with known truth, its committee, and one loop from data to card."""
