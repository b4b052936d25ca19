"""`kith dev`: everything on one machine, from one command, until Ctrl-C."""

import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence

from crm.kernel.settings import settings
from stack.errors import StartError
from stack.first_start import FirstStart, Seeder
from stack.home import Home, Running, checkout
from stack.postgres import Postgres
from stack.services import create_database, file_url, given, make_admin, migrate_database, use
from stack.sockets import LOOPBACK, listen, port_of
from stack.supervisor import Program, Supervisor, interrupt_on_signals
from stack.target import ADMIN, Target
from stack.valkey import Valkey

API_PORT = 8000
MAIL_PORT = 8025
SMTP_PORT = 1025
READY_SECONDS = 60
LAST_LINES = 15

Say = Callable[[str], None]


class Dev:
    """One running stack. `say` gets every sentence meant for the person at the terminal.

    `demo`: a new database of our own gets the demo company.
    """

    def __init__(self, home: Home, *, port: int = API_PORT, demo: bool = True, say: Say) -> None:
        self.home = home
        self.port = port
        self.demo = demo
        self.say = say
        self.supervisor = Supervisor(say)
        self._began = time.monotonic()
        self._log_in = "as you made it with kith create-admin"
        self._own_data = False
        self._first_start = FirstStart(home)
        self._seeder: Seeder | None = None
        self._listeners: list[socket.socket] = []

    def run(self) -> None:
        """Start, say where everything is, watch until told to end, stop; StartError says why it cannot."""
        interrupt_on_signals()
        self.home.create()
        lock = self.home.lock()
        lock.acquire()
        try:
            running = self.start()
            self.home.announce(running)
            self._greet(running)
            self._start_seeding(running)
            self.supervisor.run()
        except KeyboardInterrupt:
            pass
        finally:
            self.home.withdraw()
            if self._seeder is not None:
                self._seeder.stop()
            self.supervisor.stop()
            lock.release()
        self.say("Stopped; the data stays.")

    def start(self) -> Running:
        """Start what no setting points elsewhere, migrate, start our own programs, wait for the API."""
        external = given()
        self._own_data = not external & {"database_url", "smtp_url"}
        use({"STORAGE_URL": file_url(self.home), "KITH_SECRET_KEY": self.home.secret()})
        use(
            {"KITH_COST_PER_MINUTE": "0", "KITH_PUBLIC_COST_PER_MINUTE": "0"}
        )  # whoever tries Kith may try hard
        if "database_url" not in external:
            self._start_postgres()
        if "redis_url" not in external:
            self._start_valkey()
        mail_url = "" if "smtp_url" in external else self._start_mail()
        migrate_database()
        if "database_url" not in external:
            make_admin(email=ADMIN, name="Admin", password=self.home.admin_password())
            self._log_in = f"{ADMIN}  {self.home.admin_password()}"
            use({"KITH_DEMO_LOGIN": f"{ADMIN}:{self.home.admin_password()}"})
        api_url = self._start_api()
        self._start_program("worker", ["workers"])
        self._wait_for(api_url)
        return self._running(api_url, mail_url)

    def _start_postgres(self) -> None:
        if not self.home.postgres.exists():
            self._first_start.decide(wanted=self.demo)
        postgres = Postgres(self.home.postgres)
        self.supervisor.start(postgres)
        use({"DATABASE_URL": create_database(postgres)})

    def _start_valkey(self) -> None:
        valkey = Valkey(self.home.valkey)
        self.supervisor.start(valkey)
        use({"REDIS_URL": valkey.url})

    def _start_mail(self) -> str:
        smtp, page = self._listen(SMTP_PORT), self._listen(MAIL_PORT)
        use({"SMTP_URL": f"smtp://{LOOPBACK}:{port_of(smtp)}"})
        options = [f"--smtp-fd={smtp.fileno()}", f"--page-fd={page.fileno()}"]
        self._start_program("mail", ["stack", "mail", *options], inherit=(smtp.fileno(), page.fileno()))
        return f"http://{LOOPBACK}:{port_of(page)}"

    def _start_api(self) -> str:
        listener = self._listen(self.port)
        url = f"http://{LOOPBACK}:{port_of(listener)}"
        use({"KITH_PUBLIC_URL": url})
        self._start_program(
            "api", ["stack", "api", f"--fd={listener.fileno()}"], inherit=(listener.fileno(),)
        )
        return url

    def _start_seeding(self, running: Running) -> None:
        """The demo's invoices are e-mailed: to a mail server elsewhere only when told so, by `kith seed`."""
        if self.demo and self._own_data and self._first_start.is_due:
            self.say("\n" + SEEDING)
            target = Target(running.api_url, ADMIN, self.home.admin_password())
            self._seeder = Seeder(target, self._first_start, self.say)
            self._seeder.start()

    def _listen(self, preferred: int) -> socket.socket:
        listener = listen(preferred)
        self._listeners.append(listener)  # stays open across restarts of the program that answers on it
        return listener

    def _start_program(self, name: str, module: Sequence[str], *, inherit: Sequence[int] = ()) -> None:
        log = self.home.log(name)
        command = [sys.executable, "-m", *module]
        self.supervisor.start(Program(name, command, log=log, inherit=inherit), log=log)

    def _wait_for(self, api_url: str) -> None:
        end = time.monotonic() + READY_SECONDS
        while not _answers(f"{api_url}/readyz"):
            ended = self.supervisor.ended()
            if ended is not None:
                raise StartError(f"{ended.name} ended while starting:\n{self._last_words(ended.name)}")
            if time.monotonic() > end:
                raise StartError(
                    f"The API did not answer within {READY_SECONDS} s; see {self.home.log('api')}."
                )

    def _last_words(self, name: str) -> str:
        log = self.home.log(name)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        return "\n".join(lines[-LAST_LINES:])

    def _running(self, api_url: str, mail_url: str) -> Running:
        current = settings()
        return Running(
            api_url=api_url,
            mail_url=mail_url,
            database_url=current.database_url,
            redis_url=current.redis_url,
            smtp_url=current.smtp_url,
            storage_url=current.storage_url,
        )

    def _greet(self, running: Running) -> None:
        rows = [
            ("GraphiQL", f"{running.api_url}/graphiql/" if graphiql_is_built() else GRAPHIQL_MISSING),
            ("API", f"{running.api_url}/graphql"),
            ("Mail", f"{running.mail_url}/" if running.mail_url else settings().smtp_url),
            ("Log-in", self._log_in),
            ("State", f"{self.home.path} (logs in logs/)"),
        ]
        self.say(f"Kith is ready after {time.monotonic() - self._began:.1f} s.\n")
        for name, value in rows:
            self.say(f"  {name:<9} {value}")
        self.say("\nCtrl-C stops everything.")


SEEDING = (
    "The demo company Quillmere comes in meanwhile, through the API. Its staff have the same password,\n"
    "such as the manager henrike.oldendorp@quillmere.example."
)
GRAPHIQL_MISSING = "not built: install Node.js 20.19 or newer and run scripts/bootstrap"


def graphiql_is_built() -> bool:
    return (checkout() / "graphiql" / "dist" / "index.html").exists()


def _answers(url: str) -> bool:
    """Say whether a server is up; any answer will do, since its log says what ails it."""
    try:
        urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - our own http address
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
