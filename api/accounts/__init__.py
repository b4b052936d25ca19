"""Accounts at the door."""
