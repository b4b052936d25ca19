"""Asking for aggregates: documents that select everything, and short ways to ask."""

from typing import Any

from factories import Person
from kith_client import Kith

_MONEY = "{ sum { amount currency } avg { amount currency } min { amount } max { amount currency } }"
_NUMBERS = "{ sum avg min max }"
_NAMED = "{ id name }"

CUSTOMERS = f"""query (
  $filter: CustomerFilter, $search: String, $groupBy: [CustomerGrouping!], $orderBy: [CustomerAggregateOrder!],
  $first: Int! = 100, $timeZone: String! = "UTC") {{
  groups: customersAggregate(
    filter: $filter, search: $search, groupBy: $groupBy, orderBy: $orderBy, first: $first, timeZone: $timeZone) {{
    __typename count contractValue {_MONEY} probability {_NUMBERS}
    key {{
      stage status country industry {_NAMED} source {_NAMED} customerGroup {_NAMED} unit {_NAMED}
      accountManager {_NAMED} currency created liveSince contractEnd }} }} }}"""

INVOICES = f"""query (
  $filter: InvoiceFilter, $search: String, $groupBy: [InvoiceGrouping!], $orderBy: [InvoiceAggregateOrder!],
  $first: Int! = 100) {{
  groups: invoicesAggregate(filter: $filter, search: $search, groupBy: $groupBy, orderBy: $orderBy, first: $first) {{
    count net {_MONEY} tax {_MONEY} gross {_MONEY} paid {_MONEY} due {_MONEY}
    key {{
      state currency customer {{ id name unit {{ name }} contacts(first: 1) {{ nodes {{ name }} }} }}
      legalEntity {_NAMED} invoiceType {_NAMED} country unit {_NAMED} accountManager {_NAMED} issueDate dueDate
      age }} }} }}"""

ACTIVITIES = f"""query (
  $filter: ActivityFilter, $search: String, $groupBy: [ActivityGrouping!], $orderBy: [ActivityAggregateOrder!],
  $first: Int! = 100, $timeZone: String! = "UTC") {{
  groups: activitiesAggregate(
    filter: $filter, search: $search, groupBy: $groupBy, orderBy: $orderBy, first: $first, timeZone: $timeZone) {{
    count durationMinutes {_NUMBERS}
    key {{ type outcome user {_NAMED} customer {_NAMED} unit {_NAMED} occurred }} }} }}"""

DOCUMENTS = {"customers": CUSTOMERS, "invoices": INVOICES, "activities": ACTIVITIES}


async def groups(server: str, person: Person | None, of: str, **variables: Any) -> list[dict[str, Any]]:
    answer = await Kith(server, person.token if person else None).graphql(DOCUMENTS[of], variables)
    found: list[dict[str, Any]] = answer["groups"]
    return found


def by(*names: str) -> list[dict[str, str]]:
    """`by("STATE", "ISSUE_DATE MONTH")`: groupings, with a bucket where one is named."""
    return [dict(zip(("field", "bucket"), name.split(), strict=False)) for name in names]
