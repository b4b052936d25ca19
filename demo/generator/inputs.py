"""The hand-written lists the generator starts from, and its sources of chance."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from demo.records import Company, Product, StaffMember
from demo.tables import read_json, read_table

ANCHOR = date(2026, 11, 20)  # the day of the last order; a seed shifts every date so that this becomes today
FOLDER = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Prospectus:
    """A customer before chance fills in the rest. `standing` is its stage, or what became of a live one."""

    account_number: str
    name: str
    slug: str
    country: str
    city: str
    industry: str
    customer_group: str
    size: str
    standing: str

    @property
    def domain(self) -> str:
        return f"{self.slug}.example"

    @property
    def buys(self) -> bool:
        return self.standing in {"LIVE", "BLOCKED", "INACTIVE", "CHURNED"}


@dataclass(frozen=True, slots=True)
class City:
    """`phone` has a # for each digit left to chance, `streets` and `postcodes` are separated by `|`."""

    country: str
    city: str
    language: str
    phone: str
    streets: str
    state: str | None = None
    postcodes: str = ""


@dataclass(frozen=True, slots=True)
class NamePart:
    """A first or last name; `latin` is how it is written in an e-mail address, where that differs."""

    language: str
    part: str
    name: str
    latin: str = ""


@dataclass(frozen=True, slots=True)
class Character:
    """A half sentence that fits customers of an industry."""

    industry: str
    phrase: str


@dataclass(frozen=True, slots=True)
class Topic:
    """What an activity may be about; `{product}`, `{contact}`, `{customer}` and `{city}` are filled in."""

    type: str
    title: str
    description: str
    outcomes: str = ""


@dataclass(frozen=True, slots=True)
class Inputs:
    company: Company
    staff: tuple[StaffMember, ...]
    products: tuple[Product, ...]
    prospectuses: tuple[Prospectus, ...]
    cities: dict[tuple[str, str], City]
    names: tuple[NamePart, ...]
    characters: tuple[Character, ...]
    topics: tuple[Topic, ...]


def read_inputs() -> Inputs:
    sources = FOLDER / "sources"
    return Inputs(
        company=read_json(FOLDER / "company.json", Company),
        staff=read_table(FOLDER / "staff.csv", StaffMember),
        products=read_table(FOLDER / "products.csv", Product),
        prospectuses=read_table(sources / "companies.csv", Prospectus),
        cities={(city.country, city.city): city for city in read_table(sources / "cities.csv", City)},
        names=read_table(sources / "names.csv", NamePart),
        characters=read_table(sources / "characters.csv", Character),
        topics=read_table(sources / "topics.csv", Topic),
    )


def stream(subject: str) -> random.Random:
    """Make a seeded source of chance for one subject, so that changing one file leaves the rest."""
    return random.Random(f"quillmere/{subject}")  # noqa: S311  invented data, nothing to guess


def days_ago(days: int) -> date:
    return ANCHOR - timedelta(days=days)


def dealt(chance: random.Random, weights: dict[str, int]) -> str:
    """One of the keys, as likely as its weight."""
    return chance.choices(list(weights), weights=list(weights.values()))[0]


def happens(chance: random.Random, *, percent: int) -> bool:
    return chance.randrange(100) < percent
