"""Activities at the door."""
