"""`python -m workers` works until told to stop; `python -m workers --check` asks whether one here does."""

import argparse
import asyncio
import sys

from crm.kernel.settings import SettingsError
from workers.health import reported
from workers.main import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m workers", description="Do the jobs Kith has promised.")
    parser.add_argument(
        "--check", action="store_true", help="exit with 0 if a worker of this host is at work"
    )
    parser.add_argument("--import", dest="modules", action="append", default=[], metavar="MODULE",
                        help="also load handlers from this module; may be repeated")  # fmt: skip
    arguments = parser.parse_args()
    try:
        if arguments.check:
            return 0 if asyncio.run(reported()) else 1
        asyncio.run(run(arguments.modules))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
