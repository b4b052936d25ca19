"""Builds the demo files from the hand-written lists in `demo/sources` and a fixed seed."""
