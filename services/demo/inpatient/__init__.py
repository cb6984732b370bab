"""What happens between admission and discharge: setbacks, the last decline, intensive care, and what the wards measure of it."""
