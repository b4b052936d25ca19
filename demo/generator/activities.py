"""What the staff did with their customers: calls, e-mails, meetings, tasks, notes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from demo.generator.inputs import Inputs, Prospectus, Topic, days_ago, dealt, happens, stream
from demo.records import Activity, Customer, Person

_ACTIVITIES = 620
_TYPES = {"CALL": 32, "EMAIL": 26, "MEETING": 14, "TASK": 14, "NOTE": 14}
_DURATIONS = {"CALL": (5, 10, 10, 15, 20, 30), "MEETING": (30, 45, 60, 60, 90, 120)}
_WEIGHTS = {"S": 3, "M": 4, "L": 6}
_PERIOD = 540  # days
# Days before the end in which no one spoke to them any more; a few live customers have been forgotten.
_SILENT = {"CHURNED": 190, "INACTIVE": 100, "BLOCKED": 4}
_FORGOTTEN = {"C-10142": 130, "C-10699": 115, "C-10892": 140, "C-10398": 101}
_RECENT = {
    "PROSPECT": 60,
    "WARM_LEAD": 120,
    "QUALIFIED": 180,
    "PROPOSAL": 240,
}  # days since the first contact
_TALKED_ABOUT = frozenset({"Coffee", "Tea", "Chocolate and confectionery", "Oils and vinegars", "Pantry"})
_SATURDAY = 5
_TROUBLED = frozenset({"BLOCKED", "CHURNED"})


@dataclass(frozen=True, slots=True)
class Relation:
    """A customer, whom the staff talk to there, and how many days ago that began and ended."""

    row: Prospectus
    customer: Customer
    contacts: tuple[tuple[str, str], ...]
    first_day: int
    last_day: int


def build_activities(
    inputs: Inputs, customers: dict[str, Customer], people: Sequence[Person]
) -> tuple[Activity, ...]:
    chance = stream("activities")
    relations = [_relation(row, customers[row.account_number], people) for row in inputs.prospectuses]
    weights = [_WEIGHTS[relation.row.size] for relation in relations]
    drawn = relations + chance.choices(relations, weights=weights, k=_ACTIVITIES - len(relations))
    found = [_activity(inputs, relation, chance) for relation in drawn]
    return tuple(sorted(found, key=lambda activity: (activity.occurred_at, activity.account_number)))


def _relation(row: Prospectus, customer: Customer, people: Sequence[Person]) -> Relation:
    others = [(person.name, person.email) for person in people if person.account_number == row.account_number]
    return Relation(
        row=row,
        customer=customer,
        contacts=((customer.contact_name, customer.contact_email), *others),
        first_day=_RECENT.get(row.standing, _PERIOD),
        last_day=_FORGOTTEN.get(row.account_number, _SILENT.get(row.standing, 1)),
    )


def _activity(inputs: Inputs, relation: Relation, chance: random.Random) -> Activity:
    kind = dealt(chance, _TYPES)
    topic = chance.choice([topic for topic in inputs.topics if topic.type == kind])
    # The primary contact is met twice as often as all the others together.
    name, email = relation.contacts[0] if happens(chance, percent=66) else chance.choice(relation.contacts)
    words = {
        "product": chance.choice(
            [product.name for product in inputs.products if product.category in _TALKED_ABOUT]
        ),
        "contact": name,
        "customer": relation.customer.name,
        "city": relation.row.city,
    }
    return Activity(
        account_number=relation.row.account_number,
        type=kind,
        title=topic.title.format(**words),
        occurred_at=_moment(relation, chance),
        staff_email=_colleague(inputs, relation, chance),
        description=topic.description.format(**words),
        duration_minutes=chance.choice(_DURATIONS[kind]) if kind in _DURATIONS else None,
        outcome=_outcome(topic, relation, chance),
        contact_email=email if kind != "NOTE" else None,
    )


def _outcome(topic: Topic, relation: Relation, chance: random.Random) -> str | None:
    possible = topic.outcomes.split("|")
    if relation.row.standing in _TROUBLED and "NEGATIVE" in possible:
        return "NEGATIVE"
    return chance.choice(possible) or None


def _moment(relation: Relation, chance: random.Random) -> datetime:
    """Draw a quarter of an hour from 07:00 to 16:45 UTC: office hours in most of Europe."""
    day = days_ago(chance.randint(relation.last_day, relation.first_day))
    day -= timedelta(days=max(day.weekday() - _SATURDAY + 1, 0))
    return datetime.combine(day, time(7, tzinfo=UTC)) + timedelta(minutes=15 * chance.randrange(40))


def _colleague(inputs: Inputs, relation: Relation, chance: random.Random) -> str:
    """Choose the account manager, or now and then someone else of the unit."""
    manager = relation.customer.account_manager
    if manager and happens(chance, percent=80):
        return manager
    sellers = [person for person in inputs.staff if person.role in {"MANAGER", "AGENT"}]
    return chance.choice([person.email for person in sellers if relation.customer.unit in person.units])
