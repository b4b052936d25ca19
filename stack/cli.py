"""The `kith` command."""
# ruff: noqa: PLC0415 - a command imports what it needs: `kith --help` must not wait for the whole application

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from stack.duplicates import Key, OnDuplicate
from stack.errors import CallFailed, StartError

commands = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
SERVE = "Run parts of it"
DATA = "Data"
CHECKS = "Checks"


def app() -> None:
    """Run the command line; a reason not to start is one sentence and exit code 1, never a traceback."""
    try:
        commands(prog_name="kith")
    except Exception as error:
        if not is_for_people(error):
            raise
        typer.echo(f"kith: {error}", err=True)
        sys.exit(1)


def is_for_people(error: Exception) -> bool:
    from crm.kernel.errors import DomainError
    from crm.kernel.settings import SettingsError

    return isinstance(error, StartError | SettingsError | DomainError | CallFailed)


@commands.callback()
def kith() -> None:
    """Kith: a CRM and invoicing backend.

    [bold]kith dev[/bold] runs all of it on this machine; [bold]kith doctor[/bold] says what is missing.
    Settings come from the environment or a .env file: DATABASE_URL, REDIS_URL, SMTP_URL, STORAGE_URL, KITH_…
    """


@commands.command(epilog="Example: kith dev --port 9000")
def dev(
    port: Annotated[int, typer.Option(help="Port of the API; the next free one if it is taken.")] = 8000,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Whether a new database gets the demo company.")
    ] = True,
) -> None:
    """Run everything on this machine until Ctrl-C: PostgreSQL, Valkey, mail catcher, API, worker.

    State is kept in .kith/ of the checkout, or in KITH_HOME. Whatever DATABASE_URL, REDIS_URL or SMTP_URL
    point elsewhere is not started here.
    """
    from stack.dev import Dev
    from stack.home import Home

    Dev(Home.find(), port=port, demo=demo, say=say).run()


