"""Statements that each break one guard of the database, on the few rows that test_guards.py makes.

There are, among other rows: a LIVE customer with two contacts, a prospect, a draft invoice with a line and a tax, a
sent one with a payment and a delivery. The name of a guard is the one it has in the migrations.
"""

# ruff: noqa: S608  every statement here is ours

from dataclasses import dataclass


@dataclass(frozen=True)
class Copy:
    """A row inserted once more, with a fresh id; `changes` are SQL expressions over the copied row."""

    table: str
    where: str
    changes: dict[str, str]


def copy(table: str, where: str = "true", /, **changes: str) -> Copy:
    return Copy(table, where, changes)


Case = tuple[str, str | Copy]

_FRESH = {"account_number": "null", "external_id": "null", "stage": "'PROSPECT'", "status": "'PROSPECT'"} | {
    "account_manager_id": "null"
}

_LIVE = "stage = 'LIVE'"
_DRAFT = "state = 'DRAFT'"
_SENT = "state = 'SENT'"
_DRAFT_LINE = f"invoice_id in (select id from invoice where {_DRAFT})"
_SENT_PART = f"invoice_id in (select id from invoice where {_SENT})"
_LIVE_NEEDS = (
    "registration_number",
    "account_number",
    "contract_start",
    "contract_end",
    "contract_review",
    "account_manager_id",
)

