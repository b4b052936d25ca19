"""API tokens through HTTP: what scripts may do with one, and when it ends."""

from datetime import timedelta
from typing import Any

import pytest
from database_contents import contents
from factories import Person, make_customer, make_unit, make_user
from kith_client import GraphQLFailed, Kith

from crm.accounts.models import ApiToken, BusinessUnit, UnitMembership, User
from crm.contacts.models import Contact
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode

TOKEN = "secret apiToken { id name hint scope expiresAt revokedAt user { name } }"
TOKENS = "{ apiTokens { totalCount nodes { name revokedAt } } }"
VIEWER = "{ viewer { name scope permissions } }"


def codes(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"]) for error in payload["errors"]]


async def create(kith: Kith, **fields: Any) -> dict[str, Any]:
    given = {"name": "report", "expiresAt": (now() + timedelta(days=30)).isoformat()}
    return await kith.mutate("createApiToken", "CreateApiTokenInput", TOKEN, given | fields)


async def revoke(kith: Kith, token_id: str) -> dict[str, Any]:
    return await kith.mutate("revokeApiToken", "ApiTokenInput", TOKEN, {"id": token_id})


async def script(server: str, person: Person, scope: str) -> Kith:
    made = await create(Kith(server, person.token), scope=scope)
    assert made["errors"] == []
    return Kith(server, made["secret"])


async def person_with_customer(role: Role = Role.MANAGER) -> tuple[Person, dict[str, Any]]:
    """Somebody, and what `createContact` needs for a customer of theirs."""
    unit = await make_unit()
    customer = await make_customer(unit=unit)
    given = {"customerId": encode(Kind.CUSTOMER, customer.id), "name": "Ada", "email": "ada@example.com"}
    return await make_user(role, [unit]), given


async def test_a_tokens_secret_is_shown_once_and_works(server: str, db: None) -> None:
    ann = await make_user(Role.MANAGER, name="Ann")

    made = await create(Kith(server, ann.token))

    assert made["errors"] == []
    assert made["secret"].startswith(made["apiToken"]["hint"])
    assert (made["apiToken"]["scope"], made["apiToken"]["user"]) == ("READ", {"name": "Ann"})
    viewer = (await Kith(server, made["secret"]).graphql(VIEWER))["viewer"]
    assert (viewer["name"], viewer["scope"]) == ("Ann", "READ")
    assert viewer["permissions"] == ["READ", "EXPORT"]
    kept = (await ApiToken.all().values())[0]
    assert made["secret"] not in str(kept)


async def test_a_token_that_reads_changes_nothing(server: str, db: None) -> None:
    ann, given = await person_with_customer()
    reader = await script(server, ann, "READ")
    before = await contents(without=("api_token",))

    refused = await reader.mutate("createContact", "CreateContactInput", "contact { id }", given)

    assert [code for code, _ in codes(refused)] == ["FORBIDDEN"]
    assert refused["contact"] is None
    assert "scope WRITE" in refused["errors"][0]["message"]
    assert await contents(without=("api_token",)) == before


async def test_a_token_that_writes_changes_what_its_user_may(server: str, db: None) -> None:
    ann, given = await person_with_customer()
    writer = await script(server, ann, "WRITE")

    made = await writer.mutate("createContact", "CreateContactInput", "contact { name }", given)

    assert made == {"contact": {"name": "Ada"}, "errors": []}
    assert (await Contact.get()).created_by_id == ann.user.id


async def test_a_token_reaches_only_what_its_user_reaches_now(server: str, db: None) -> None:
    ann, given = await person_with_customer()
    writer = await script(server, ann, "WRITE")
    await UnitMembership.filter(user_id=ann.user.id).delete()
    before = await contents(without=("api_token",))

    refused = await writer.mutate("createContact", "CreateContactInput", "contact { id }", given)

    assert codes(refused) == [("NOT_FOUND", ["customerId"])]
    assert await contents(without=("api_token",)) == before


@pytest.mark.parametrize("scope", ["READ", "WRITE"])
async def test_no_token_manages_users_tokens_or_logins(server: str, db: None, scope: str) -> None:
    admin, other = await make_user(Role.ADMIN), await make_user()
    token = await script(server, admin, scope)
    user_id, token_id = encode(Kind.USER, other.user.id), encode(Kind.API_TOKEN, (await ApiToken.get()).id)
    before = await contents(without=("api_token",))

    attempts = [
        create(token),
        revoke(token, token_id),
        token.mutate("deactivateUser", "UserInput", "user { id }", {"id": user_id}),
        token.mutate("setUserUnits", "SetUserUnitsInput", "user { id }", {"id": user_id, "unitIds": []}),
        token.mutate(
            "resetPassword",
            "ResetPasswordInput",
            "user { id }",
            {"id": user_id, "newPassword": "a new and longer one 77"},
        ),
        token.mutate(
            "changePassword",
            "ChangePasswordInput",
            "user { id }",
            {"currentPassword": "x", "newPassword": "a new and longer one 77"},
        ),
    ]
    for attempt in attempts:
        assert [code for code, _ in codes(await attempt)] == ["FORBIDDEN"]
    for end in ("logOut", "logOutEverywhere"):
        answer = await token.graphql(f"mutation {{ {end} {{ errors {{ code }} }} }}")
        assert answer[end]["errors"] == [{"code": "FORBIDDEN"}]

    assert await contents(without=("api_token",)) == before
    assert (await ApiToken.get()).revoked_at is None


async def test_a_revoked_token_ends_at_once(server: str, db: None) -> None:
    ann = await make_user()
    mine = Kith(server, ann.token)
    made = await create(mine)

    revoked = await revoke(mine, made["apiToken"]["id"])

    assert revoked["errors"] == []
    assert (revoked["secret"], revoked["apiToken"]["revokedAt"] is None) == (None, False)
    assert await Kith(server, made["secret"]).graphql(VIEWER) == {"viewer": None}
    again = await revoke(mine, made["apiToken"]["id"])
    assert again["apiToken"] == revoked["apiToken"]


async def test_an_expired_token_and_one_of_a_deactivated_user_are_nobodys(server: str, db: None) -> None:
    ann, bob = await make_user(), await make_user()
    expired, idle = await script(server, ann, "READ"), await script(server, bob, "READ")
    await ApiToken.filter(user_id=ann.user.id).update(expires_at=now() - timedelta(seconds=1))
    await User.filter(id=bob.user.id).update(active=False)

    for each in (expired, idle):
        assert await each.graphql(VIEWER) == {"viewer": None}
        with pytest.raises(GraphQLFailed) as refusal:
            await each.graphql(TOKENS)
        assert refusal.value.codes == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": ""}, ("REQUIRED", ["name"])),
        ({"name": "x" * 121}, ("TOO_LONG", ["name"])),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ("INVALID_EXPIRY", ["expiresAt"])),
        ({"expiresAt": "2999-01-01T00:00:00Z"}, ("INVALID_EXPIRY", ["expiresAt"])),
        ({"expiresAt": "2027-01-01T00:00:00"}, ("INVALID_EXPIRY", ["expiresAt"])),
    ],
)
async def test_a_token_without_a_name_or_a_near_end_is_not_made(
    server: str, db: None, fields: dict[str, str], expected: tuple[str, list[str]]
) -> None:
    kith = Kith(server, (await make_user()).token)
    before = await contents()

    refused = await create(kith, **fields)

    assert codes(refused) == [expected]
    assert (refused["secret"], refused["apiToken"]) == (None, None)
    assert await contents() == before


