"""Imports at the door."""
