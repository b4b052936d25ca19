"""What an activity is made of."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from crm.activities.models import ActivityType, Outcome
from crm.kernel.errors import Problem
from crm.kernel.fields import Field, table
from crm.kernel.values import parse_multiline, parse_text
from crm.kernel.values.invalid import InvalidCode, InvalidValue

LONGEST = 24 * 60
LASTING = frozenset({ActivityType.CALL, ActivityType.MEETING})
BY_HAND = frozenset(set(ActivityType) - {ActivityType.DEAL_UPDATE})


def _type(value: Any) -> ActivityType:
    if ActivityType(value) not in BY_HAND:
        raise InvalidValue(
            InvalidCode.INVALID_CHOICE, "DEAL_UPDATE is logged by Kith itself. Choose another type."
        )
    return ActivityType(value)


def _instant(value: datetime) -> datetime:
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    if not datetime(1970, 1, 1, tzinfo=UTC) <= value <= datetime.now(UTC) + timedelta(days=3660):
        raise InvalidValue(InvalidCode.OUT_OF_RANGE, "This must be after 1970 and at most ten years ahead.")
    return value


def _minutes(value: int) -> int:
    if not 0 <= value <= LONGEST:
        raise InvalidValue(InvalidCode.OUT_OF_RANGE, f"A duration is from 0 to {LONGEST} minutes.")
    return value


FIELDS = table(
    Field("type", ("type",), _type, required=True),
    Field("title", ("title",), partial(parse_text, max_length=200), required=True),
    Field("description", ("description",), partial(parse_multiline, max_length=20_000)),
    Field("occurred_at", ("occurredAt",), _instant, required=True),
    Field("duration_minutes", ("durationMinutes",), _minutes),
    Field("outcome", ("outcome",), Outcome),
)


def duration_problems(kind: ActivityType | None, duration: int | None) -> list[Problem]:
    """Only calls and meetings last (DOMAIN §4)."""
    if duration is None or kind is None or kind in LASTING:
        return []
    return [
        Problem(("durationMinutes",), "NO_DURATION", "Only a CALL or a MEETING has a duration. Leave it out.")
    ]
