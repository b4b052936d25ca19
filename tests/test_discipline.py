"""What is easily forgotten, checked on the source code itself.

A service changes something on behalf of somebody, in one transaction, leaves a trace in the history and announces
it. The API decodes, calls and encodes. Files and functions stay small. Whoever has a reason not to is named here,
with the reason; one that no longer applies must go.
"""

import ast

import pytest
from source_code import Function, Module, functions, modules, reach, select

HAS_ITS_SQL = {"api.invoices.types.Invoice.is_overdue": "its SQL stands beside it, and asks the database"}
TRANSACTION = "crm.kernel.transaction.transaction"
HISTORY = {"crm.audit.service.record", "crm.audit.service.record_many"}
EVENT = "crm.kernel.events.emit"
WRITES = {
    *("save", "create", "update", "delete"),
    *("bulk_create", "bulk_update", "get_or_create", "update_or_create"),
    *("copy_records_to_table", "executemany"),
}
READS = {"strawberry.field", "connection"}
RESOLVERS = READS | {"mutation", "strawberry.mutation", "strawberry.subscription"}
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 40
MOST_LINES_OF_A_RESOLVER = 15

BY_TOKEN = "whoever has the token is its owner; there is no actor yet"
LOOKS = "it changes no data: it tells PostgreSQL to look at its tables again"
FILES = "it changes no data: it files what indexes have gathered"
BY_WORKER = "a worker's job: it acts for Kith, or for whoever the record says began it"
NO_ACTOR = {
    "crm.customers.search_indexes.file_entries": FILES,
    "crm.accounts.logins.log_in": "nobody is anybody before it",
    "crm.accounts.logins.log_out_with": BY_TOKEN,
    "crm.accounts.logins.refresh": BY_TOKEN,
    "crm.accounts.users.create_admin": "the first admin has nobody to be created by",
    "crm.activities.planned.count_what_came_due": BY_WORKER,
    "crm.imports.previewing.preview": BY_WORKER,
    "crm.imports.rejected.report_rejected_rows": BY_WORKER,
    "crm.imports.running.run": BY_WORKER,
    "crm.imports.statistics.Statistics.note": LOOKS,
    "crm.imports.working.fail": BY_WORKER,
    "crm.invoices.delivering.deliver": BY_WORKER,
    "crm.invoices.pdfs.ensure_pdf": BY_WORKER,
    "crm.segments.evaluation.evaluate": BY_WORKER,
    "crm.segments.evaluation.leave_former_units": BY_WORKER,
    "crm.segments.refresh.refresh": BY_WORKER,
}
IN_STEPS = (
    "a worker's job in steps, each its own transaction, so that another worker goes on where it stopped"
)
NOT_ONE_TRANSACTION = {
    "crm.accounts.users.create_admin": "create_user's",
    "crm.imports.previewing.preview": IN_STEPS,
    "crm.imports.running.run": IN_STEPS,
    "crm.invoices.delivering.deliver": IN_STEPS,
}
OWN_TRACE = "the rows say themselves who, when and how long"
LASTS = "a membership keeps when it began and ended"
IMPORT_TELLS = "what an import came to is the import's own record"
NO_HISTORY = {
    "crm.customers.search_indexes.file_entries": FILES,
    "crm.accounts.logins.log_in": OWN_TRACE,
    "crm.accounts.logins.log_out": OWN_TRACE,
    "crm.accounts.logins.log_out_everywhere": OWN_TRACE,
    "crm.accounts.logins.log_out_with": OWN_TRACE,
    "crm.accounts.logins.refresh": OWN_TRACE,
    "crm.activities.planned.count_what_came_due": "nobody changed anything: time passed",
    "crm.imports.previewing.preview": IMPORT_TELLS,
    "crm.imports.rejected.report_rejected_rows": IMPORT_TELLS,
    "crm.imports.running.run": "it copies the entries of a whole chunk itself, in the chunk's transaction",
    "crm.imports.statistics.Statistics.note": LOOKS,
    "crm.imports.working.fail": IMPORT_TELLS,
    "crm.invoices.pdfs.ensure_pdf": "the document of an invoice that is issued; nothing about it changes",
    "crm.segments.evaluation.evaluate": LASTS,
    "crm.segments.evaluation.leave_former_units": LASTS,
    "crm.segments.refresh.refresh": LASTS,
}
NO_EVENT = {
    "crm.customers.search_indexes.file_entries": FILES,
    "crm.accounts.logins.log_in": "nobody waits for a login to begin",
    "crm.imports.statistics.Statistics.note": LOOKS,
    "crm.activities.planned.count_what_came_due": "it hands back whom it concerns; the worker promises what follows",
}
CHANGES_NOTHING = {
    "api.invoices.mutations.InvoiceMutation.preview_invoice": "a document of what is there, to look at",
}


def only(found: set[str], excused: dict[str, str], wanted: str) -> None:
    """Nobody breaks the rule but those with a reason, and nobody has a reason that is not needed any more."""
    assert sorted(found - set(excused)) == [], f"{wanted}, or give the reason here"
    assert sorted(set(excused) - found) == [], "these keep the rule now: take their reasons away"


