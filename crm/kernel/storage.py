"""Files: streamed in and out of a directory or an S3 bucket, under keys that reveal nothing."""

import hashlib
import secrets
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from crm.kernel.errors import DomainError
from crm.kernel.settings import settings


class FileTooLarge(DomainError):
    """The upload is larger than the limit; nothing of it was kept."""

    code = "FILE_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Stored:
    key: str
    size: int
    sha256: str


@lru_cache(8)
def _store(url: str) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme != "file":
        return from_url(url)
    directory = Path(parts.netloc + parts.path).expanduser().resolve()
    directory.mkdir(parents=True, exist_ok=True)
    return LocalStore(directory)


def store() -> ObjectStore:
    return _store(settings().storage_url)


def new_key(area: str) -> str:
    """A fresh key such as `imports/…`; 160 random bits."""
    return f"{area}/{secrets.token_hex(20)}"


async def put_stream(area: str, chunks: AsyncIterable[bytes], *, limit: int) -> Stored:
    """Streams to storage without holding the whole. `limit` in bytes; raises FileTooLarge."""
    key, digest, size = new_key(area), hashlib.sha256(), 0
    try:
        async with obstore.open_writer_async(store(), key) as writer:
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
    await obstore.put_async(store(), key, content)
    return Stored(key, len(content), hashlib.sha256(content).hexdigest())


async def get_bytes(key: str) -> bytes:
    """The whole object; for documents and logos, which are small."""
    return bytes(await (await obstore.get_async(store(), key)).bytes_async())


async def get_stream(key: str, *, start: int = 0) -> AsyncIterator[bytes]:
    """The object in pieces of about 1 MB, from byte `start` on."""
    size = (await obstore.head_async(store(), key))["size"]
    if start >= size:
        return
    result = await obstore.get_async(store(), key, options={"range": {"offset": start}})
    async for piece in result.stream(min_chunk_size=1_000_000):
        yield bytes(piece)


async def delete(key: str) -> None:
    """Deletes the object; one that is not there is no error."""
    try:
        await obstore.delete_async(store(), key)
    except FileNotFoundError:
        return