CHECKS: list[Case] = [
    ("outbox_running_has_lease", "update outbox set state = 'RUNNING'"),
    ("outbox_running_has_lease", "update outbox set lease_until = now()"),
    ("outbox_finished", "update outbox set state = 'DONE'"),
    ("outbox_finished", "update outbox set finished_at = now()"),
    ("status_label_has_status", "update pick_list_item set status = null where list = 'STATUS_LABEL'"),
    ("status_label_has_status", "update pick_list_item set status = 'ACTIVE' where list = 'INDUSTRY'"),
    ("customer_name_not_empty", "update customer set name = ''"),
    ("customer_email_not_empty", "update customer set email = ''"),
    ("customer_status_follows_stage", f"update customer set status = 'PROSPECT' where {_LIVE}"),
    ("customer_status_follows_stage", f"update customer set status = 'ACTIVE' where not {_LIVE}"),
    ("customer_probability_percent", "update customer set probability = 101"),
    ("customer_probability_percent", "update customer set probability = -1"),
    (
        "customer_contract_order",
        f"update customer set contract_start = '2026-02-02', contract_end = '2026-02-01' where not {_LIVE}",
    ),
    ("customer_review_in_contract", f"update customer set contract_review = contract_end + 1 where {_LIVE}"),
    (
        "customer_review_in_contract",
        f"update customer set contract_review = contract_start - 1 where {_LIVE}",
    ),
    *(
        ("customer_live_is_complete", f"update customer set {each} = null where {_LIVE}")
        for each in _LIVE_NEEDS
    ),
    ("customer_block_has_reason", "update customer set blocked_at = now()"),
    ("customer_block_has_reason", "update customer set blocked_reason = 'late'"),
    ("customer_churn_has_reason", f"update customer set status = 'CHURNED' where {_LIVE}"),
    ("customer_one_discount", "update customer set discount_percent = 1, discount_amount = 1"),
    ("customer_discount_range", "update customer set discount_percent = 100.5"),
    ("customer_discount_range", "update customer set discount_percent = -1"),
    ("customer_discount_range", "update customer set discount_amount = -1"),
    ("customer_tax_rate_percent", "update customer set tax_rate = 101"),
    ("customer_tax_rate_percent", "update customer set tax_rate = -1"),
    ("customer_currency_code", "update customer set currency = 'eur'"),
    ("customer_country_code", "update customer set address_country = 'D'"),
    ("contact_name_not_empty", "update contact set name = ''"),
    ("contact_email_not_empty", "update contact set email = ''"),
    ("activity_title_not_empty", "update activity set title = ''"),
    ("activity_duration", "update activity set type = 'NOTE', duration_minutes = 5"),
    ("activity_duration", "update activity set type = 'CALL', duration_minutes = -1"),
    ("segment_rule_if_dynamic", "update segment set rule = null where type = 'DYNAMIC'"),
    ("segment_rule_if_dynamic", "update segment set rule = '{}' where type = 'STATIC'"),
    ("membership_order", "update segment_membership set left_at = entered_at - interval '1 second'"),
    ("legal_entity_name_not_empty", "update legal_entity set name = ''"),
    ("legal_entity_code_form", "update legal_entity set code = 'K-1'"),
    ("legal_entity_terms_not_negative", "update legal_entity set payment_terms_days = -1"),
    ("number_counter_positive", "update number_counter set next_seq = 0"),
    ("invoice_numbered_when_issued", f"update invoice set number = 'INV-1' where {_DRAFT}"),
    ("invoice_numbered_when_issued", f"update invoice set number_seq = 1 where {_DRAFT}"),
    ("invoice_numbered_when_issued", f"update invoice set issue_date = '2026-01-01' where {_DRAFT}"),
    ("invoice_numbered_when_issued", f"update invoice set frozen = '{{}}' where {_DRAFT}"),
    ("invoice_numbered_when_issued", f"update invoice set state = 'SENT' where {_DRAFT}"),
    (
        "invoice_not_negative",
        f"update invoice set lines_total = -1, net_total = -1, gross_total = -1, due_total = -1 where {_DRAFT}",
    ),
    (
        "invoice_not_negative",
        f"update invoice set paid_total = gross_total + 1, due_total = -1 where {_SENT}",
    ),
    ("invoice_gross_adds_up", f"update invoice set gross_total = 1, due_total = 1 where {_DRAFT}"),
    ("invoice_net_adds_up", f"update invoice set lines_total = 1 where {_DRAFT}"),
    ("invoice_due_adds_up", f"update invoice set paid_total = 1 where {_SENT}"),
    ("invoice_paid_in_full", f"update invoice set state = 'PAID' where {_SENT}"),
    ("invoice_void_has_reason", f"update invoice set state = 'VOID' where {_SENT}"),
    ("invoice_void_has_reason", f"update invoice set void_reason = 'wrong' where {_SENT}"),
    (
        "invoice_one_discount",
        f"update invoice set discount_percent = 1, discount_amount = 1 where {_DRAFT}",
    ),
    ("invoice_pdf_whole", f"update invoice set pdf_key = 'k' where {_SENT}"),
    ("invoice_pdf_whole", f"update invoice set pdf_sha256 = 'k' where {_SENT}"),
    (
        "invoice_line_one_discount",
        f"update invoice_line set discount_percent = 1, discount_amount = 1 where {_DRAFT_LINE}",
    ),
    ("invoice_line_price_not_negative", f"update invoice_line set unit_price = -1 where {_DRAFT_LINE}"),
    ("payment_positive", copy("payment", amount="0")),
    ("delivery_sent_when", "update delivery set state = 'SENT'"),
    ("delivery_sent_when", "update delivery set sent_at = now()"),
    ("delivery_failure_has_reason", "update delivery set state = 'FAILED'"),
    ("import_adds_up", "update import set rows_done = 1"),
    ("import_finished", "update import set state = 'COMPLETED'"),
    ("import_finished", "update import set finished_at = now()"),
    ("imported_rows_whole", "update imported_rows set outcomes = '{CREATED}'"),
    ("imported_rows_whole", "update imported_rows set customer_ids = customer_ids[1:1]"),
    ("imported_rows_whole", "update imported_rows set lines = '{}', outcomes = '{}', customer_ids = '{}'"),
    ("imported_rows_ascend", "update imported_rows set lines = '{5, 3}'"),
    ("imported_rows_ascend", "update imported_rows set lines = '{3, 3}'"),
]

UNIQUE: list[Case] = [
    ("outbox_dedupe", copy("outbox", once_key="'another'")),
    ("outbox_once", copy("outbox", dedupe_key="'another'")),
    ("idempotency_key_caller", copy("idempotency_key")),
    ("staff_user_email", copy("staff_user", email="upper(email)")),
    ("business_unit_name", copy("business_unit", name="upper(name)")),
    ("unit_membership_pair", copy("unit_membership")),
    ("login_access", copy("login", refresh_hash="'another'")),
    ("login_refresh", copy("login", access_hash="'another'")),
    ("login_attempt_email", copy("login_attempt")),
    ("api_token_hash", copy("api_token")),
    ("pick_list_item_name", copy("pick_list_item", name="upper(name)")),
    ("required_field_pair", copy("required_field")),
    ("customer_account_number", copy("customer", _LIVE, external_id="'another'")),
    ("customer_external_id", copy("customer", _LIVE, account_number="'another'")),
    ("customer_invoice_type_pair", copy("customer_invoice_type")),
    ("contact_one_primary", copy("contact", "is_primary", email="'another@customer.example'")),
    ("contact_email", copy("contact", "not is_primary", email="upper(email)")),
    ("segment_name", copy("segment", "unit_id is not null", name="upper(name)")),
    ("segment_name", copy("segment", "unit_id is null", name="upper(name)")),
    ("segment_membership_open", copy("segment_membership")),
    ("legal_entity_name", copy("legal_entity", name="upper(name)")),
    ("number_series_kind", copy("number_series")),
    ("number_counter_year", copy("number_counter")),
    ("email_template_language", copy("email_template")),
    ("invoice_number", copy("invoice", _SENT, number_seq="number_seq + 1")),
    ("invoice_sequence", copy("invoice", _SENT, number="'another'")),
    ("invoice_line_position", copy("invoice_line", _DRAFT_LINE)),
    ("invoice_tax_group", copy("invoice_tax", _DRAFT_LINE)),
    ("delivery_message", copy("delivery")),
    ("import_rejected_once", copy("import_rejected_row")),
]