def opened(function: Function) -> list[ast.AsyncWith]:
    """Its own `async with transaction()`."""
    return [
        node
        for node in function.inside(ast.AsyncWith)
        if isinstance(node, ast.AsyncWith)
        and any(
            isinstance(item.context_expr, ast.Call)
            and function.module.meant(item.context_expr.func) == TRANSACTION
            for item in node.items
        )
    ]


def is_service(function: Function) -> bool:
    """A public function of a room that changes something: it opens a transaction, or calls what opens one."""
    in_room = not function.name.startswith("crm.kernel.")
    return in_room and function.public and function.is_async and TRANSACTION in reach(function.name)


SERVICES = select("crm", is_service)


def test_there_are_services_to_check() -> None:
    assert len(SERVICES) > 60
    assert {"crm.contacts.service.create_contact", "crm.accounts.users.create_user"} <= SERVICES


def test_every_service_knows_on_whose_behalf_it_acts() -> None:
    anonymous = {name for name in SERVICES if "actor" not in _keywords(functions()[name])}

    only(anonymous, NO_ACTOR, "take a keyword `actor`")


def _keywords(function: Function) -> set[str]:
    return {argument.arg for argument in function.node.args.kwonlyargs}


def test_every_service_is_one_transaction() -> None:
    """In no branch or loop, so that nothing of it happens outside, and nothing twice."""
    several = {name for name in SERVICES if not _is_one_transaction(functions()[name])}

    only(several, NOT_ONE_TRANSACTION, "open exactly one transaction, in no branch or loop")


def _is_one_transaction(function: Function) -> bool:
    own = opened(function)
    branches = function.inside(ast.If, ast.For, ast.AsyncFor, ast.While, ast.Match)
    return len(own) == 1 and not any(own[0] in ast.walk(branch) for branch in branches)


def test_every_service_leaves_a_trace_in_the_history() -> None:
    silent = {name for name in SERVICES if not HISTORY & reach(name)}

    only(silent, NO_HISTORY, "record what was done with crm.audit.service")


def test_every_service_announces_what_happened() -> None:
    silent = {name for name in SERVICES if EVENT not in reach(name)}

    only(silent, NO_EVENT, "emit an event")


def test_events_are_emitted_and_history_is_written_nowhere_but_in_the_business() -> None:
    writers = HISTORY | {EVENT}

    assert select("api", lambda function: bool(writers & function.mentions())) == set()
    assert select("workers", lambda function: bool(writers & function.mentions())) == set()


# The API


def writes(function: Function) -> bool:
    """Whether it awaits a write of the ORM. A service that happens to be called `delete` is given an actor."""
    return any(
        isinstance(node, ast.Await)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr in WRITES
        and "actor" not in {keyword.arg for keyword in node.value.keywords}
        for node in function.inside(ast.Await)
    )


def test_the_api_writes_nothing_itself() -> None:
    assert select("api", writes) == set()


def test_the_api_opens_no_transaction_but_around_an_idempotency_key() -> None:
    assert select("api", lambda function: bool(opened(function))) == {"api.mutations._Mutation._once"}


def test_the_api_calls_nothing_that_writes_within_its_callers_transaction() -> None:
    parts = {name for name in select("crm", _is_part) if not name.startswith("crm.kernel.")}
    assert "crm.accounts.logins.end_logins" in parts

    assert select("api", lambda function: bool(parts & function.mentions())) == set()


def _is_part(function: Function) -> bool:
    return function.public and writes(function) and TRANSACTION not in reach(function.name)


def test_every_mutation_calls_a_service() -> None:
    mutations = select("api", lambda function: "mutation" in function.decorators)
    assert len(mutations) > 30

    services = SERVICES | {"crm.kernel.jobs.retry_job"}
    idle = {name for name in mutations if not services & reach(name)}

    only(idle, CHANGES_NOTHING, "call a service")


def test_reads_hand_back_what_the_executor_awaits() -> None:
    """A resolver that awaits cannot become part of one statement."""
    waits = (ast.Await, ast.AsyncFor, ast.AsyncWith)
    awaiting = select("api", lambda each: bool(READS & each.decorators) and any(each.inside(*waits)))

    assert awaiting == set()


def test_reads_leave_the_clock_to_the_database() -> None:
    """The statements they become are kept for who asks the same again, whenever that is."""
    clock = {"crm.kernel.clock.now", "crm.kernel.clock.today"}
    timely = select("api", lambda each: bool(READS & each.decorators) and bool(clock & reach(each.name)))

    only(timely, HAS_ITS_SQL, "ask the database for the time")


def test_resolvers_are_short() -> None:
    """Without their arguments, which carry their descriptions."""

    def is_long(function: Function) -> bool:
        first, last = function.node.body[0].lineno, function.node.end_lineno or 0
        return bool(RESOLVERS & function.decorators) and last - first + 1 > MOST_LINES_OF_A_RESOLVER

    assert select("api", is_long) == set()


# Size


@pytest.mark.parametrize(
    "module", [m for m in modules() if ".migrations." not in m.name], ids=lambda m: m.name
)
def test_files_and_functions_are_small(module: Module) -> None:
    assert module.lines <= MOST_LINES_OF_A_FILE

    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MOST_LINES_OF_A_FUNCTION, f"{node.name} has {lines} lines"
