"""Time. Instants are timezone-aware and UTC; days are the calendar of a named time zone."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    return datetime.now(UTC)


def today(time_zone: str = "UTC") -> date:
    """The calendar day it is now in an IANA time zone."""
    return datetime.now(ZoneInfo(time_zone)).date()


def iso(instant: datetime) -> str:
    """An instant as PostgreSQL writes it into JSON in UTC: no more digits of the second than it has."""
    text = instant.astimezone(UTC).isoformat()
    if "." not in text:
        return text
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.removesuffix('+00:00').rstrip('0')}+00:00"
