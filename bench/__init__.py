"""Measurements, as ratios against the raw limit in one run. See README.md."""
