"""What the published clients find: a company, and a worker that carries its events."""

from collections.abc import Iterator

import pytest
from client_company import Company, make_company
from own_process import running


@pytest.fixture(scope="module")
def worker(database: str) -> Iterator[None]:
    with running("workers", says="worker ready"):
        yield


@pytest.fixture
async def company(db: None) -> Company:
    return await make_company()
