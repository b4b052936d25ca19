from uuid import UUID

from bench.data import Size, customer_key


def test_a_size_says_about_how_many_rows_it_has() -> None:
    assert Size(100_000).rows == {
        "customers": 100_000,
        "contacts": 300_000,
        "activities": 1_000_000,
        "invoices": 200_000,
        "lines": 600_000,
    }


def test_other_sizes_have_other_fingerprints_and_the_same_size_the_same() -> None:
    assert Size(1000).fingerprint() == Size(1000).fingerprint()
    assert len({each.fingerprint() for each in (Size(1000), Size(2000), Size(1000, 12, 2))}) == 3


def test_keys_of_customers_are_uuids_of_version_7_in_their_order() -> None:
    keys = [customer_key(number) for number in (1, 2, 300)]

    assert keys == sorted(keys)
    assert all(isinstance(key, UUID) and key.version == 7 for key in keys)
