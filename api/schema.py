"""Assembles the rooms; nothing else."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from api import costs
from api.accounts.logins import LoginMutation
from api.accounts.mutations import AccountMutation
from api.accounts.queries import AccountQuery
from api.activities.mutations import ActivityMutation
from api.activities.queries import ActivityQuery
from api.analytics.queries import AnalyticsQuery
from api.audit.queries import AuditQuery
from api.contacts.mutations import ContactMutation
from api.contacts.queries import ContactQuery
from api.customers.mutations import CustomerMutation
from api.customers.queries import CustomerQuery
from api.customers.settings import CustomerSettingsMutation
from api.customers.subscriptions import CustomerSubscription
from api.documents import Documents
from api.errors import USER_ERRORS
from api.executor import Executor, Schema
from api.explain import Explain
from api.imports.mutations import ImportMutation
from api.imports.queries import ImportQuery
from api.imports.subscriptions import ImportSubscription
from api.invoices.entity_mutations import LegalEntityMutation
from api.invoices.mutations import InvoiceMutation
from api.invoices.queries import InvoiceQuery
from api.invoices.subscriptions import InvoiceSubscription
from api.jobs.mutations import JobMutation
from api.jobs.queries import JobQuery
from api.nodes import NodeQuery
from api.observed import OperationsObserved
from api.reading import Remembered
from api.scalars import SCALARS
from api.segments.mutations import SegmentMutation
from api.segments.queries import SegmentQuery
from api.segments.subscriptions import SegmentSubscription


@strawberry.type(description="Every read.")
class Query(
    NodeQuery,
    AccountQuery,
    CustomerQuery,
    ContactQuery,
    ActivityQuery,
    SegmentQuery,
    AuditQuery,
    InvoiceQuery,
    AnalyticsQuery,
    ImportQuery,
    JobQuery,
):
    pass


@strawberry.type(description="Every change. Each is a transaction of its own; a refused one changes nothing.")
class Mutation(
    LoginMutation,
    AccountMutation,
    CustomerMutation,
    CustomerSettingsMutation,
    ContactMutation,
    ActivityMutation,
    SegmentMutation,
    InvoiceMutation,
    LegalEntityMutation,
    ImportMutation,
    JobMutation,
):
    pass


@strawberry.type(
    description="What happens, as it happens. A lost connection goes on after the last event's id."
)
class Subscription(CustomerSubscription, SegmentSubscription, InvoiceSubscription, ImportSubscription):
    pass


def build(executor: type[Executor] = Executor) -> Schema:
    built = Schema(
        Query,
        Mutation,
        Subscription,
        types=USER_ERRORS,
        extensions=[OperationsObserved, Documents, Explain, Remembered],
        config=StrawberryConfig(scalar_map=SCALARS, enable_experimental_incremental_execution=True),
        execution_context_class=executor,
    )
    costs.measure(built.core)
    return built


schema = build()