EXCLUSIONS: list[Case] = [
    ("imported_row_once", copy("imported_rows")),
    ("imported_row_once", copy("imported_rows", lines="array[4, 6]")),
    ("imported_row_once", copy("imported_rows", lines="array[1, 3]")),
]

FREED_BY_ARCHIVING: list[Case] = [
    ("business_unit_name", copy("business_unit")),
    ("pick_list_item_name", copy("pick_list_item")),
    ("customer_account_number", copy("customer", _LIVE, external_id="'another'")),
    ("customer_external_id", copy("customer", _LIVE, account_number="'another'")),
    ("segment_name", copy("segment", "unit_id is not null")),
    ("legal_entity_name", copy("legal_entity")),
]

MANAGERS: list[Case] = [
    (
        "customer_manager_in_unit",
        "update customer set account_manager_id = (select id from staff_user where name = 'Outsider')",
    ),
    (
        "customer_manager_in_unit",
        f"update customer set unit_id = (select id from business_unit where name = 'South') where {_LIVE}",
    ),
    ("customer_manager_in_unit", "delete from unit_membership"),
]

_NOBODY = "'00000000-0000-7000-8000-000000000000'"

_CHOICES = ("status_label_id", "customer_group_id", "industry_id", "source_id", "service_provision_id")
_REST = (
    *_CHOICES,
    "account_manager_id",
    "service_manager_id",
    "legal_entity_id",
    "consent_by_id",
    "blocked_by_id",
)

_OUTSIDER = "(select id from staff_user where name = 'Outsider')"

NAMED: list[tuple[str, str, str | Copy]] = [
    *(
        ("customer_insert_names", f"customer_{column}_fkey", copy("customer", **_FRESH | {column: _NOBODY}))
        for column in ("unit_id", "created_by_id", "updated_by_id", *_REST)
    ),
    (
        "customer_insert_names",
        "customer_manager_in_unit",
        copy("customer", **_FRESH | {"account_manager_id": _OUTSIDER}),
    ),
    (
        "customer_update_names",
        "customer_unit_id_fkey",
        f"update customer set unit_id = {_NOBODY} where not {_LIVE}",
    ),
    (
        "customer_update_names",
        "customer_created_by_id_fkey",
        f"update customer set created_by_id = {_NOBODY}",
    ),
    (
        "customer_update_names",
        "customer_updated_by_id_fkey",
        f"update customer set updated_by_id = {_NOBODY} where {_LIVE}",
    ),
    *(
        ("customer_names_anew", f"customer_{column}_fkey", f"update customer set {column} = {_NOBODY}")
        for column in _REST
    ),
    (
        "customer_names_anew",
        "customer_manager_in_unit",
        f"update customer set account_manager_id = {_OUTSIDER} where not {_LIVE}",
    ),
    ("unit_membership_is_named", "customer_manager_in_unit", "delete from unit_membership"),
    (
        "unit_membership_is_named",
        "customer_manager_in_unit",
        f"update unit_membership set user_id = {_OUTSIDER} where unit_id in (select unit_id from customer)",
    ),
    (
        "contact_insert_names",
        "contact_created_by_id_fkey",
        copy("contact", created_by_id=_NOBODY, is_primary="false", email="'another@customer.example'"),
    ),
    ("contact_update_names", "contact_created_by_id_fkey", f"update contact set created_by_id = {_NOBODY}"),
    ("contact_insert_customer", "contact_customer_id_fkey", copy("contact", customer_id=_NOBODY)),
    ("contact_update_customer", "contact_customer_id_fkey", f"update contact set customer_id = {_NOBODY}"),
    ("history_insert_names", "history_entry_unit_id_fkey", copy("history_entry", unit_id=_NOBODY)),
    ("history_insert_names", "history_entry_user_id_fkey", copy("history_entry", user_id=_NOBODY)),
    ("history_update_names", "history_entry_unit_id_fkey", f"update history_entry set unit_id = {_NOBODY}"),
    ("history_update_names", "history_entry_user_id_fkey", f"update history_entry set user_id = {_NOBODY}"),
]
"""The trigger, and the foreign key that would refuse the statement, were it asked for each row."""

