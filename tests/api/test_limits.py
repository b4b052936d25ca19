"""Documents that would cost a server more than they are worth. Each is answered with a code, and after little work."""

import gc
import time
from collections.abc import Callable

import httpx
import pytest
from factories import make_user
from graphql import GraphQLError, get_introspection_query, parse
from kith_client import GraphQLFailed, Kith

from api import documents, limits
from api.documents import parsed
from crm.kernel.settings import Settings

TOO_COMPLEX = "QUERY_TOO_COMPLEX"
INVALID = "GRAPHQL_VALIDATION_FAILED"
UNPARSED = "GRAPHQL_PARSE_FAILED"
MOST = 20.0
"""CPU time of the one thread of server and caller, as so many times what only parsing a list of 1,000 texts takes: neither a
busy machine nor a slow one counts for much. The worst takes some 13."""


def nested(depth: int) -> str:
    """Customers of contacts of customers of …"""
    return (
        "{ customers { nodes " + "{ primaryContact { customer " * depth + "{ id }" + " } }" * depth + " } }"
    )


def bomb(length: int, spreads: int = 2) -> str:
    """Each fragment spreads the next one twice."""
    fragments = "".join(f"fragment f{n} on Query {{ {f'...f{n + 1} ' * spreads} }} " for n in range(length))
    return f"{{ ...f0 }} {fragments} fragment f{length} on Query {{ __typename }}"


def field_bomb(length: int) -> str:
    """The same, below fields, so that nothing can be merged."""
    fragments = "".join(
        f"fragment f{n} on Customer {{ a: primaryContact {{ customer {{ ...f{n + 1} }} }} "
        f"b: primaryContact {{ customer {{ ...f{n + 1} }} }} }} "
        for n in range(length)
    )
    return f"{{ customers {{ nodes {{ ...f0 }} }} }} {fragments} fragment f{length} on Customer {{ id }}"


def merging(depth: int) -> str:
    """Two fields of one name at each level: validation would compare four pairs for each pair above."""
    inner = "id"
    for level in range(depth):
        inner = (
            "customer { " + inner + " } customer { " + inner + " }"
            if level % 2
            else f"primaryContact {{ {inner} }} primaryContact {{ {inner} }}"
        )
    return "{ customers { nodes { " + inner + " } } }"


def cycle(length: int) -> str:
    return "{ ...f0 } " + " ".join(
        f"fragment f{n} on Query {{ viewer {{ name }} ...f{(n + 1) % length} }}" for n in range(length)
    )


def introspection(depth: int) -> str:
    return "{ __schema { types { " + "fields { type { " * depth + "name" + " } }" * depth + " } } }"


