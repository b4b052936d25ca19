"""Keys: version 7, unique, in ascending order whichever way they are made."""

from itertools import islice
from uuid import UUID

import pytest

from crm.kernel.ids import uuid7, uuid7s


@pytest.mark.parametrize("block", [1, 3, 256])
def test_keys_ascend_within_and_after_blocks(block: int) -> None:
    before = uuid7()
    keys = list(islice(uuid7s(block), 1000))
    after = uuid7()

    assert [before, *keys, after] == sorted({before, *keys, after})


def test_keys_of_a_block_are_uuids_of_version_7() -> None:
    for key in islice(uuid7s(), 1000):
        told = UUID(str(key))
        assert (told.version, told.variant, told) == (7, "specified in RFC 4122", key)
