"""Customers and the pick lists that describe them."""

from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import Model, fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.indexes import Index

from crm.accounts.models import BusinessUnit, User
from crm.kernel.models import FoldedText, key

if TYPE_CHECKING:
    from crm.activities.models import Activity
    from crm.contacts.models import Contact
    from crm.invoices.models import Invoice, LegalEntity
    from crm.segments.models import SegmentMembership


class Stage(StrEnum):
    """Where a customer stands in the sales pipeline."""

    PROSPECT = "PROSPECT"
    WARM_LEAD = "WARM_LEAD"
    QUALIFIED = "QUALIFIED"
    PROPOSAL = "PROPOSAL"
    LIVE = "LIVE"


class Status(StrEnum):
    """How the relationship stands. PROSPECT exactly while the stage is not LIVE."""

    PROSPECT = "PROSPECT"
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    CHURNED = "CHURNED"


class Consent(StrEnum):
    UNKNOWN = "UNKNOWN"
    GIVEN = "GIVEN"
    WITHDRAWN = "WITHDRAWN"


class PickList(StrEnum):
    """The lists an admin edits."""

    SOURCE = "SOURCE"
    SERVICE_PROVISION = "SERVICE_PROVISION"
    CUSTOMER_GROUP = "CUSTOMER_GROUP"
    INDUSTRY = "INDUSTRY"
    INVOICE_TYPE = "INVOICE_TYPE"
    STATUS_LABEL = "STATUS_LABEL"


class PickListItem(Model):
    id = key()
    list = fields.CharEnumField(PickList, max_length=20)
    name = fields.CharField(max_length=120)
    position = fields.IntField(default=0)
    status = fields.CharEnumField(Status, max_length=10, null=True)
    archived_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField(db_default=Now())
    updated_at = fields.DatetimeField(db_default=Now())

    customers_allowed: "fields.ManyToManyRelation[Customer]"

    class Meta:
        table = "pick_list_item"


class Phase(StrEnum):
    """When a required field is required."""

    CREATE = "CREATE"
    LIVE = "LIVE"


class RequiredField(Model):
    """A field an admin requires beyond the built-in ones."""

    id = key()
    phase = fields.CharEnumField(Phase, max_length=10)
    field = fields.CharField(max_length=60)

    class Meta:
        table = "required_field"


def _pick() -> "fields.ForeignKeyNullableRelation[PickListItem]":
    return fields.ForeignKeyField(
        "crm.PickListItem", related_name=False, on_delete=fields.RESTRICT, null=True
    )


def _user() -> "fields.ForeignKeyNullableRelation[User]":
    return fields.ForeignKeyField("crm.User", related_name=False, on_delete=fields.RESTRICT, null=True)