HOSTILE = {
    "deep": (nested(30), TOO_COMPLEX),
    "far too deep": (nested(150), TOO_COMPLEX),
    "deeper than a parser goes": ("{ a" * 900 + " }" * 900, TOO_COMPLEX),
    "braces alone": ("{" * 3000, UNPARSED),
    "deep inline fragments": ("{ ..." * 190 + "{ __typename }" + " }" * 190, None),
    "a deep list": ("{ nodes(ids: " + "[" * 900 + "]" * 900 + ") { id } }", TOO_COMPLEX),
    "a deep object": (
        "{ customers(filter: " + "{ not: " * 180 + "{}" + " }" * 180 + ") { totalCount } }",
        None,
    ),
    "a deep type": ("query ($a: " + "[" * 900 + "Int" + "]" * 900 + ") { __typename }", TOO_COMPLEX),
    "wide": ("{ viewer { " + "name " * 1500 + "} }", TOO_COMPLEX),
    "wide in roots": ("{ " + " ".join(f"a{n}: __typename" for n in range(45)) + " }", TOO_COMPLEX),
    "wide in tokens": ("{ " + "__typename " * 5000 + "}", TOO_COMPLEX),
    "repeated fields": ("{ viewer { " + "name " * 900 + "} }", TOO_COMPLEX),
    "aliases": ("{ viewer { " + " ".join(f"a{n}: name" for n in range(500)) + " } }", TOO_COMPLEX),
    "aliases by fragments": (
        "{ viewer { ...f } } fragment f on Viewer { " + " ".join(f"a{n}: name" for n in range(51)) + " }",
        TOO_COMPLEX,
    ),
    "directives": ("{ __typename " + "@include(if: true) " * 500 + "}", TOO_COMPLEX),
    "directives on the operation": ("query " + "@a " * 500 + "{ __typename }", TOO_COMPLEX),
    "directives spread out": ("{ " + "__typename @skip(if: false) " * 100 + "}", TOO_COMPLEX),
    "unknown directives": ("{ __typename " + "".join(f"@a{n} " for n in range(45)) + "}", INVALID),
    "a fragment of itself": ("{ ...f } fragment f on Query { ...f }", INVALID),
    "a cycle of fragments": (cycle(50), INVALID),
    "a cycle below fields": (
        "{ customers { nodes { ...f } } } fragment f on Customer { primaryContact { customer { ...f } } }",
        INVALID,
    ),
    "a cycle nobody spreads": (
        "{ __typename } fragment f on Query { ...g } fragment g on Query { ...f }",
        INVALID,
    ),
    "a small bomb": (bomb(5), None),
    "a longer bomb": (bomb(21), None),
    "a bomb": (bomb(80), None),
    "a wide bomb": (bomb(20, spreads=20), None),
    "a bomb of fields": (field_bomb(8), TOO_COMPLEX),
    "a long bomb of fields": (field_bomb(40), TOO_COMPLEX),
    "many fragments": (
        "{ "
        + " ".join(f"...f{n}" for n in range(150))
        + " } "
        + " ".join(f"fragment f{n} on Query {{ __typename }}" for n in range(150)),
        TOO_COMPLEX,
    ),
    "fields to merge": (merging(8), None),
    "too many fields to merge": (
        "{ customers { nodes { " + "primaryContact { id name } " * 150 + "} } }",
        TOO_COMPLEX,
    ),
    "many operations": (" ".join(f"query q{n} {{ __typename }}" for n in range(300)), TOO_COMPLEX),
    "one operation many times": ("query q { __typename } " * 40, INVALID),
    "many variables": (
        "query (" + " ".join(f"$v{n}: Int" for n in range(600)) + ") { __typename }",
        TOO_COMPLEX,
    ),
    "one variable many times": ("query (" + "$v: Int " * 150 + ") { __typename }", INVALID),
    "a huge integer": ("{ customers(first: " + "9" * 50_000 + ") { totalCount } }", INVALID),
    "a huge float": ("{ customers(first: 1e" + "9" * 5000 + ") { totalCount } }", INVALID),
    "a huge text": ('{ node(id: "' + "x" * 60_000 + '") { id } }', "BAD_USER_INPUT"),
    "a document that is too long": ("{ __typename } #" + "x" * 100_000, TOO_COMPLEX),
    "a huge list": ("{ nodes(ids: [" + '"x" ' * 3900 + "]) { id } }", "BAD_USER_INPUT"),
    "unknown fields": ("{ " + " ".join(f"nam{n}" for n in range(19)) + " }", INVALID),
    "unknown arguments": (
        "{ customers(" + " ".join(f"a{n}: 1" for n in range(900)) + ") { totalCount } }",
        INVALID,
    ),
    "unknown types": (
        " ".join(f"fragment f{n} on Custome{n} {{ id }}" for n in range(90)) + " { __typename }",
        INVALID,
    ),
    "pages in pages": (
        "{ customers(first: 100) { nodes { contacts(first: 100) { nodes { activities(first: 100) { nodes { id } } } } } } }",
        None,
    ),
    "the schema in the schema": (introspection(5), INVALID),
    "the schema again and again": (
        "{ " + " ".join(f"a{n}: __schema {{ types {{ name }} }}" for n in range(20)) + " }",
        None,
    ),
    "a broken escape": ('{ node(id: "\\u{110000}") { id } }', UNPARSED),
    "a text without end": ('{ node(id: "' + "x" * 1000, UNPARSED),
    "a block text without end": ('{ node(id: """' + "\n" * 1000, UNPARSED),
    "control characters": ("{ \x00\x07 }", UNPARSED),
}
REFUSED = {name: each for name, each in HOSTILE.items() if each[1] is not None}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_document_is_answered_soon_and_with_a_code(server: str, db: None, name: str) -> None:
    """The first time it is seen. The guard's work is counted below."""
    document, code = HOSTILE[name]
    headers = {"authorization": f"Bearer {(await make_user()).token}"}
    async with httpx.AsyncClient(base_url=server, headers=headers) as client:
        await client.post("/graphql", json={"query": "{ __typename }"})  # the connection is not what is timed
        limits.forget()
        gc.collect()  # nor is what other tests have left behind

        ordinary = _seconds_of_a_list()
        began = time.thread_time()
        answer = await client.post("/graphql", json={"query": document})
        spent = time.thread_time() - began
        ordinary = max(ordinary, _seconds_of_a_list())

    codes = {error["extensions"]["code"] for error in answer.json().get("errors", ())}
    assert codes == ({code} if code else codes)
    assert "INTERNAL_SERVER_ERROR" not in codes
    assert answer.status_code < 500
    assert spent < MOST * ordinary


def _seconds_of_a_list() -> float:
    began = time.thread_time()
    parse("{ nodes(ids: [" + '"x" ' * 1000 + "]) { id } }")
    return time.thread_time() - began


