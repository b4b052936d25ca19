"""Reading people, units and tokens, narrowed to what the actor may see. All return un-awaited QuerySets."""

from uuid import UUID

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from crm.accounts.models import ApiToken, BusinessUnit, UnitMembership, User
from crm.kernel.actor import Actor


def users_visible_to(actor: Actor) -> QuerySet[User]:
    """Everybody for an admin; for others, themselves and whoever shares a unit with them. By name."""
    users = User.all().order_by("name", "id")
    if actor.sees_all_units:
        return users
    colleagues = UnitMembership.filter(unit_id__in=list(actor.unit_ids)).values("user_id")
    return users.filter(Q(id=actor.user_id) | Q(id__in=Subquery(colleagues)))


def units_visible_to(actor: Actor) -> QuerySet[BusinessUnit]:
    """Every unit for an admin, archived ones included; for others, the ones they are members of. By name."""
    units = BusinessUnit.all().order_by("name", "id")
    return units if actor.sees_all_units else units.filter(id__in=list(actor.unit_ids))


def units_of(actor: Actor, user_id: UUID) -> QuerySet[BusinessUnit]:
    """The units of a user, as far as the actor sees them."""
    own = UnitMembership.filter(user_id=user_id).values("unit_id")
    return units_visible_to(actor).filter(id__in=Subquery(own))


def members_of(actor: Actor, unit_id: UUID) -> QuerySet[User]:
    """The users of a unit; nobody when the actor does not see the unit."""
    members = UnitMembership.filter(unit_id=unit_id)
    if not actor.sees_all_units:
        members = members.filter(unit_id__in=list(actor.unit_ids))
    return User.filter(id__in=Subquery(members.values("user_id"))).order_by("name", "id")


def own_tokens(actor: Actor) -> QuerySet[ApiToken]:
    """The actor's API tokens, newest first; ended ones included."""
    return ApiToken.filter(user_id=actor.user_id).order_by("-created_at", "-id")


def tokens_visible_to(actor: Actor) -> QuerySet[ApiToken]:
    """Everybody's API tokens for an admin, who may have to revoke one; for others, their own. Newest first."""
    return ApiToken.all().order_by("-created_at", "-id") if actor.sees_all_units else own_tokens(actor)
