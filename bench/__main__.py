"""`python -m bench [read|imports|pdfs]…`: without a name, all of these; `growth` only by name, since it takes long.

One name may have options of its own: `python -m bench read --help`.
"""

import importlib
import sys

ALL = ("read", "imports", "pdfs")
NAMES = (*ALL, "growth")
WITH_OPTIONS = ("read", "growth")


def main() -> None:
    first, *rest = sys.argv[1:] or [""]
    if first in {"-h", "--help"}:
        sys.exit(__doc__)
    if first in WITH_OPTIONS and all(name not in NAMES for name in rest):
        importlib.import_module(f"bench.{first}").main(rest)
        return
    wanted = sys.argv[1:] or ALL
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        sys.exit(f"There is no bench '{unknown[0]}'. There are: {', '.join(NAMES)}.")
    for name in wanted:
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