def test_there_are_forty_of_them() -> None:
    assert len(REFUSED) >= 40


@pytest.mark.parametrize(
    ("document", "steps"),
    [(bomb(5), 40), (field_bomb(3), 400), (nested(8), 100)],
)
def test_the_guard_looks_at_each_selection_a_bounded_number_of_times(document: str, steps: int) -> None:
    """Not the fields that fragments come to, but the selections that are written down."""
    assert _steps(document) <= steps


def test_twice_as_long_a_bomb_is_twice_the_work() -> None:
    """Fields of 2^n, but selections of n."""
    short, long = (limits_guard_steps(field_bomb(n)) for n in (20, 40))

    assert long <= 2.1 * short


def _steps(document: str) -> int:
    return parsed(document).steps


def limits_guard_steps(document: str) -> int:
    """The steps until the refusal."""
    guard = limits.Guard(parse(document))
    with pytest.raises(GraphQLError):
        guard.facts()
    return guard.steps


def test_what_is_known_of_a_document_is_remembered_by_its_text() -> None:
    document = "{ customers(first: 3) { nodes { id } } }"

    assert limits.inspect(parse(document)) is limits.inspect(parse(document))
    assert parsed(document) is limits.known(document)


def test_memory_of_documents_is_bounded() -> None:
    padding = "#" + "x" * 50_000
    for number in range(30):
        parsed(f"{{ a{number}: __typename }} {padding}")

    assert sum(len(text) for text in limits.remembered()) <= limits.KNOWN_CHARACTERS


@pytest.mark.parametrize(
    "name", ["wide in tokens", "aliases", "braces alone", "a broken escape", "a fragment of itself"]
)
async def test_a_refused_document_is_refused_again_in_the_same_words_unread(
    server: str, db: None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kith = Kith(server, (await make_user()).token)
    limits.forget()
    first = await kith.post({"query": HOSTILE[name][0]})
    read: list[str] = []
    monkeypatch.setattr(documents, "parse", lambda text, **_: read.append(text))

    again = await kith.post({"query": HOSTILE[name][0]})

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert first.json()["errors"][0]["extensions"]["code"] == HOSTILE[name][1]
    assert read == []


def test_memory_of_refusals_is_bounded() -> None:
    limits.forget()
    for number in range(limits.MOST_REFUSALS + 20):
        with pytest.raises(GraphQLError):
            parsed("{" * (number + 1))

    assert limits.refusals() == limits.MOST_REFUSALS


@pytest.mark.parametrize(
    ("change", "document", "limit", "found"),
    [
        ({"max_depth": 5}, "{ customers { nodes { contacts { nodes { customer { id } } } } } }", "levels", 6),
        ({"max_fields": 50}, "{ viewer { " + "name " * 60 + "} }", "fields", 61),
        ({"max_aliases": 1}, "{ a: __typename b: __typename }", "aliases", 2),
        ({"max_root_fields": 1}, "{ __typename viewer { name } }", "root fields", 2),
        (
            {"max_directives": 1},
            "{ __typename @skip(if: false) viewer @skip(if: false) { name } }",
            "directives",
            2,
        ),
        (
            {"max_fragments": 1},
            "{ ...a ...b } fragment a on Query { __typename } fragment b on Query { __typename }",
            "fragments",
            2,
        ),
        ({"max_tokens": 100}, "{ " + "__typename " * 100 + "}", "tokens", 101),
        ({"max_document_kb": 4}, "{ __typename } #" + "x" * 4000, "characters", 4016),
        (
            {"max_cost": 100},
            "{ customers(first: 100) { nodes { contacts { nodes { id } } } } }",
            "cost",
            2701,
        ),
    ],
)
async def test_each_limit_is_a_setting_and_says_what_it_is(
    server: str,
    db: None,
    setting: Callable[..., None],
    change: dict[str, int],
    document: str,
    limit: str,
    found: int,
) -> None:
    kith = Kith(server, (await make_user()).token)
    limits.forget()
    setting(**change)

    with pytest.raises(GraphQLFailed) as refusal:
        await kith.graphql(document)

    limits.forget()
    (error,) = refusal.value.errors
    (allowed,) = (value * 1000 if name == "max_document_kb" else value for name, value in change.items())
    told = {"code": TOO_COMPLEX, "limit": limit, "allowed": allowed, "found": found}
    assert error["extensions"] == told
    assert str(allowed) in error["message"]


def test_introspection_as_tools_send_it_is_within_all_limits() -> None:
    facts = parsed(get_introspection_query(specified_by_url=True, one_of=True, input_value_deprecation=True))

    assert limits.cost_of(facts, None, {}) == 5000 <= Settings.model_fields["max_cost"].default
