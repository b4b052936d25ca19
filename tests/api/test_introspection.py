"""Who may read the schema through the API."""

from collections.abc import Iterator

import pytest
from factories import make_user
from graphql import build_client_schema, get_introspection_query
from kith_client import GraphQLFailed, Kith

from crm.kernel.settings import settings

TYPE = '{ __type(name: "Customer") { name } }'


@pytest.fixture
def open_to_everyone(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KITH_INTROSPECTION", "everyone")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.parametrize(
    "document",
    [
        TYPE,
        "{ __schema { queryType { name } } }",
        "query Q { ...F } fragment F on Query { hidden: __schema { queryType { name } } }",
    ],
)
async def test_nobody_in_particular_does_not_read_the_schema(server: str, db: None, document: str) -> None:
    with pytest.raises(GraphQLFailed) as refusal:
        await Kith(server).graphql(document)

    assert set(refusal.value.codes) == {"UNAUTHENTICATED"}


async def test_who_is_logged_in_reads_the_schema(server: str, db: None) -> None:
    kith = Kith(server, (await make_user()).token)

    answer = await kith.graphql(get_introspection_query())

    assert "Customer" in build_client_schema(answer).type_map  # type: ignore[arg-type]


async def test_a_refusal_is_not_remembered_for_others(server: str, db: None) -> None:
    kith = Kith(server, (await make_user()).token)
    with pytest.raises(GraphQLFailed):
        await Kith(server).graphql(TYPE)

    assert await kith.graphql(TYPE) == {"__type": {"name": "Customer"}}

    with pytest.raises(GraphQLFailed):
        await Kith(server).graphql(TYPE)


async def test_everyone_reads_it_where_that_is_wanted(server: str, db: None, open_to_everyone: None) -> None:
    assert await Kith(server).graphql(TYPE) == {"__type": {"name": "Customer"}}


async def test_type_names_are_everybodys(server: str, db: None) -> None:
    assert await Kith(server).graphql("{ __typename }") == {"__typename": "Query"}
