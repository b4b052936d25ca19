"""Customers at the door."""
