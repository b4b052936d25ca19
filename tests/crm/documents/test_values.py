"""Numbers, dates, money, units and addresses as each language and country writes them."""

from dataclasses import fields
from datetime import date
from decimal import Decimal

import pytest

from crm.documents.addresses import PostalAddress, address_lines
from crm.documents.formats import Formats
from crm.documents.labels import LABELS, labels_for, language_of
from crm.documents.units import unit_name

DAY = date(2026, 3, 9)


def spaced(text: str) -> str:
    return text.replace("\xa0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("language", "day", "money", "price", "percent"),
    [
        ("en", "9 March 2026", "−€1,234.50", "0.005", "5.5%"),
        ("en-GB", "9 March 2026", "−€1,234.50", "0.005", "5.5%"),
        ("en_US", "March 9, 2026", "−€1,234.50", "0.005", "5.5%"),
        ("de", "9. März 2026", "−1.234,50 €", "0,005", "5,5 %"),
        ("de-CH", "9. März 2026", "EUR −1’234.50", "0.005", "5.5 %"),
        ("fr", "9 mars 2026", "−1 234,50 €", "0,005", "5,5 %"),
        ("es-MX", "9 de marzo de 2026", "−EUR 1,234.50", "0.005", "5.5 %"),
        ("pt-BR", "9 March 2026", "−€1,234.50", "0.005", "5.5%"),
        ("", "9 March 2026", "−€1,234.50", "0.005", "5.5%"),
        ("../../etc", "9 March 2026", "−€1,234.50", "0.005", "5.5%"),
    ],
)
def test_values_are_written_as_the_language_does(
    language: str, day: str, money: str, price: str, percent: str
) -> None:
    formats = Formats.of(language, "EUR")

    assert spaced(formats.day(DAY)) == day
    assert spaced(formats.money(Decimal("-1234.5"))) == money
    assert formats.price(Decimal("0.005")) == price
    assert spaced(formats.percent(Decimal("5.50"))) == percent


@pytest.mark.parametrize(
    ("currency", "money", "amount", "price"),
    [
        ("JPY", "JP¥1,234", "1,234", "1,234"),
        ("KWD", "KWD 1,234.000", "1,234.000", "1,234.000"),
        ("EUR", "€1,234.00", "1,234.00", "1,234.00"),
    ],
)
def test_money_has_the_decimals_of_its_currency(currency: str, money: str, amount: str, price: str) -> None:
    formats = Formats.of("en", currency)

    assert spaced(formats.money(Decimal(1234))) == money
    assert formats.amount(Decimal(1234)) == amount
    assert formats.price(Decimal(1234)) == price


def test_the_largest_amount_is_written_to_the_last_cent() -> None:
    assert Formats.of("en", "EUR").money(Decimal("99999999999999.99")) == "€99,999,999,999,999.99"
    assert Formats.of("en", "EUR").price(Decimal("999999999999.999999")) == "999,999,999,999.999999"


@pytest.mark.parametrize("language", LABELS)
def test_every_label_is_there_in_every_language(language: str) -> None:
    labels = LABELS[language]

    empty = [field.name for field in fields(labels) if not getattr(labels, field.name)]
    assert empty == []
    assert set(labels.tax_notes) == {"E", "AE", "K", "G", "O"}
    assert "{amount}" in labels.pay_by
    assert "{date}" in labels.pay_by
    assert "{page}" in labels.page
    assert "{pages}" in labels.page


def test_no_two_languages_share_their_words() -> None:
    assert len({labels.issue_date for labels in LABELS.values()}) == len(LABELS)
    assert [language_of(tag) for tag in ("DE-at", "fr_CA", "es", "nl", "")] == ["de", "fr", "es", "en", "en"]


def test_tax_is_called_vat_only_where_it_is() -> None:
    assert labels_for("en", seller_country="DE").tax == "VAT"
    assert labels_for("en", seller_country=None).tax == "VAT"
    assert labels_for("en", seller_country="US").vat_id == "Tax ID"
    assert labels_for("de", seller_country="US").tax_total == "Steuer"


@pytest.mark.parametrize(
    ("code", "quantity", "language", "name"),
    [
        ("DAY", "1", "en", "day"),
        ("DAY", "2", "en", "days"),
        ("DAY", "0.5", "en", "days"),
        ("DAY", "-1", "en", "day"),
        ("DAY", "1.5", "fr", "jour"),
        ("DAY", "2", "fr", "jours"),
        ("MON", "1", "de", "Monat"),
        ("C62", "3", "es", "uds."),
        ("HUR", "3", "de", "Std."),
        ("ZZ", "3", "de", "ZZ"),
    ],
)
def test_units_have_names_that_agree_with_their_number(
    code: str, quantity: str, language: str, name: str
) -> None:
    assert unit_name(code, Decimal(quantity), language) == name


@pytest.mark.parametrize(
    ("address", "language", "lines"),
    [
        (
            PostalAddress(street="Obere Straße 57", city="Berlin", postcode="12209", country="DE"),
            "en",
            ["Obere Straße 57", "12209 Berlin"],
        ),
        (
            PostalAddress(
                building="Unit 4", street="12 Dock Road", city="London", postcode="E14 9SJ", country="GB"
            ),
            "de",
            ["Unit 4", "12 Dock Road", "London", "E14 9SJ", "VEREINIGTES KÖNIGREICH"],
        ),
        (
            PostalAddress(
                street="2817 Milton Dr.", city="Albuquerque", state="NM", postcode="87110", country="US"
            ),
            "fr",
            ["2817 Milton Dr.", "Albuquerque, NM 87110", "ÉTATS-UNIS"],
        ),
        (
            PostalAddress(street="1 George St", city="Sydney", state="NSW", postcode="2000", country="AU"),
            "es",
            ["1 George St", "Sydney NSW 2000", "AUSTRALIA"],
        ),
        (
            PostalAddress(street="Gran Vía 1", city="Getafe", state="Madrid", postcode="28901", country="ES"),
            "en",
            ["Gran Vía 1", "28901 Getafe (Madrid)", "SPAIN"],
        ),
        (
            PostalAddress(
                street="大手町1-2-3", city="千代田区", state="東京都", postcode="100-0004", country="JP"
            ),
            "en",
            ["100-0004", "東京都 千代田区", "大手町1-2-3", "JAPAN"],
        ),
        (PostalAddress(city="  Oslo ", country="NO"), "en", ["Oslo", "NORWAY"]),
        (PostalAddress(country="XX"), "en", ["XX"]),
        (PostalAddress(), "en", []),
    ],
)
def test_an_address_is_written_as_its_country_does(
    address: PostalAddress, language: str, lines: list[str]
) -> None:
    assert address_lines(address, sent_from="DE", language=language) == lines
