"""The states of an import and what each allows, as a table.

         ┌──────────────── configure ────────────────┐
         ▼                                           │
start ► UPLOADED ─ preview ► PREVIEWING ─ scanned ► READY ─ run ► RUNNING ─ last row ► COMPLETED
                                 └──────────── unreadable ───────────┴► FAILED
cancel: from each of the first four to CANCELLED; what is in stays in.
"""

from collections.abc import Mapping
from enum import StrEnum

from crm.imports.models import ImportState
from crm.kernel.errors import InvalidTransition


class Action(StrEnum):
    """What can be done to an import; the values are the API's names."""

    CONFIGURE = "configureImport"
    PREVIEW = "previewImport"
    RUN = "runImport"
    CANCEL = "cancelImport"


class Outcome(StrEnum):
    """What becomes of a row."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"


class UnknownChoices(StrEnum):
    """What to do with a row that names a choice, user or legal entity that is not there."""

    REJECT = "REJECT"
    LEAVE_EMPTY = "LEAVE_EMPTY"


ALLOWED: Mapping[ImportState, tuple[Action, ...]] = {
    ImportState.UPLOADED: (Action.CONFIGURE, Action.PREVIEW, Action.CANCEL),
    ImportState.PREVIEWING: (Action.CANCEL,),
    ImportState.READY: (Action.CONFIGURE, Action.PREVIEW, Action.RUN, Action.CANCEL),
    ImportState.RUNNING: (Action.CANCEL,),
    ImportState.COMPLETED: (),
    ImportState.CANCELLED: (),
    ImportState.FAILED: (),
}

PREVIEW_ROWS = 20
PREVIEW_PROBLEMS = 200


def check(action: Action, state: ImportState) -> None:
    """Raises InvalidTransition unless the state allows the action."""
    if action not in ALLOWED[state]:
        raise InvalidTransition(action.value, state.value, (each.value for each in ALLOWED[state]))