class Customer(Model):
    id = key()
    unit: fields.ForeignKeyRelation[BusinessUnit] = fields.ForeignKeyField(
        "crm.BusinessUnit", related_name="customers", on_delete=fields.RESTRICT
    )
    name = fields.CharField(max_length=200)
    sort_name = FoldedText(generated=True)
    email = fields.CharField(max_length=254)
    sort_email = FoldedText(generated=True)
    phone = fields.CharField(max_length=40, null=True)
    fax = fields.CharField(max_length=40, null=True)
    website = fields.CharField(max_length=300, null=True)
    description = fields.TextField(null=True)
    stage = fields.CharEnumField(Stage, max_length=10, default=Stage.PROSPECT)
    status = fields.CharEnumField(Status, max_length=10, default=Status.PROSPECT)
    status_label = _pick()
    customer_group = _pick()
    industry = _pick()
    source = _pick()
    service_provision = _pick()
    account_manager = _user()
    service_manager = _user()

    address_building = fields.CharField(max_length=120, null=True)
    address_street = fields.CharField(max_length=200, null=True)
    address_city = fields.CharField(max_length=120, null=True)
    address_state = fields.CharField(max_length=120, null=True)
    address_postcode = fields.CharField(max_length=20, null=True)
    address_country = fields.CharField(max_length=2, null=True)
    billing_same = fields.BooleanField(default=True)
    billing_building = fields.CharField(max_length=120, null=True)
    billing_street = fields.CharField(max_length=200, null=True)
    billing_city = fields.CharField(max_length=120, null=True)
    billing_state = fields.CharField(max_length=120, null=True)
    billing_postcode = fields.CharField(max_length=20, null=True)
    billing_country = fields.CharField(max_length=2, null=True)

    registration_number = fields.CharField(max_length=60, null=True)
    vat_id = fields.CharField(max_length=30, null=True)
    account_number = fields.CharField(max_length=60, null=True)
    external_id = fields.CharField(max_length=120, null=True)
    contract_start = fields.DateField(null=True)
    contract_end = fields.DateField(null=True)
    contract_review = fields.DateField(null=True)
    contract_value = fields.DecimalField(max_digits=18, decimal_places=4, null=True)
    probability = fields.SmallIntField(null=True)
    currency = fields.CharField(max_length=3, default="EUR")
    discount_percent = fields.DecimalField(max_digits=7, decimal_places=4, null=True)
    discount_amount = fields.DecimalField(max_digits=18, decimal_places=4, null=True)
    tax_rate = fields.DecimalField(max_digits=7, decimal_places=4, null=True)
    payment_terms_days = fields.SmallIntField(null=True)
    legal_entity: "fields.ForeignKeyNullableRelation[LegalEntity]" = fields.ForeignKeyField(
        "crm.LegalEntity", related_name=False, on_delete=fields.RESTRICT, null=True
    )
    invoice_types: fields.ManyToManyRelation[PickListItem] = fields.ManyToManyField(
        "crm.PickListItem", through="customer_invoice_type", related_name="customers_allowed"
    )
    consent = fields.CharEnumField(Consent, max_length=10, default=Consent.UNKNOWN)
    consent_at = fields.DatetimeField(null=True)
    consent_by = _user()
    language = fields.CharField(max_length=10, default="en")
    tags: list[str] = ArrayField(element_type="text", default=list, db_default=SqlDefault("'{}'"))

    blocked_at = fields.DatetimeField(null=True)
    blocked_reason = fields.CharField(max_length=500, null=True)
    blocked_by = _user()
    churned_at = fields.DatetimeField(null=True)
    churn_reason = fields.CharField(max_length=500, null=True)
    live_since = fields.DatetimeField(null=True)
    archived_at = fields.DatetimeField(null=True)
    last_activity_at = fields.DatetimeField(null=True)

    version = fields.IntField(default=1, db_default=SqlDefault("1"))
    created_at = fields.DatetimeField(db_default=Now())
    updated_at = fields.DatetimeField(db_default=Now())
    created_by = _user()
    updated_by = _user()

    contacts: "fields.ReverseRelation[Contact]"
    activities: "fields.ReverseRelation[Activity]"
    invoices: "fields.ReverseRelation[Invoice]"
    memberships: "fields.ReverseRelation[SegmentMembership]"

    unit_id: UUID
    status_label_id: UUID | None
    customer_group_id: UUID | None
    industry_id: UUID | None
    source_id: UUID | None
    service_provision_id: UUID | None
    account_manager_id: UUID | None
    service_manager_id: UUID | None
    legal_entity_id: UUID | None
    consent_by_id: UUID | None
    blocked_by_id: UUID | None
    created_by_id: UUID | None
    updated_by_id: UUID | None

    class Meta:
        table = "customer"
        indexes = (
            Index(fields=("unit_id", "sort_name", "id"), name="customer_unit_name"),
            Index(fields=("sort_name", "id"), name="customer_name"),
            Index(fields=("created_at", "id"), name="customer_created"),
            Index(fields=("updated_at", "id"), name="customer_updated"),
            Index(fields=("last_activity_at", "id"), name="customer_last_activity"),
            Index(fields=("status", "stage"), name="customer_status_stage"),
            Index(fields=("address_country", "sort_name", "id"), name="customer_country_name"),
            Index(fields=("sort_email", "id"), name="customer_email"),
            Index(fields=("address_city", "id"), name="customer_city"),
            Index(fields=("contract_value", "id"), name="customer_contract_value"),
            Index(fields=("contract_end", "id"), name="customer_contract_end"),
            Index(fields=("probability", "id"), name="customer_probability"),
            Index(fields=("live_since", "id"), name="customer_live_since"),
        )
