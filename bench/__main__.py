"""`python -m bench [read|imports|pdfs]…`: without a name, all of them."""

import importlib
import sys

NAMES = ("read", "imports", "pdfs")


def main() -> None:
    wanted = sys.argv[1:] or NAMES
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        sys.exit(f"There is no bench '{unknown[0]}'. There are: {', '.join(NAMES)}.")
    for name in wanted:
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
