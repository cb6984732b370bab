"""What every call leaves behind: durable before the answer leaves."""
