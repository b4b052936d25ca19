"""What calls about segments have in common."""

from crm.accounts.models import BusinessUnit
from crm.kernel.ids import Kind, encode
from crm.segments.models import Segment

FIELDS = "segment { id name description type rule refreshedAt staleSince version memberCount unit { name } createdBy { name } }"
RULE = {
    "or": [{"country": {"in": ["DE", "FR"]}}, {"contractValue": {"gt": "100000"}}],
    "status": {"eq": "PROSPECT"},
    "contacts": {"some": {"consent": {"eq": "GIVEN"}, "primary": {"eq": True}}},
}


def id_of(segment: Segment) -> str:
    return encode(Kind.SEGMENT, segment.id)


def unit_id_of(unit: BusinessUnit) -> str:
    return encode(Kind.BUSINESS_UNIT, unit.id)
