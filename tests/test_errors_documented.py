"""docs/errors.md lists every error code, with its meaning and what to do about it, and none that is gone."""

import re
from collections import Counter

from error_codes import error_codes
from source_code import CHECKOUT

from api.schema import schema
from crm.kernel.errors import DomainError

PAGE = CHECKOUT / "docs" / "errors.md"
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| (.+) \| (.+) \|$", re.MULTILINE)


def documented() -> list[tuple[str, str, str]]:
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


def test_every_code_is_documented() -> None:
    known = {code for code, _, _ in documented()}

    missing = {code: module for code, module in error_codes().items() if code not in known}
    assert missing == {}, "Add them to docs/errors.md."


def test_no_code_is_documented_that_nothing_uses() -> None:
    used = error_codes()

    assert [code for code, _, _ in documented() if code not in used] == []


def test_codes_are_documented_once_in_alphabetical_order_and_with_sentences() -> None:
    rows = documented()

    assert [code for code, times in Counter(code for code, _, _ in rows).items() if times > 1] == []
    assert [code for code, *cells in rows if not all(cell.strip().endswith(".") for cell in cells)] == []
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        codes = [code for code, _, _ in ROW.findall(section)]
        assert codes == sorted(codes)


def test_the_codes_of_all_named_errors_were_collected() -> None:
    """The collection reads the source; this asks the classes themselves."""
    assert schema.as_str()  # everything is imported by now
    assert {each.code for each in _subclasses(DomainError)} <= error_codes().keys()


def _subclasses(kind: type[DomainError]) -> list[type[DomainError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _subclasses(child))]
