"""The ground floor, pure: what is known of patients, and when."""
