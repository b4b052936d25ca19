"""`python -m workers` works until told to stop; `python -m workers --check` asks whether one here does."""

import argparse
import sys
from collections.abc import Sequence

from crm.kernel.settings import SettingsError
from workers.check import reported


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(not reported()) if arguments.check else _work(arguments.modules)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers", description="Do the jobs Kith has promised.")
    parser.add_argument(
        "--check", action="store_true", help="exit with 0 if a worker of this host is at work"
    )
    parser.add_argument(
        "--import",
        dest="modules",
        action="append",
        default=[],
        metavar="MODULE",
        help="also load handlers from this module; may be repeated",
    )
    return parser


def _work(modules: Sequence[str]) -> int:
    import uvloop  # noqa: PLC0415  a health check has no use for it

    from workers.main import run  # noqa: PLC0415  as little

    uvloop.run(run(modules))
    return 0


if __name__ == "__main__":
    sys.exit(main())
