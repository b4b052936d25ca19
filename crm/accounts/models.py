"""People who work with Kith, the units they work in, and how they prove who they are."""

from enum import StrEnum
from uuid import UUID

from tortoise import Model, fields
from tortoise.fields.db_defaults import Now

from crm.kernel.actor import Role, Scope
from crm.kernel.models import key


class BusinessUnit(Model):
    id = key()
    name = fields.CharField(max_length=120)
    time_zone = fields.CharField(max_length=60, default="UTC")
    archived_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField(db_default=Now())
    updated_at = fields.DatetimeField(db_default=Now())

    memberships: fields.ReverseRelation["UnitMembership"]

    class Meta:
        table = "business_unit"


class User(Model):
    id = key()
    email = fields.CharField(max_length=254)
    name = fields.CharField(max_length=120)
    password_hash = fields.CharField(max_length=200)
    role = fields.CharEnumField(Role, max_length=10)
    active = fields.BooleanField(default=True)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField(db_default=Now())
    updated_at = fields.DatetimeField(db_default=Now())

    memberships: fields.ReverseRelation["UnitMembership"]
    api_tokens: fields.ReverseRelation["ApiToken"]

    class Meta:
        table = "staff_user"


class UnitMembership(Model):
    id = key()
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "crm.User", related_name="memberships", on_delete=fields.CASCADE
    )
    unit: fields.ForeignKeyRelation[BusinessUnit] = fields.ForeignKeyField(
        "crm.BusinessUnit", related_name="memberships", on_delete=fields.CASCADE
    )
    created_at = fields.DatetimeField(db_default=Now())

    user_id: UUID
    unit_id: UUID

    class Meta:
        table = "unit_membership"


class Transport(StrEnum):
    """How a login proves itself on each request."""

    BEARER = "BEARER"
    COOKIE = "COOKIE"


class Login(Model):
    """One link of a chain of logins: each refresh spends its refresh token and begins the family's next link.

    BEARER: a short access token and a refresh token. COOKIE: one token that lives as long as a refresh token, and
    none to refresh with, since scripts in the page cannot read it. `revoked_at` ends a link at once;
    `refreshed_at` only its refresh token: requests on their way with the older access token still arrive.
    """

    id = key()
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "crm.User", related_name="logins", on_delete=fields.CASCADE
    )
    family = fields.UUIDField()
    transport = fields.CharEnumField(Transport, max_length=10)
    access_hash = fields.CharField(max_length=64)
    access_expires_at = fields.DatetimeField()
    refresh_hash = fields.CharField(max_length=64, null=True)
    refresh_expires_at = fields.DatetimeField()
    refreshed_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    user_agent = fields.CharField(max_length=300, default="")
    created_at = fields.DatetimeField(db_default=Now())

    user_id: UUID

    class Meta:
        table = "login"


class LoginAttempt(Model):
    """Wrong passwords in a row for one e-mail address, a user's or not; the address itself is not kept."""

    id = key()
    email_hash = fields.CharField(max_length=64)
    attempts = fields.IntField()
    blocked_until = fields.DatetimeField(null=True)
    last_at = fields.DatetimeField(db_default=Now())

    class Meta:
        table = "login_attempt"


class ApiToken(Model):
    """A user's token for scripts. Only its hash is kept; the first characters tell tokens apart."""

    id = key()
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "crm.User", related_name="api_tokens", on_delete=fields.CASCADE
    )
    name = fields.CharField(max_length=120)
    hint = fields.CharField(max_length=20)
    token_hash = fields.CharField(max_length=64)
    scope = fields.CharEnumField(Scope, max_length=10, default=Scope.READ)
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(db_default=Now())

    user_id: UUID

    class Meta:
        table = "api_token"
