import os

import pytest

OURS = ("DATABASE_URL", "REDIS_URL", "SMTP_URL", "STORAGE_URL")


@pytest.fixture
def bare_environment() -> dict[str, str]:
    """The environment of somebody who has set nothing for Kith."""
    return {k: v for k, v in os.environ.items() if k not in OURS and not k.startswith("KITH_")}
