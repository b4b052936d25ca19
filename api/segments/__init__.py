"""Segments at the door."""
