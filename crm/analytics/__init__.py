"""What the records come to: counts, sums and averages, grouped by whatever they can be grouped by."""
