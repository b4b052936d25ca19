"""Documents on their way to execution: parsed, guarded and validated once, then remembered by their text."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationType,
    Visitor,
    VisitorAction,
    parse,
    validate,
    visit,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from api import limits
from api.errors import with_code
from api.introspection import LogInFirst, may_introspect
from api.limits import DocumentFacts
from crm.kernel.settings import settings

MOST_VALIDATION_ERRORS = 10
DEEPEST = 200  # what graphql-core's parser takes


def parsed(text: str) -> DocumentFacts:
    """What is known of a document. Raises GraphQLError: GRAPHQL_PARSE_FAILED or QUERY_TOO_COMPLEX.

    Refused again, it is not read again: a request looks at its document more than once.
    """
    if found := limits.known(text):
        return found
    limits.refuse_known(text)
    try:
        return limits.inspect(_tree(text))
    except GraphQLError as refusal:
        limits.remember_refusal(text, with_code(refusal))
        raise


def kind_of(text: str | None, operation_name: str | None) -> OperationType | None:
    """Query, mutation or subscription; None for what cannot be told."""
    try:
        return parsed(text or "").kind(operation_name)
    except GraphQLError:
        return None


def _tree(text: str) -> DocumentNode:
    current = settings()
    if len(text) > (most := current.max_document_kb * 1000):
        raise limits.too_complex("characters", most, len(text), "Move values into variables.")
    try:
        return parse(text, max_tokens=current.max_tokens)
    except GraphQLSyntaxError as error:
        if "nested too deeply" in error.message:
            raise limits.too_complex("levels", DEEPEST, DEEPEST + 1, limits.FLATTER, least=True) from None
        if "tokens" not in error.message:
            raise
        most, way_out = current.max_tokens, "Ask for less at once, or move values into variables."
        raise limits.too_complex("tokens", most, most + 1, way_out, least=True) from None


def verdict(
    facts: DocumentFacts, schema: GraphQLSchema, rules: tuple[Any, ...], *, trusted: bool
) -> list[GraphQLError]:
    """What validation says, each thing once. Only who may read the schema is told which of its names was perhaps meant."""
    key = (rules, trusted)
    if key not in facts.verdicts:
        rules = (*rules, MaybeNullValidationRule, OneOfInputValidationRule)
        errors = validate(
            schema, facts.document, rules, max_errors=MOST_VALIDATION_ERRORS, hide_suggestions=not trusted
        )
        facts.verdicts[key] = list({error.message: error for error in reversed(errors)}.values())[::-1]
    return facts.verdicts[key]


class Documents(SchemaExtension):
    """Parses, validates and charges an operation."""

    facts: DocumentFacts

    def on_parse(self) -> Iterator[None]:
        if self.execution_context.query:
            self.facts = parsed(self.execution_context.query)
            self.execution_context.graphql_document = self.facts.document
        yield

    def on_validate(self) -> Iterator[None]:
        execution = self.execution_context
        context = execution.context
        trusted = context is None or may_introspect(context.actor)
        rules = tuple(execution.validation_rules) + (() if trusted else (LogInFirst,))
        execution.pre_execution_errors = verdict(self.facts, execution.schema._schema, rules, trusted=trusted)  # noqa: SLF001  Strawberry has no other way
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        """Charges what the operation may cost; takes @defer and @stream out for whom they cannot be answered."""
        execution = self.execution_context
        context = execution.context
        if context is not None:
            cost = limits.cost_of(self.facts, execution.operation_name, execution.variables or {})
            context.budget = await limits.charge(context, cost)
            if self.facts.incremental and not context.incremental:
                execution.graphql_document = at_once(self.facts.document)
        yield

    def get_results(self) -> dict[str, Any]:
        context = self.execution_context.context
        if context is None or not context.wants_cost or context.budget is None:
            return {}
        return {"cost": context.budget.told()}


def at_once(document: DocumentNode) -> DocumentNode:
    """The same document without @defer and @stream."""
    answer: DocumentNode = visit(document, _AtOnce())
    return answer


class _AtOnce(Visitor):
    def enter_directive(self, node: DirectiveNode, *_: Any) -> VisitorAction:
        return REMOVE if node.name.value in limits.INCREMENTAL else None
