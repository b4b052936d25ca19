"""What becomes of each row, one after the other in the order of the file; pure, on what was looked up before.

A row meets the customer that has its key: one that was there, or one an earlier row made. So duplicates inside
the file follow the same rule as those outside it, however the file is cut into chunks.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from crm.accounts.rules import may_edit
from crm.customers.fields import CUSTOMER_FIELDS
from crm.customers.models import Consent, Status
from crm.customers.rules import contradictions, with_billing
from crm.imports.cells import CellProblem, together
from crm.imports.changelog import Changelog
from crm.imports.creation import contact_values, taken_out
from crm.imports.models import DuplicateRule
from crm.imports.plan import CONTACT_KEYS, ImportPlan, ParsedRow, Ready, required_problems
from crm.imports.rules import Outcome
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.ids import uuid7, uuid7s

UNIQUE_COLUMNS = ("account_number", "external_id")


@dataclass(slots=True, eq=False)
class Person:
    """A contact of a customer, as it is after the rows so far. `text`: of a prepared row, instead of the values."""

    id: UUID
    values: dict[str, Any]
    is_primary: bool
    is_new: bool
    rows: int = 0
    text: str | None = None


@dataclass(slots=True, eq=False)
class Target:
    """A customer a row met or made, as it is after the rows so far.

    `line`: of the row that made it; `text`: what a prepared row made of it, instead of all its values.
    """

    id: UUID
    values: dict[str, Any]
    status: Status = Status.PROSPECT
    line: int | None = None
    contacts: dict[str, Person] = field(default_factory=dict)
    rows: int = 0
    changed: AbstractSet[str] = frozenset()
    text: str | None = None

    @property
    def name(self) -> str:
        made = f"the customer of line {self.line}"
        return made if self.line is not None else f"'{self.values.get('name')}'"


@dataclass(slots=True)
class Known:
    """What was there before a chunk, or became of it: `matches` by key, `owners` by unique column and value.

    `keys`, `values`: what the chunk's rows have, and was looked up.
    """

    keys: AbstractSet[str] = frozenset()
    values: dict[str, AbstractSet[str]] = field(default_factory=dict)
    matches: dict[str, list[Target]] = field(default_factory=dict)
    owners: dict[str, dict[str, Target]] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """What a chunk comes to. `rejected`: line and cells, as JSON; `problems`: line, problem, whether it cost the row."""

    outcomes: list[tuple[int, Outcome, UUID]] = field(default_factory=list)
    created: list[Target] = field(default_factory=list)
    updated: dict[UUID, Target] = field(default_factory=dict)
    changelog: Changelog = field(default_factory=Changelog)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    problems: list[tuple[int, CellProblem, bool]] = field(default_factory=list)
    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))


class Decider:
    """Decides the rows of one chunk, and adds what they make to what is known. A `trusting` one takes account numbers and
    external ids for free.
    """

    def __init__(self, plan: ImportPlan, known: Known, actor: Actor, *, trusting: bool = False) -> None:
        self._plan, self._actor = plan, actor
        self._matches, self._owners = known.matches, known.owners
        self._lower = plan.key_column == "email"
        self._matching = plan.duplicate_rule is not DuplicateRule.CREATE_NEW
        self._unique = tuple(column for column in UNIQUE_COLUMNS if column in plan.mapped and not trusting)
        self._has_billing = plan.has_billing
        self._ids = uuid7s()
        self._fresh = (next(self._ids), next(self._ids))
        self.changes = Changes(changelog=Changelog(plan.references.names))

    def decide(self, rows: Sequence[ParsedRow]) -> Changes:
        """All rows of a chunk. Its customers get ids in the order of their names: so the entries of most of their indexes,
        which begin with a name or end with an id, stand side by side, at a tenth less of what PostgreSQL does for a row.
        """
        counts = self.changes.counts
        for row, ids in zip(rows, self._ids_by_name(rows), strict=True):
            self._fresh = ids
            counts[self._decide(row)] += 1
        return self.changes

    def _ids_by_name(self, rows: Sequence[ParsedRow]) -> list[tuple[UUID, UUID]]:
        """Of each row's customer and contact, should it make them."""
        ids = [self._fresh] * len(rows)
        names = [row.values.get("name", "").lower() for row in rows]
        for place in sorted(range(len(rows)), key=names.__getitem__):
            ids[place] = (next(self._ids), next(self._ids))
        return ids

    def decide_one(self, row: ParsedRow) -> Outcome:
        self._fresh = (next(self._ids), next(self._ids))
        outcome = self._decide(row)
        self.changes.counts[outcome] += 1
        return outcome

    def _decide(self, row: ParsedRow) -> Outcome:
        if row.problems:
            return self._reject(row, row.problems)
        for warning in row.warnings:
            self.changes.problems.append((row.line, warning, False))
        key = self._key(row.values)
        found = self._met(key)
        if not found:
            return self._create(row, key)
        if self._plan.duplicate_rule is DuplicateRule.SKIP:
            self.changes.outcomes.append((row.line, Outcome.SKIPPED, found[0].id))
            return Outcome.SKIPPED
        return self._update(row, found)

    def _key(self, values: Mapping[str, Any]) -> str | None:
        if not self._matching:
            return None
        key: str | None = values.get(self._plan.key_column)
        return key.lower() if key and self._lower else key

    def _met(self, key: str | None) -> list[Target]:
        return self._matches.get(key, []) if key is not None else []

    def _reject(self, row: ParsedRow, problems: Iterable[CellProblem]) -> Outcome:
        cells = row.cells if isinstance(row.cells, str) else orjson.dumps(row.cells).decode()
        self.changes.rejected.append((row.line, cells))
        self.changes.problems.extend((row.line, problem, True) for problem in problems)
        return Outcome.FAILED

    def _create(self, row: ParsedRow, key: str | None) -> Outcome:
        values = row.values
        customer_id, contact_id = self._fresh
        target = Target(customer_id, values, line=row.line)
        problems = self._problems_of_new(target)
        if problems:
            return self._reject(row, problems)
        if row.ready is not None:
            self._make_ready(target, contact_id, row.ready)
        else:
            self._make(target, contact_id)
        self._remember(target, key)
        self.changes.created.append(target)
        self.changes.outcomes.append((row.line, Outcome.CREATED, target.id))
        return Outcome.CREATED

    def _make(self, target: Target, contact_id: UUID) -> None:
        values = target.values
        person = taken_out(values)
        if self._has_billing:
            target.values = with_billing(values, {})
        if values.get("consent", Consent.UNKNOWN) is not Consent.UNKNOWN:
            target.values |= {"consent_at": now(), "consent_by_id": self._actor.user_id}
        if person:
            primary = Person(contact_id, contact_values(person), is_primary=True, is_new=True)
            target.contacts[person["contact_email"].lower()] = primary
        log = self.changes.changelog
        log.created(target.id, log.creation(values, person))

    def _make_ready(self, target: Target, contact_id: UUID, ready: Ready) -> None:
        target.text = ready.customer
        if ready.contact is not None:
            target.contacts[""] = Person(contact_id, {}, is_primary=True, is_new=True, text=ready.contact)
        self.changes.changelog.created(target.id, ready.history)

    def _problems_of_new(self, target: Target) -> list[CellProblem]:
        values, plan = target.values, self._plan
        problems = self._taken(target, values) if self._unique else []
        if plan.duplicate_rule is DuplicateRule.UPDATE:
            problems += required_problems(values, plan)
        if "status_label_id" in values:
            problems += self._label(values["status_label_id"], Status.PROSPECT)
        return problems

    def _remember(self, target: Target, key: str | None) -> None:
        if key is not None:
            self._matches[key] = [target]
        self._own(target, target.values)

    def _own(self, target: Target, values: Mapping[str, Any]) -> None:
        for column in self._unique:
            value = values.get(column)
            if value is not None:
                self._owners.setdefault(column, {})[value] = target

    def _taken(self, target: Target, values: Mapping[str, Any]) -> list[CellProblem]:
        problems = []
        for column in self._unique:
            value = values.get(column)
            owner = self._owner(column, value) if value is not None else None
            if owner is not None and owner.id != target.id:
                message = f"{CUSTOMER_FIELDS[column].label} '{value}' belongs to {owner.name}. Use another."
                problems.append(CellProblem(self._plan.column_of(column), value, "ALREADY_TAKEN", message))
        return problems

    def _owner(self, column: str, value: str) -> Target | None:
        owner = self._owners.get(column, {}).get(value)
        # It may have given the value up to another one in an earlier row.
        return owner if owner is not None and owner.values.get(column, value) == value else None

    def _label(self, label: UUID, status: Status) -> list[CellProblem]:
        references = self._plan.references
        if references.statuses.get(label) is status:
            return []
        name = references.names[label]
        message = f"'{name}' is a label for {references.statuses[label]} customers; this one is {status}."
        return [CellProblem(self._plan.column_of("status_label_id"), name, "LABEL_OF_OTHER_STATUS", message)]

    def _update(self, row: ParsedRow, found: list[Target]) -> Outcome:
        target = found[0]
        given = {name: value for name, value in row.values.items() if name not in CONTACT_KEYS}
        if given.get("consent") is Consent.UNKNOWN:
            del given["consent"]
        if self._lower:
            del given["email"]  # the same address, perhaps in other case
        problems = self._problems_of_change(target, given, several=len(found) > 1)
        if problems:
            return self._reject(row, problems)
        self._apply(target, given)
        self._apply_contact(target, row.values)
        self.changes.outcomes.append((row.line, Outcome.UPDATED, target.id))
        return Outcome.UPDATED

    def _problems_of_change(
        self, target: Target, given: Mapping[str, Any], *, several: bool
    ) -> list[CellProblem]:
        plan, current = self._plan, target.values
        if several:
            key = plan.key_column
            message = f"Several customers have this {CUSTOMER_FIELDS[key].label.lower()}: choose another key."
            return [CellProblem(plan.column_of(key), given.get(key), "AMBIGUOUS_KEY", message)]
        if not may_edit(self._actor, (current.get("account_manager_id"), current.get("service_manager_id"))):
            message = "This customer belongs to a colleague: only they or a manager may change it."
            return [CellProblem(plan.column_of(plan.key_column), None, "FORBIDDEN", message)]
        problems = together(contradictions(given, current), plan.cells)
        if self._unique:
            problems += self._taken(target, given)
        label = given.get("status_label_id")
        if label is not None and label != current.get("status_label_id"):
            problems += self._label(label, target.status)
        stage = given.get("stage")
        if stage is not None and target.status is not Status.PROSPECT:
            message = "This customer is LIVE: its stage no longer changes. Empty the cell."
            problems.append(CellProblem(plan.column_of("stage"), stage, "INVALID_TRANSITION", message))
        return problems

    def _apply(self, target: Target, given: dict[str, Any]) -> None:
        told = with_billing(given, target.values)
        after = {name: value for name, value in told.items() if value != target.values.get(name)}
        if not after:
            return
        if "consent" in after:
            after |= {"consent_at": now(), "consent_by_id": self._actor.user_id}
        self.changes.changelog.updated(target.id, target.values, after)
        target.values = {**target.values, **after}
        target.changed |= after.keys()
        target.rows += 1
        self._own(target, after)
        if target.line is None:
            self.changes.updated[target.id] = target

    def _apply_contact(self, target: Target, values: Mapping[str, Any]) -> None:
        """Changes the customer's contact with that address, or adds one, primary if it is the first."""
        if "contact_name" not in values:
            return
        given = {name: values[name] for name in CONTACT_KEYS if name in values}
        address = given.setdefault("contact_email", target.values.get("email", ""))
        person = target.contacts.get(address.lower())
        if person is None:
            added = _person(given, is_primary=not target.contacts)
            target.contacts[address.lower()] = added
            self.changes.changelog.contact_added(target.id, added.id, added.values)
        else:
            after = {
                name: value
                for name, value in _told_of_contact(given).items()
                if name != "email" and value != person.values[name]
            }
            if not after:
                return
            self.changes.changelog.contact_updated(target.id, person.id, person.values, after)
            person.values |= after
            person.rows += 1
        if target.line is None:
            self.changes.updated[target.id] = target


def _person(given: Mapping[str, Any], *, is_primary: bool) -> Person:
    empty = dict.fromkeys(("name", "email", "phone", "title", "department"))
    return Person(uuid7(), empty | _told_of_contact(given), is_primary, is_new=True)


def _told_of_contact(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("contact_"): value for name, value in given.items()}
