"""What a document may ask of the server before anything is executed, and what it is charged.

- `inspect`: the document guard. Pure; it looks at each selection once, however often fragments are spread.
- `cost_of`: the objects an operation can come to, by its page sizes (api/costs.py).
- `charge`: takes that from the caller's budget (api/budgets.py).

None of it knows Strawberry: whatever answers an operation calls these three, in this order.
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    SourceLocation,
)

from api.budgets import Budget, charge
from api.costs import Cost, cost_of
from crm.kernel.settings import settings

__all__ = ["Budget", "DocumentFacts", "charge", "cost_of", "inspect", "known", "too_complex"]

KNOWN_CHARACTERS = 1_000_000  # of the documents that are remembered: their trees take a hundred times as much
MOST_REFUSALS = 500  # that are remembered, without their documents
LONGEST_REFUSAL = 1000  # characters: some repeat a word of the document
MOST_OPERATIONS = 50
MOST_REPEATS = 5000  # pairs of fields under one response name, each of which validation compares
MOST_VARIABLES = 200
COUNTED = 1_000_000_000  # beyond which nobody cares how many there are
INCREMENTAL = {"defer", "stream"}
FLATTER = "Ask for nested records in a request of their own."


@dataclass
class DocumentFacts:
    """What is known of a document. `expanded`, `aliases`, `depth` count fragments as often as they are spread."""

    document: DocumentNode
    operations: dict[str | None, OperationDefinitionNode]
    depth: int = 0
    expanded: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0
    fragments: int = 0
    incremental: bool = False
    steps: int = 0
    costs: dict[str | None, Cost] = field(default_factory=dict, repr=False)
    verdicts: dict[Any, list[GraphQLError]] = field(default_factory=dict, repr=False)

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation of that name; without a name the only one, and None if there are several."""
        if name:
            return self.operations.get(name)
        return next(iter(self.operations.values())) if len(self.operations) == 1 else None

    def kind(self, name: str | None) -> OperationType | None:
        found = self.operation(name)
        return found.operation if found else None


@dataclass(slots=True, frozen=True)
class _Refusal:
    """What is kept of a refused document: its words, none of its tree or text."""

    message: str
    locations: list[SourceLocation] | None
    extensions: dict[str, Any]


_known: OrderedDict[str, DocumentFacts] = OrderedDict()
_refused: OrderedDict[bytes, _Refusal] = OrderedDict()
_weight = 0


def known(text: str) -> DocumentFacts | None:
    """What is remembered of this text."""
    found = _known.get(text)
    if found is not None:
        _known.move_to_end(text)
    return found


def remembered() -> list[str]:
    """The texts that are remembered, the longest unused first."""
    return list(_known)


epoch = 0
"""How often all documents were forgotten: what is kept of them elsewhere is of its own epoch only."""


def forget() -> None:
    """Forgets all documents, such as after a limit has changed."""
    global _weight, epoch  # noqa: PLW0603
    epoch += 1
    _known.clear()
    _refused.clear()
    _weight = 0


def remember_refusal(text: str, refusal: GraphQLError) -> None:
    """Keeps the coded refusal of a document, for as long as there is room for it."""
    if len(refusal.message) > LONGEST_REFUSAL:
        return
    told = _Refusal(refusal.message, refusal.locations, dict(refusal.extensions or {}))
    _refused[_name(text)] = told
    if len(_refused) > MOST_REFUSALS:
        _refused.popitem(last=False)


def refuse_known(text: str) -> None:
    """Raises GraphQLError, the refusal that is remembered of this text, if there is one."""
    told = _refused.get(_name(text)) if _refused else None
    if told is not None:
        error = GraphQLError(told.message, extensions=dict(told.extensions))
        error.locations = told.locations
        raise error


def refusals() -> int:
    """How many are remembered."""
    return len(_refused)


