"""What is said of a patient, and what silences it. Pure."""