_UNMANAGED = {"customer": " where account_manager_id is null"}

STILL_NAMED: list[tuple[str, str, str]] = [
    *(
        (
            guard,
            f"update {table} set {column} = (select id from {named} where name = 'Lone')"
            + _UNMANAGED.get(table, ""),
            statement,
        )
        for guard, named, columns in (
            (
                "business_unit_is_named",
                "business_unit",
                (("customer", "unit_id"), ("history_entry", "unit_id")),
            ),
            (
                "staff_user_is_named",
                "staff_user",
                (
                    ("customer", "service_manager_id"),
                    ("customer", "consent_by_id"),
                    ("customer", "blocked_by_id"),
                    ("customer", "created_by_id"),
                    ("customer", "updated_by_id"),
                    ("contact", "created_by_id"),
                    ("history_entry", "user_id"),
                ),
            ),
            ("pick_list_item_is_named", "pick_list_item", [("customer", column) for column in _CHOICES]),
            ("legal_entity_is_named", "legal_entity", [("customer", "legal_entity_id")]),
        )
        for table, column in columns
        for statement in (
            f"delete from {named} where name = 'Lone'",
            f"update {named} set id = {_NOBODY} where name = 'Lone'",
        )
    ),
    (
        "customer_is_named",
        f"update contact set customer_id = (select id from customer where not {_LIVE})",
        f"update customer set id = {_NOBODY} where not {_LIVE}",
    ),
]
"""The guard, the statement that makes a table name a record, called Lone but for the prospect, and what is refused then."""

TRIGGERS: list[Case] = [
    ("contact_has_primary", "update contact set is_primary = false"),
    ("contact_has_primary", "delete from contact where is_primary"),
    (
        "contact_has_primary",
        f"update contact set customer_id = (select id from customer where not {_LIVE}) where is_primary",
    ),
    (
        "contact_insert_has_primary",
        copy("contact", "not is_primary", customer_id=f"(select id from customer where not {_LIVE})"),
    ),
    ("invoice_frozen", f"update invoice set notes = 'other' where {_SENT}"),
    ("invoice_frozen", f"update invoice set number = 'INV-9' where {_SENT}"),
    ("invoice_frozen", f"update invoice set gross_total = 1, net_total = 1 where {_SENT}"),
    ("invoice_frozen", f"update invoice set state = 'DRAFT' where {_SENT}"),
    ("invoice_frozen", f"delete from invoice where {_SENT}"),
    ("invoice_line_frozen", f"update invoice_line set description = 'other' where {_SENT_PART}"),
    ("invoice_line_frozen", f"delete from invoice_line where {_SENT_PART}"),
    ("invoice_line_frozen", copy("invoice_line", _SENT_PART, position="99")),
    (
        "invoice_line_frozen",
        f"update invoice_line set position = 98, invoice_id = (select id from invoice where {_SENT}) where {_DRAFT_LINE}",
    ),
    (
        "invoice_line_frozen",
        f"update invoice_line set position = 98, invoice_id = (select id from invoice where {_DRAFT}) where {_SENT_PART}",
    ),
    ("invoice_tax_frozen", f"update invoice_tax set tax = 0 where {_SENT_PART}"),
    ("invoice_tax_frozen", f"delete from invoice_tax where {_SENT_PART}"),
    ("invoice_tax_frozen", copy("invoice_tax", _SENT_PART, rate="7")),
    ("payment_kept", "update payment set amount = amount + 1"),
    ("payment_kept", "delete from payment"),
]

SAYS = {
    "contact_insert_has_primary": "contact_has_primary",
    "invoice_line_frozen": "invoice_frozen",
    "invoice_tax_frozen": "invoice_frozen",
    "customer_invoice_type_pair": "uidx_customer_in_custome_3803b8",  # Tortoise makes one of its own for a relation
}
"""The constraint the error names, where that is not the guard's own name."""
