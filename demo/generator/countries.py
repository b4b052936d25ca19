"""What differs by country or language: currency, how firms are registered, the usual mailbox.

Company and tax numbers have the country's shape but stand in blocks no registry has given out (a province,
office or series that does not exist), so that none of them belongs to anybody.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

EU = frozenset({"AT", "BE", "DE", "ES", "FR", "GR", "IT", "NL", "PL", "SE"})

# Nine digits of chance in; company register number and VAT id out. No VAT id: the country has none.
Registration = Callable[[str], tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Country:
    """`per_euro` is the rate demo prices are converted at, `payment_terms` the usual ones, in days."""

    currency: str
    per_euro: str
    payment_terms: tuple[int, ...]
    registration: Registration


def _belgium(n: str) -> tuple[str, str]:
    return f"0000.{n[:3]}.{n[3:6]}", f"BE0000{n[:6]}"


def _sweden(n: str) -> tuple[str, str]:
    return f"99{n[:4]}-{n[4:8]}", f"SE99{n[:8]}01"


def _switzerland(n: str) -> tuple[str, str]:
    number = f"CHE-999.{n[:3]}.{n[3:6]}"
    return number, f"{number} MWST"


COUNTRIES: Mapping[str, Country] = MappingProxyType(
    {
        "AE": Country("AED", "4.05", (30, 45), lambda n: (f"CN-9{n[:6]}", f"100000{n}")),
        "AT": Country("EUR", "1", (14, 30), lambda n: (f"FN 99{n[:4]} k", f"ATU000{n[:5]}")),
        "BE": Country("EUR", "1", (30,), _belgium),
        "CH": Country("CHF", "0.95", (30,), _switzerland),
        "DE": Country("EUR", "1", (14, 30, 30), lambda n: (f"HRB 9{n[:5]}", f"DE9990{n[:5]}")),
        "ES": Country("EUR", "1", (30, 60), lambda n: (f"B00{n[:6]}", f"ESB00{n[:6]}")),
        "FR": Country("EUR", "1", (30, 45), lambda n: (f"00{n[:7]}", f"FR{n[7:9]}00{n[:7]}")),
        "GB": Country("GBP", "0.86", (14, 30, 30), lambda n: (f"99{n[:6]}", f"GB999{n[:6]}")),
        "GR": Country("EUR", "1", (30, 60), lambda n: (f"999{n[:6]}000", f"EL000{n[:6]}")),
        "IT": Country("EUR", "1", (30, 60), lambda n: (f"REA 9{n[:6]}", f"IT{n[:7]}000{n[7]}")),
        "JP": Country("JPY", "165", (30,), lambda n: (f"0000{n}", f"T0000{n}")),
        "KW": Country("KWD", "0.338", (45,), lambda n: (f"9{n[:6]}", None)),
        "NL": Country("EUR", "1", (14, 30), lambda n: (f"99{n[:6]}", f"NL000{n[:6]}B01")),
        "PL": Country("PLN", "4.30", (14, 30), lambda n: (f"009{n[:7]}", f"PL000{n[:7]}")),
        "SE": Country("SEK", "11.30", (30,), _sweden),
        "TR": Country("EUR", "1", (30,), lambda n: (f"9{n[:6]}", f"TR000{n[:7]}")),
        "US": Country("USD", "1.10", (15, 30), lambda n: (f"00-{n[:7]}", None)),
    }
)

# Where a firm takes orders by e-mail, by the language it works in.
MAILBOXES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ar": ("orders", "office"),
        "de": ("einkauf", "info", "kontor"),
        "el": ("paraggelies", "info"),
        "en": ("orders", "hello", "purchasing"),
        "es": ("compras", "pedidos"),
        "fr": ("achats", "bonjour", "commandes"),
        "it": ("acquisti", "ordini"),
        "ja": ("shiire", "info"),
        "nl": ("inkoop", "info"),
        "pl": ("zamowienia", "biuro"),
        "sv": ("inkop", "info"),
        "tr": ("satinalma", "bilgi"),
    }
)