async def test_people_see_and_end_their_own_tokens_and_admins_everybodys(server: str, db: None) -> None:
    ann, bob, admin = await make_user(Role.MANAGER), await make_user(), await make_user(Role.ADMIN)
    made = await create(Kith(server, ann.token), name="Ann's")
    await create(Kith(server, bob.token), name="Bob's")
    before = await contents()

    refused = await revoke(Kith(server, bob.token), made["apiToken"]["id"])

    assert codes(refused) == [("NOT_FOUND", ["id"])]
    assert await contents() == before
    own = (await Kith(server, bob.token).graphql(TOKENS))["apiTokens"]
    assert own == {"totalCount": 1, "nodes": [{"name": "Bob's", "revokedAt": None}]}
    hidden = await Kith(server, bob.token).graphql(
        "query ($id: ID!) { node(id: $id) { id } }", {"id": made["apiToken"]["id"]}
    )
    assert hidden == {"node": None}
    everybodys = (await Kith(server, admin.token).graphql(TOKENS))["apiTokens"]["nodes"]
    assert [token["name"] for token in everybodys] == ["Bob's", "Ann's"]
    assert (await revoke(Kith(server, admin.token), made["apiToken"]["id"]))["errors"] == []


# The same key, the same answer


async def test_a_repeated_key_opens_one_unit_and_answers_the_same(server: str, db: None) -> None:
    admin = Kith(server, (await make_user(Role.ADMIN)).token, {"idempotency-key": "unit-1"})
    given = {"name": "North"}

    answers = [
        await admin.mutate("createBusinessUnit", "CreateBusinessUnitInput", "businessUnit { id name }", given)
        for _ in range(2)
    ]

    assert answers[0] == answers[1]
    assert answers[0]["errors"] == []
    assert await BusinessUnit.all().count() == 1


async def test_a_mutation_that_hands_out_a_secret_ignores_the_key(server: str, db: None) -> None:
    ann = Kith(server, (await make_user()).token, {"idempotency-key": "token-1"})

    first, second = await create(ann), await create(ann)

    assert first["secret"] != second["secret"]
    assert await ApiToken.all().count() == 2
