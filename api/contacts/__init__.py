"""Contacts at the door."""
