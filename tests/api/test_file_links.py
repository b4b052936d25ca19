"""Links to files: they end, and nobody but the server makes them."""

import httpx
import pytest

from crm.kernel import signing, storage
from crm.kernel.signing import Download, Rendering

ENDED = {"code": "NOT_FOUND"}


async def opened(server: str, url: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server) as client:
        return await client.get("/files/" + url.partition("/files/")[2])


async def stored() -> Download:
    kept = await storage.put_bytes("invoices", b"%PDF-1.7")
    return Download(kept.key, "RE 1.pdf", "application/pdf")


async def test_a_link_opens_its_file_for_its_ten_minutes_and_no_longer(
    server: str, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await stored()
    fresh = signing.link(file)
    monkeypatch.setattr(signing, "LIFE_SECONDS", -1)
    old = signing.link(file)

    found, ended = await opened(server, fresh), await opened(server, old)

    assert (found.status_code, found.content) == (200, b"%PDF-1.7")
    assert found.headers["content-disposition"] == "attachment; filename*=UTF-8''RE%201.pdf"
    assert found.headers["cache-control"] == "private, no-store"
    assert (ended.status_code, ended.json()["errors"][0]["extensions"]) == (404, ENDED)


@pytest.mark.parametrize("what", ["a file", "a document"])
async def test_a_link_signed_with_another_secret_opens_nothing(
    server: str, db: None, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    target = await stored() if what == "a file" else Rendering("import-template", "", "t.csv", "text/csv")
    genuine = signing.link(target)
    with monkeypatch.context() as forger:
        forger.setattr(signing, "_secret", lambda: b"guessed guessed guessed guessed guessed")
        forged = signing.link(target)

    assert (await opened(server, genuine)).status_code == 200
    answer = await opened(server, forged)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]) == (404, ENDED)


@pytest.mark.parametrize("token", ["", "x", "x.y", "../../etc/passwd", "%00", "a" * 5000, "é.é"])
async def test_what_is_no_link_opens_nothing(server: str, db: None, token: str) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.get(f"/files/{token}")

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"] == ENDED