@commands.command(rich_help_panel=SERVE, epilog="Example: kith api --host 0.0.0.0 --port 8000")
def api(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the API. Start several behind a balancer to serve more."""
    from stack import lean
    from stack.home import Home
    from stack.services import attach

    attach(Home.find())
    told = [host, str(port), *([] if fd is None else [str(fd)])]
    os.execv(sys.executable, [*lean.python(), "-m", "stack.serve", *told])  # noqa: S606 - becomes our own program


@commands.command(rich_help_panel=SERVE)
def worker() -> None:
    """Run one worker: imports, PDFs, e-mail, segments. Start several to work on more jobs at once."""
    from stack.home import Home
    from stack.services import attach

    attach(Home.find())
    os.execv(sys.executable, [sys.executable, "-m", "workers"])  # noqa: S606 - becomes our own program


@commands.command(rich_help_panel=SERVE)
def mail(
    smtp_port: Annotated[int, typer.Option(help="Port that takes mail.")] = 1025,
    page_port: Annotated[int, typer.Option(help="Port of the page that shows it.")] = 8025,
    smtp_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    page_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Catch mail: keep every message, deliver none, show them on a page."""
    from stack.home import Home
    from stack.mail import serve_mail
    from stack.sockets import inherited, listen, port_of

    smtp = inherited(smtp_fd) if smtp_fd is not None else listen(smtp_port)
    page = inherited(page_fd) if page_fd is not None else listen(page_port)
    say(f"Mail to 127.0.0.1:{port_of(smtp)} is shown on http://127.0.0.1:{port_of(page)}/")
    asyncio.run(serve_mail(Home.find().mail, smtp=smtp, page=page))


@commands.command(rich_help_panel=DATA, epilog="Example: DATABASE_URL=postgres://kith@db/kith kith migrate")
def migrate() -> None:
    """Bring the database to the newest schema. Safe to run twice, and by several at once."""
    from stack.home import Home
    from stack.services import database, migrate_database

    with database(Home.find()):
        migrate_database()
    say("The database has the newest schema.")


@commands.command(
    "create-admin", rich_help_panel=DATA, epilog="Example: kith create-admin --email ana@example.com"
)
def make_first_admin(
    email: Annotated[str, typer.Option(prompt="E-mail", help="What they log in with.")],
    name: Annotated[str, typer.Option(prompt="Name", help="What others see.")],
    password: Annotated[
        str,
        typer.Option(
            prompt="Password",
            hide_input=True,
            confirmation_prompt=True,
            envvar="KITH_PASSWORD",
            help="At least 12 characters; better asked for or in the environment than in the shell's history.",
        ),
    ],
) -> None:
    """Create an admin, who can then create everybody else. Changes nothing when the admin is there already."""
    from stack.home import Home
    from stack.services import database, make_admin, migrate_database

    with database(Home.find()):
        migrate_database()
        new = make_admin(email=email, name=name, password=password)
    say(f"{email} is an admin now." if new else f"{email} is an admin already; nothing was changed.")


Address = Annotated[
    str | None,
    typer.Option(envvar="KITH_URL", help="Where Kith runs; what `kith dev` runs here if not said."),
]
Person = Annotated[
    str | None,
    typer.Option(envvar="KITH_EMAIL", help="Who logs in there, with the password in KITH_PASSWORD."),
]


@commands.command(rich_help_panel=DATA, epilog="Example: kith seed --demo")
def seed(
    demo: Annotated[bool, typer.Option("--demo", help="The demo company Quillmere.")] = False,
    url: Address = None,
    email: Person = None,
) -> None:
    """Fill a running Kith with the demo company: customers, activities, segments, 800 orders' invoices.

    Everything goes through the public API, and the invoices are e-mailed, to addresses that do not exist. What
    is there already stays; run it again after an interruption. Needs the log-in of an admin.
    """
    from stack.seed_command import seed_and_report

    if not demo:
        raise typer.BadParameter("Say what to fill it with: --demo.")
    seed_and_report(url=url, email=email, say=say)


@commands.command(
    "import",
    rich_help_panel=DATA,
    epilog="Example: kith import customers.csv --unit North --on-duplicate update",
)
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV file with customers and their primary contacts.")],
    unit: Annotated[
        str | None, typer.Option(help="The business unit they will belong to; the only one if not said.")
    ] = None,
    on_duplicate: Annotated[
        OnDuplicate, typer.Option(help="What to do with a customer who is there already.")
    ] = OnDuplicate.SKIP,
    key: Annotated[Key, typer.Option(help="By what a customer is recognised.")] = Key.EMAIL,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=FIELD", help="What a column means; COLUMN= leaves it out. Repeatable."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before importing.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Although this very file was imported before.")
    ] = False,
    url: Address = None,
    email: Person = None,
) -> None:
    """Import customers from a CSV file, through the API of a running Kith.

    Shows what the columns seem to mean and what would become of every row, asks, imports, and tells what became
    of them. Rows that cannot be used are written to FILE-rejected.csv with the reasons. Exit code 2 if there are any.
    """
    from stack.import_command import Wishes, import_and_report

    wishes = Wishes(
        unit=unit, on_duplicate=on_duplicate, key=key, mapping=mapping or [], yes=yes, again=again
    )
    raise typer.Exit(import_and_report(file, wishes, url=url, email=email))


@commands.command("export-schema", rich_help_panel=CHECKS, epilog="Example: kith export-schema --check")
def export_schema(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail if the file is stale.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option(help="Where to; schema.graphql of the checkout if not said.")
    ] = None,
) -> None:
    """Write the GraphQL schema, the contract with every client, to schema.graphql."""
    from stack.home import checkout
    from stack.schema_file import write_schema

    path = to or checkout() / "schema.graphql"
    say(write_schema(path, check=check))


@commands.command(rich_help_panel=CHECKS)
def doctor() -> None:
    """Say what is missing or wrong on this machine, and how to mend it. Exit code 1 if Kith cannot run."""
    from stack.doctor import Level, examine
    from stack.home import Home

    worst = Level.OK
    for finding in examine(Home.find()):
        say(finding.line())
        worst = max(worst, finding.level)
    raise typer.Exit(1 if worst is Level.FAIL else 0)


def say(sentence: str) -> None:
    typer.echo(sentence)
    sys.stdout.flush()
