"""Aggregates for analysts, at the door."""
