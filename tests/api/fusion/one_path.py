"""An operation with nothing left but the way to one of its fields."""

from collections.abc import Iterator, Sequence

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

Fragments = dict[str, FragmentDefinitionNode]


def alone(document: str, path: Sequence[str | int]) -> str:
    """The document's only operation, of it no field but those on the path of an answer, and what is below its last."""
    parsed = parse(document)
    (operation,) = [each for each in parsed.definitions if isinstance(each, OperationDefinitionNode)]
    fragments = {
        each.name.value: each for each in parsed.definitions if isinstance(each, FragmentDefinitionNode)
    }
    keys = [each for each in path if isinstance(each, str)]
    kept = _kept(operation.selection_set, keys, fragments)
    assert kept.selections, f"{path} is not in {document}"
    used = _Used()
    visit(kept, used)
    for directive in operation.directives or ():
        visit(directive, used)
    variables = [
        each for each in operation.variable_definitions or () if each.variable.name.value in used.names
    ]
    told = OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        directives=operation.directives,
        variable_definitions=tuple(variables),
        selection_set=kept,
    )
    return print_ast(DocumentNode(definitions=(told,)))


def _kept(below: SelectionSetNode, keys: Sequence[str], fragments: Fragments) -> SelectionSetNode:
    """Fragments are written out where they are spread. Without keys, all there is."""
    return SelectionSetNode(selections=tuple(_each_kept(below, keys, fragments)))


def _each_kept(below: SelectionSetNode, keys: Sequence[str], fragments: Fragments) -> Iterator[SelectionNode]:
    for each in below.selections:
        if isinstance(each, FieldNode):
            if keys and (each.alias or each.name).value != keys[0]:
                continue
            inner = each.selection_set and _kept(each.selection_set, keys[1:], fragments)
            if inner is None or inner.selections:
                yield FieldNode(
                    alias=each.alias,
                    name=each.name,
                    arguments=each.arguments,
                    directives=each.directives,
                    selection_set=inner,
                )
            continue
        spread = each if isinstance(each, InlineFragmentNode) else fragments[each.name.value]  # type: ignore[attr-defined]
        inner = _kept(spread.selection_set, keys, fragments)
        if inner.selections:
            yield InlineFragmentNode(
                type_condition=spread.type_condition, directives=each.directives, selection_set=inner
            )


class _Used(Visitor):
    """Notes the variables that are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)
