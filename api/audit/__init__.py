"""The history at the door."""
