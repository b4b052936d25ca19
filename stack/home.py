"""Where a checkout keeps its state, and what is running there."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from stack.errors import StartError
from stack.processes import DirectoryLock

RUNNING = "running.json"


@dataclass(frozen=True)
class Running:
    """What `kith dev` tells other commands of the same checkout."""

    api_url: str
    mail_url: str
    database_url: str
    redis_url: str
    smtp_url: str
    storage_url: str

    @classmethod
    def read(cls, path: Path) -> Self | None:
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        unfinished = path.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")
        unfinished.replace(path)

    def environment(self) -> dict[str, str]:
        """Return the settings that point a process at what runs here."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SMTP_URL": self.smtp_url,
            "STORAGE_URL": self.storage_url,
        }


@dataclass(frozen=True)
class Home:
    """The state directory: `.kith/` of the checkout, or KITH_HOME."""

    path: Path

    @classmethod
    def find(cls) -> Self:
        return cls(Path(os.environ.get("KITH_HOME") or checkout() / ".kith").absolute())

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def mail(self) -> Path:
        return self.path / "mail"

    @property
    def storage(self) -> Path:
        return self.path / "storage"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def create(self) -> None:
        """Make the directory; StartError when this user may not write in it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / "logs").mkdir(exist_ok=True)
        except OSError as error:
            raise StartError(f"Kith cannot keep its state in {self.path}: {error.strerror}.") from error

    def announce(self, running: Running) -> None:
        running.write(self.path / RUNNING)

    def withdraw(self) -> None:
        (self.path / RUNNING).unlink(missing_ok=True)

    def lock(self) -> DirectoryLock:
        """Return the lock `kith dev` holds as long as it runs."""
        return DirectoryLock(self.path / "lock", what="Kith")

    def secret(self) -> str:
        """Return what this checkout signs its links with, made once."""
        return self._made_once("secret", random_bytes=48)

    def admin_password(self) -> str:
        """Return the password of the admin `kith dev` creates, made once."""
        return self._made_once("admin-password", random_bytes=12)

    def _made_once(self, name: str, *, random_bytes: int) -> str:
        path = self.path / name
        if not path.exists():
            unfinished = path.with_suffix(f".{os.getpid()}")
            unfinished.touch(mode=0o600)
            unfinished.write_text(secrets.token_urlsafe(random_bytes), encoding="ascii")
            unfinished.replace(path)
        return path.read_text(encoding="ascii")

    def running(self) -> Running | None:
        """Return what runs here; a file left by a killed run counts as nothing."""
        found = Running.read(self.path / RUNNING)
        return found if found and self.lock().is_held() else None


def checkout() -> Path:
    """Return the directory of the sources, or the current one when Kith is installed without them."""
    sources = Path(__file__).resolve().parent.parent
    return sources if (sources / "pyproject.toml").exists() else Path.cwd()
