"""The papers around a life: what is given and reported, agreed, booked, asked and billed. No risk depends on any of it."""
