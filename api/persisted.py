"""Persisted operations: documents that callers name instead of sending.

- Automatic persisted queries, as Apollo's clients and urql's exchange speak them: a hash, and the document once.
- Trusted documents: those a client was built with, from the maps that relay-compiler (`{hash: text}`) and
  graphql-codegen (`{"sha256:…": text}`) write; named by `documentId`, by `doc_id` (Relay), or like an automatic one.
"""

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import structlog
from graphql import GraphQLError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from crm.kernel.settings import SettingsError, settings

log = structlog.get_logger(__name__)

SHA256 = re.compile(r"[0-9a-f]{64}")
MOST_CHARACTERS_OF_AN_ID = 200
_PREFIX = "sha256:"
_INDEX = "kith:persisted"

# The index orders documents by their last use. What is used keeps; what is too much goes, the oldest first.
_KEEP = """
local most, seconds, now = tonumber(ARGV[3]), tonumber(ARGV[4]), redis.call('TIME')[1]
redis.call('SET', KEYS[1] .. ':' .. ARGV[1], ARGV[2], 'EX', seconds)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - seconds)
local surplus = redis.call('ZCARD', KEYS[1]) - most
if surplus > 0 then
  for _, hash in ipairs(redis.call('ZRANGE', KEYS[1], 0, surplus - 1)) do
    redis.call('DEL', KEYS[1] .. ':' .. hash)
    redis.call('ZREM', KEYS[1], hash)
  end
end
return surplus
"""


class PersistedQueries:
    """The documents callers may name. The automatic ones are in Redis; while it is away, none is found."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._keep = redis.register_script(_KEEP)

    async def document(self, request: dict[str, Any]) -> str | None:
        """The text a request asks for. Raises GraphQLError with a code that clients know."""
        text, extension = request.get("query"), _extension(request)
        named = _named(request)
        if named is not None and not text:
            return _trusted(named)
        if extension is None:
            return _admitted(text)
        digest = _hash(extension)
        if trusted := trusted_documents().get(digest):
            return trusted
        if settings().trusted_documents_only:
            raise _not_trusted()
        if not settings().persisted_queries:
            raise _error("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
        return await self._automatic(digest, text)

    async def _automatic(self, digest: str, text: str | None) -> str:
        if not text:
            if found := await self._found(digest):
                return found
            raise _error("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
        if hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest() != digest:
            raise _error("The sha256Hash is not the document's.", "BAD_USER_INPUT")
        await self._remember(digest, text)
        return text

    async def _found(self, digest: str) -> str | None:
        try:
            text: str | None = await self._redis.get(f"{_INDEX}:{digest}")
            if text is not None:
                await self._remember(digest, text)
        except (RedisError, OSError) as error:
            log.warning("no persisted queries without Redis", reason=f"{type(error).__name__}: {error}")
            return None
        return text

    async def _remember(self, digest: str, text: str) -> None:
        current = settings()
        if len(text) > current.max_document_kb * 1000:
            return
        seconds = current.persisted_query_days * 86_400
        try:
            await self._keep(keys=[_INDEX], args=[digest, text, current.persisted_queries, seconds])
        except (RedisError, OSError, UnicodeError) as error:
            log.warning("a query was not persisted", reason=f"{type(error).__name__}: {error}")


@lru_cache(1)
def trusted_documents() -> dict[str, str]:
    """All trusted documents by their hash, without its prefix. Raises SettingsError when a file is no such map."""
    found: dict[str, str] = {}
    for name in settings().trusted_documents:
        try:
            content = orjson.loads(Path(name).read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise SettingsError(
                f"KITH_TRUSTED_DOCUMENTS names {name}, which cannot be read: {error}."
            ) from None
        if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
            raise SettingsError(
                f"KITH_TRUSTED_DOCUMENTS names {name}, which is no map of hashes to documents."
            )
        found |= {key.removeprefix(_PREFIX): text for key, text in content.items()}
    return found


def _trusted(name: str) -> str:
    text = trusted_documents().get(name.removeprefix(_PREFIX))
    if text is None:
        raise _error(
            "No trusted document has this id: deploy the client's map first.", "PERSISTED_QUERY_NOT_FOUND"
        )
    return text


def _admitted(text: str | None) -> str | None:
    """A document that is sent itself. Where only trusted ones are admitted, it must be one of them."""
    if settings().trusted_documents_only and text not in trusted_documents().values():
        raise _not_trusted()
    return text


def _not_trusted() -> GraphQLError:
    message = (
        "Only trusted documents are executed here. Send the documentId of one the client was built with."
    )
    return _error(message, "PERSISTED_QUERY_ONLY")


def _named(request: dict[str, Any]) -> str | None:
    name = request.get("documentId") or request.get("doc_id")
    if name is None:
        return None
    if not isinstance(name, str) or len(name) > MOST_CHARACTERS_OF_AN_ID:
        raise _error("The documentId is a short text.", "BAD_USER_INPUT")
    return name


def _extension(request: dict[str, Any]) -> dict[str, Any] | None:
    extensions = request.get("extensions")
    found = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    if found is not None and not isinstance(found, dict):
        raise _error("extensions.persistedQuery is an object.", "BAD_USER_INPUT")
    return found


def _hash(extension: dict[str, Any]) -> str:
    if extension.get("version") != 1:
        raise _error("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
    digest = extension.get("sha256Hash")
    if not isinstance(digest, str) or not SHA256.fullmatch(digest.lower()):
        raise _error("extensions.persistedQuery.sha256Hash is 64 hexadecimal digits.", "BAD_USER_INPUT")
    return digest.lower()


def _error(message: str, code: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})
