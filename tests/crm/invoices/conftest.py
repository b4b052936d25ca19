"""`shop`: see tests/invoicing.py. `mail`: a real SMTP server that this process and its children send to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from invoicing import Shop, make_shop

from crm.kernel.settings import settings
from stack.mail_catcher import MailCatcher


@pytest.fixture
async def shop(db: None) -> Shop:
    return await make_shop()


@pytest.fixture
def mail(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailCatcher]:
    with MailCatcher(tmp_path / "mail") as catcher:
        monkeypatch.setenv("SMTP_URL", catcher.url)
        settings.cache_clear()
        yield catcher
    monkeypatch.undo()
    settings.cache_clear()
