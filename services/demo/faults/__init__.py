"""Faults that real sites have, planted with known figures so that the platform can be judged by whether it finds them."""
