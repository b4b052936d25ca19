"""What a timeline can be filtered by."""

from crm.activities.models import ActivityType, Outcome
from crm.kernel.filtering import FilterField, FilterSet, Operand, searched
from crm.kernel.ids import Kind

ACTIVITY_FILTERS = FilterSet(
    {
        "type": FilterField(Operand.ENUM, "type", choices=ActivityType),
        "outcome": FilterField(Operand.ENUM, "outcome", choices=Outcome),
        "title": searched("title"),
        "user": FilterField(Operand.ID, "user_id", kind=Kind.USER),
        "contact": FilterField(Operand.ID, "contact_id", kind=Kind.CONTACT),
        "customer": FilterField(Operand.ID, "customer_id", kind=Kind.CUSTOMER),
        "occurredAt": FilterField(Operand.INSTANT, "occurred_at"),
        "durationMinutes": FilterField(Operand.WHOLE, "duration_minutes"),
    }
)
