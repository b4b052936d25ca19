"""What callers send to make and change segments."""

import strawberry

from api.customers.filters import CustomerFilter

_NAME = "Name, at most 120 characters; unique in its unit while not archived."
_UNIT = "The business unit whose customers it groups. Left out: your only unit; for an admin, a segment over every unit."


@strawberry.input(description="A new segment whose members are added by hand.")
class CreateStaticSegmentInput:
    name: str = strawberry.field(description=_NAME)
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="What it is for, at most 2,000 characters."
    )
    unit_id: strawberry.ID | None = strawberry.field(default=None, description=_UNIT)


@strawberry.input(description="A new segment whose members are those a rule wants.")
class CreateDynamicSegmentInput:
    name: str = strawberry.field(description=_NAME)
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="What it is for, at most 2,000 characters."
    )
    rule: CustomerFilter = strawberry.field(
        description="Whom it wants; archived customers are never in it. Of other segments it speaks by `some` or "
        "`none` with `segment: {eq}` or `{in}`."
    )
    unit_id: strawberry.ID | None = strawberry.field(default=None, description=_UNIT)


@strawberry.input(description="Changes to a segment: fields left out stay as they are, null empties one.")
class UpdateSegmentInput:
    id: strawberry.ID = strawberry.field(description="The segment.")
    expected_version: int | None = strawberry.field(
        default=None, description="The version you read; a newer one is answered with VersionConflict."
    )
    name: str | None = strawberry.field(default=strawberry.UNSET, description="Name; cannot be emptied.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="What it is for.")
    rule: CustomerFilter | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whom a dynamic segment wants; the whole rule, not a part of it. Cannot be emptied.",
    )


@strawberry.input(description="Names a segment.")
class SegmentInput:
    id: strawberry.ID = strawberry.field(description="The segment.")


@strawberry.input(description="Customers for a static segment.")
class SegmentCustomersInput:
    id: strawberry.ID = strawberry.field(description="The segment; a static one.")
    customer_ids: list[strawberry.ID] = strawberry.field(
        description="The customers, 1 to 1,000. If one of them is wrong, nothing is changed."
    )
