"""Loads all that registers handlers, subscribers, schedules and events: each room's, where it has some."""

from importlib import import_module
from importlib.util import find_spec

from crm.kernel.database import ROOMS

OWN = ("workers.events", "workers.housekeeping")


def load() -> None:
    for module in OWN:
        import_module(module)
    for room in ROOMS:
        for module in (f"crm.{room}.events", f"workers.{room}"):
            if find_spec(module):
                import_module(module)
