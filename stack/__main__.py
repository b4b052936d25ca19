"""`python -m stack` is the `kith` command."""

from stack.cli import app

if __name__ == "__main__":
    app()
