"""Gives out what must belong to one firm or person only: numbers, addresses, names."""

import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from demo.generator.inputs import City, NamePart

_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_WITHOUT_DECOMPOSITION = str.maketrans({"ß": "ss", "ł": "l", "ı": "i", "ø": "o", "æ": "ae", "œ": "oe"})
_FAMILY_NAME_FIRST = frozenset({"ja"})


def mailbox_name(text: str, language: str) -> str:
    """Write a name as it stands before the @: ASCII lower case letters only."""
    lower = text.lower().translate(_GERMAN) if language == "de" else text.lower()
    plain = unicodedata.normalize("NFKD", lower.translate(_WITHOUT_DECOMPOSITION))
    return re.sub(r"[^a-z]", "", plain)


@dataclass(slots=True)
class Directory:
    names: tuple[NamePart, ...]
    chance: random.Random
    taken: set[str] = field(default_factory=set)

    def phone(self, city: City) -> str:
        """Draw a number valid in the city: from a range kept for fiction, else from a block left empty."""
        return self._unused(lambda: self._digits(city.phone))

    def register_digits(self) -> str:
        return self._unused(lambda: self._digits("#########"))

    def street(self, city: City) -> str:
        pattern = self.chance.choice(city.streets.split("|"))
        return self._unused(lambda: pattern.replace("{n}", str(self.chance.randint(1, 98))))

    def postcode(self, city: City) -> str | None:
        return self.chance.choice(city.postcodes.split("|")) or None

    def person(self, language: str, domain: str) -> tuple[str, str]:
        """Draw a full name no one else has, and its e-mail address at the domain."""
        while True:
            first, last = self._part(language, "first"), self._part(language, "last")
            ends = (last, first) if language in _FAMILY_NAME_FIRST else (first, last)
            full_name = " ".join(part.name for part in ends)
            if full_name not in self.taken:
                break
        self.taken.add(full_name)
        local = ".".join(mailbox_name(part.latin or part.name, language) for part in (first, last))
        return full_name, f"{local}@{domain}"

    def _part(self, language: str, part: str) -> NamePart:
        fitting = [name for name in self.names if (name.language, name.part) == (language, part)]
        return self.chance.choice(fitting)

    def _digits(self, pattern: str) -> str:
        return re.sub("#", lambda _: str(self.chance.randrange(10)), pattern)

    def _unused(self, draw: Callable[[], str]) -> str:
        while (value := draw()) in self.taken:
            continue
        self.taken.add(value)
        return value
