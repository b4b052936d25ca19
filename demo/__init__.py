"""Quillmere, an invented wholesale company: its files, and the generator that writes them."""
