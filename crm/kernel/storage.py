"""Files: streamed in and out of a directory or an S3 bucket, under keys that reveal nothing."""

import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from crm.kernel.errors import DomainError
from crm.kernel.settings import settings

if TYPE_CHECKING:
    from obstore.store import ObjectStore


_PART = 5 * 1024 * 1024  # the least that S3 takes
_PIECE = 1_000_000


class FileTooLarge(DomainError):
    """The upload is larger than the limit; nothing of it was kept."""

    code = "FILE_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Stored:
    key: str
    size: int
    sha256: str


@lru_cache(8)
def _store(url: str) -> "ObjectStore":
    from obstore.store import LocalStore, from_url  # noqa: PLC0415  as `_obstore`

    if not _is_directory(url):
        return from_url(url)
    parts = urlsplit(url)
    directory = Path(parts.netloc + parts.path).expanduser().resolve()
    directory.mkdir(parents=True, exist_ok=True)
    return LocalStore(directory)


def store() -> "ObjectStore":
    return _store(settings().storage_url)


def _obstore() -> Any:
    """The library, 4 MB of memory, comes in with the first file: most API processes serve none."""
    import obstore  # noqa: PLC0415

    return obstore


def new_key(area: str) -> str:
    """A fresh key such as `imports/…`; 160 random bits."""
    return f"{area}/{secrets.token_hex(20)}"


async def put_stream(
    area: str, chunks: AsyncIterable[bytes], *, limit: int, key: str | None = None
) -> Stored:
    """Streams to storage without holding the whole, under a fresh key or in the place of what `key` held.

    `limit` in bytes; raises FileTooLarge. Nothing is stored when the chunks end in an exception.
    """
    key, digest, size = key or new_key(area), hashlib.sha256(), 0
    try:
        writing = _obstore().open_writer_async(store(), key, buffer_size=_PART, max_concurrency=2)
        async with writing as writer:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise FileTooLarge(
                        f"The file is larger than {limit // 1_000_000} MB. Split it and upload the parts."
                    )
                digest.update(chunk)
                await writer.write(chunk)
    except FileTooLarge:
        await delete(key)
        raise
    return Stored(key, size, digest.hexdigest())


async def put_bytes(area: str, content: bytes) -> Stored:
    key = new_key(area)
    await _obstore().put_async(store(), key, content)
    return Stored(key, len(content), hashlib.sha256(content).hexdigest())


async def get_bytes(key: str) -> bytes:
    """The whole object; for documents and logos, which are small."""
    return bytes(await (await _obstore().get_async(store(), key)).bytes_async())


async def get_stream(key: str, *, start: int = 0) -> AsyncGenerator[bytes, None]:
    """The object in pieces of about 1 MB, from byte `start` on."""
    size = (await _obstore().head_async(store(), key))["size"]
    if start >= size:
        return
    if _is_directory(settings().storage_url):
        # As a stream it would come 8 KB at a time, each piece handed from thread to thread.
        for begins in range(start, size, _PIECE):
            yield bytes(await _obstore().get_range_async(store(), key, start=begins, length=_PIECE))
        return
    result = await _obstore().get_async(store(), key, options={"range": {"offset": start}})
    async for piece in result.stream(min_chunk_size=_PIECE):
        yield bytes(piece)


def _is_directory(url: str) -> bool:
    return urlsplit(url).scheme == "file"


async def delete(key: str) -> None:
    """Deletes the object; one that is not there is no error."""
    try:
        await _obstore().delete_async(store(), key)
    except FileNotFoundError:
        return