def _name(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def inspect(document: DocumentNode) -> DocumentFacts:
    """The facts of a parsed document, remembered by its text. Raises GraphQLError (QUERY_TOO_COMPLEX)."""
    text = document.loc.source.body if document.loc else None
    if text is not None and (found := known(text)):
        return found
    try:
        facts = Guard(document).facts()
    except RecursionError:  # fragments that nest in fragments, each of them deep
        raise too_complex(
            "levels", settings().max_depth, settings().max_depth + 1, FLATTER, least=True
        ) from None
    if text is not None:
        _remember(text, facts)
    return facts


def too_complex(limit: str, allowed: int, found: int, way_out: str, *, least: bool = False) -> GraphQLError:
    """The refusal of a document: which limit, what it allows, what was found, and the way out."""
    many = f"more than {allowed if least else COUNTED}" if least or found > COUNTED else str(found)
    message = f"The document has {many} {limit}; at most {allowed} are allowed. {way_out}"
    told = {"limit": limit, "allowed": allowed, "found": min(found, COUNTED)}
    return GraphQLError(message, extensions={"code": "QUERY_TOO_COMPLEX", **told})


def _remember(text: str, facts: DocumentFacts) -> None:
    global _weight  # noqa: PLW0603  the process has one memory of documents
    _known[text] = facts
    _weight += len(text)
    while _weight > KNOWN_CHARACTERS:
        oldest, _ = _known.popitem(last=False)
        _weight -= len(oldest)


@dataclass(slots=True)
class _Size:
    """What one selection set comes to, its fragments expanded."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0

    def add(self, other: "_Size", levels: int = 0) -> None:
        self.depth = max(self.depth, other.depth + levels)
        self.fields += other.fields
        self.aliases += other.aliases


class Guard:
    """One look at a document. `steps` counts the selections it looked at."""

    def __init__(self, document: DocumentNode) -> None:
        self.document = document
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.steps = 0
        self.directives = 0
        self.incremental = False
        self._sizes: dict[str, _Size] = {}

    def facts(self) -> DocumentFacts:
        operations = [each for each in self.document.definitions if isinstance(each, OperationDefinitionNode)]
        self._check_definitions(operations)
        for fragment in self.fragments.values():
            self._note_directives(fragment)
            self._size_of_fragment(fragment.name.value, ())
        found = DocumentFacts(
            self.document, {each.name.value if each.name else None: each for each in operations}
        )
        found.fragments = len(self.fragments)
        for operation in operations:
            self._note_directives(operation)
            self._check_size(found, self._size(operation.selection_set, ()))
        self._check_directives(found)
        for operation in operations:
            self._check_merging(found, operation)
        found.incremental, found.steps = self.incremental, self.steps
        return found

    def _check_definitions(self, operations: list[OperationDefinitionNode]) -> None:
        most = settings().max_fragments
        _within("operations", MOST_OPERATIONS, len(operations), "Send them one by one.")
        _within("fragments", most, len(self.fragments), "Use fewer, larger fragments.")
        variables = max((len(each.variable_definitions or ()) for each in operations), default=0)
        _within("variables", MOST_VARIABLES, variables, "Put them together in one input.")

    def _check_size(self, found: DocumentFacts, size: _Size) -> None:
        current = settings()
        found.depth = max(found.depth, size.depth)
        found.expanded = max(found.expanded, size.fields)
        found.aliases = max(found.aliases, size.aliases)
        _within("levels", current.max_depth, size.depth, FLATTER)
        _within("fields", current.max_fields, size.fields, "Ask for less at once, or spread fewer fragments.")
        _within(
            "aliases", current.max_aliases, size.aliases, "Ask for several records by nodes(ids) or in lists."
        )

    def _check_directives(self, found: DocumentFacts) -> None:
        found.directives = self.directives
        _within("directives", settings().max_directives, self.directives, "Leave some out.")

    def _size(self, selections: SelectionSetNode, path: tuple[str, ...]) -> _Size:
        total = _Size()
        for each in selections.selections:
            self.steps += 1
            self._note_directives(each)
            if isinstance(each, FragmentSpreadNode):
                total.add(self._size_of_fragment(each.name.value, path))
                continue
            inner = each.selection_set  # type: ignore[attr-defined]  # a field or an inline fragment
            levels = 0
            if isinstance(each, FieldNode):
                total.add(_Size(1, 1, 1 if each.alias else 0))
                levels = 1
            if inner:
                total.add(self._size(inner, path), levels)
        return total

    def _size_of_fragment(self, name: str, path: tuple[str, ...]) -> _Size:
        """Looked at once; of an unknown one, validation tells."""
        if name in self._sizes:
            return self._sizes[name]
        if name not in self.fragments:
            return _Size()
        if name in path:
            code = {"code": "GRAPHQL_VALIDATION_FAILED"}
            raise GraphQLError(
                f"The fragment '{name}' spreads itself.", self.fragments[name], extensions=code
            )
        self._sizes[name] = self._size(self.fragments[name].selection_set, (*path, name))
        return self._sizes[name]

    def _note_directives(self, node: Any) -> None:
        for directive in node.directives or ():
            self.directives += 1
            self.incremental |= directive.name.value in INCREMENTAL

    def _check_merging(self, found: DocumentFacts, operation: OperationDefinitionNode) -> None:
        """Counts root fields, and the pairs of fields that validation compares because they answer under one name."""
        level = [list(self._fields(operation.selection_set, set()))]
        names = {_response_name(each) for each in level[0]}
        found.root_fields = max(found.root_fields, len(names))
        _within("root fields", settings().max_root_fields, len(names), "Send them in several requests.")
        repeats = 0
        while level:
            groups = [group for fields in level for group in _by_name(fields)]
            repeats += sum(len(group) * (len(group) - 1) // 2 for group in groups)
            _within("repeated fields", MOST_REPEATS, repeats, "Name each field once.")
            level = [inner for group in groups if (inner := list(self._below(group)))]

    def _below(self, group: list[FieldNode]) -> Iterator[FieldNode]:
        seen: set[str] = set()
        for each in group:
            if each.selection_set:
                yield from self._fields(each.selection_set, seen)

    def _fields(self, selections: SelectionSetNode, seen: set[str]) -> Iterator[FieldNode]:
        """The fields at this level; each fragment once, as the executor collects them."""
        for each in selections.selections:
            self.steps += 1
            if isinstance(each, FieldNode):
                yield each
            elif isinstance(each, FragmentSpreadNode):
                if each.name.value in self.fragments and each.name.value not in seen:
                    seen.add(each.name.value)
                    yield from self._fields(self.fragments[each.name.value].selection_set, seen)
            else:
                yield from self._fields(each.selection_set, seen)  # type: ignore[attr-defined]


def _within(limit: str, allowed: int, found: int, way_out: str) -> None:
    if found > allowed:
        raise too_complex(limit, allowed, found, way_out)


def _response_name(each: FieldNode) -> str:
    return (each.alias or each.name).value


def _by_name(fields: list[FieldNode]) -> list[list[FieldNode]]:
    counts = Counter(_response_name(each) for each in fields)
    if len(counts) == len(fields):
        return [[each] for each in fields]
    groups: dict[str, list[FieldNode]] = {name: [] for name in counts}
    for each in fields:
        groups[_response_name(each)].append(each)
    return list(groups.values())
