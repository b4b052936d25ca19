"""Jobs at the door: what an admin sees of the queue of record."""
