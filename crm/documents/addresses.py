"""Postal addresses as their country writes them."""

from collections.abc import Iterator
from dataclasses import dataclass

from babel import Locale

from crm.documents.labels import language_of

_CITY_STATE_POSTCODE = frozenset({"AU", "CA", "IN", "NZ", "US"})
_CITY_OVER_POSTCODE = frozenset({"GB", "GG", "IE", "IM", "JE"})
_LARGEST_FIRST = frozenset({"CN", "JP", "KR", "TW"})
_PROVINCE_IN_BRACKETS = frozenset({"ES", "IT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalAddress:
    """`country` is ISO 3166-1 alpha-2."""

    building: str | None = None
    street: str | None = None
    city: str | None = None
    state: str | None = None
    postcode: str | None = None
    country: str | None = None


def address_lines(address: PostalAddress, *, sent_from: str | None = None, language: str = "en") -> list[str]:
    """The lines below the name. Abroad, the last one names the country in capitals, in the document's language."""
    lines = [" ".join(line.split()) for line in _domestic(address)]
    country = address.country
    if country and country != sent_from:
        lines.append(country_name(country, language).upper())
    return [line for line in lines if line]


def country_name(country: str, language: str) -> str:
    """The country's name in the document's language, or its code when it is not known."""
    return str(Locale(language_of(language)).territories.get(country, country))


def _domestic(address: PostalAddress) -> Iterator[str]:
    building, street = address.building or "", address.street or ""
    if address.country in _LARGEST_FIRST:
        yield address.postcode or ""
        yield f"{address.state or ''} {address.city or ''}"
        yield from (street, building)
        return
    yield from (building, street)
    yield from _town(address)


def _town(address: PostalAddress) -> Iterator[str]:
    city, state, postcode = address.city or "", address.state or "", address.postcode or ""
    if address.country == "US":
        yield f"{city}{', ' if city and state else ''}{state} {postcode}"
    elif address.country in _CITY_STATE_POSTCODE:
        yield f"{city} {state} {postcode}"
    elif address.country in _CITY_OVER_POSTCODE:
        yield from (city, state, postcode)
    elif address.country in _PROVINCE_IN_BRACKETS and state:
        yield f"{postcode} {city} ({state})"
    else:
        yield from (f"{postcode} {city}", state)
