"""How answers are compressed: as gzip, quickly."""

import gzip

COMPRESSED_FROM = 1000
"""Bytes of an answer, from which on it is compressed for callers who can read that."""

COMPRESSION = 5


def compressed(answer: bytes) -> bytes:
    """The same bytes for the same answer."""
    return gzip.compress(answer, COMPRESSION, mtime=0)
