"""Invoices and those who issue them, at the door."""
