"""Time. Instants are timezone-aware and UTC; days are the calendar of a named time zone."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    return datetime.now(UTC)


def today(time_zone: str = "UTC") -> date:
    """The calendar day it is now in an IANA time zone."""
    return datetime.now(ZoneInfo(time_zone)).date()
