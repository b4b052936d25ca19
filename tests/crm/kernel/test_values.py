"""Values as people type them and as the business keeps them; each refusal says which code and what to do."""

import csv
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.kernel.values import (
    DateOrder,
    InvalidValue,
    date_order,
    decimal_comma,
    email_key,
    parse_boolean,
    parse_country,
    parse_currency,
    parse_date,
    parse_decimal,
    parse_email,
    parse_integer,
    parse_language,
    parse_local_date,
    parse_local_decimal,
    parse_local_integer,
    parse_local_percent,
    parse_multiline,
    parse_percent,
    parse_phone,
    parse_tag,
    parse_tags,
    parse_text,
    parse_url,
    phone_digits,
)

UNHURRIED = settings(deadline=None)  # the first use of a table of countries or phone numbers loads it
SHARED_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS: list[Callable[[str], object]] = [
    parse_boolean,
    parse_country,
    parse_currency,
    parse_date,
    parse_decimal,
    parse_email,
    parse_integer,
    parse_language,
    parse_local_date,
    parse_local_decimal,
    parse_local_integer,
    parse_local_percent,
    parse_multiline,
    parse_percent,
    parse_phone,
    parse_tag,
    parse_tags,
    parse_text,
    parse_url,
]


def code_of(parse: Callable[[str], object], text: str) -> str:
    with pytest.raises(InvalidValue) as refusal:
        parse(text)
    assert refusal.value.message.endswith(".")
    return refusal.value.code


def shared_rows(name: str) -> list[dict[str, str]]:
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not here: the sample files in ../shared/data are only used where they exist")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("parse", KINDS, ids=lambda parse: parse.__name__)
@pytest.mark.parametrize("text", ["", "  ", "\u200b\u00a0"])
def test_empty_text_is_refused_as_required_by_every_kind(parse: Callable[[str], object], text: str) -> None:
    assert code_of(parse, text) == "REQUIRED"


@UNHURRIED
@given(st.text(max_size=40), st.sampled_from(KINDS))
def test_any_text_gives_a_value_or_an_invalid_value_and_nothing_else(
    text: str, parse: Callable[[str], object]
) -> None:
    try:
        value = parse(text)
    except InvalidValue as refusal:
        assert refusal.code  # noqa: PT017 — the point is that no other exception comes
    else:
        assert value is not None
        str(value).encode()


# E-mail


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("anna@example.com", "anna@example.com"),
        ("  Anna.O'Neil+crm@Example.COM\n", "Anna.O'Neil+crm@Example.COM"),
        ("a=b@example.com", "a=b@example.com"),
        ("info@müller.example", "info@müller.example"),
        ("jo\u0308rg@example.de", "j\u00f6rg@example.de"),
        ("info@日本。jp", "info@日本.jp"),
        ("x@sub--domain.example", "x@sub--domain.example"),
        (f"{'a' * 64}@example.com", f"{'a' * 64}@example.com"),
        ("someone@firm.test", "someone@firm.test"),
    ],
)
def test_an_address_is_kept_as_typed_apart_from_trimming_and_nfc(typed: str, kept: str) -> None:
    assert parse_email(typed) == kept


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("anna.example.com", "INVALID_EMAIL"),
        ("anna@example", "INVALID_EMAIL"),
        ("anna@@example.com", "INVALID_EMAIL"),
        ("anna..b@example.com", "INVALID_EMAIL"),
        (".anna@example.com", "INVALID_EMAIL"),
        ("anna@-example.com", "INVALID_EMAIL"),
        ("anna@exa_mple.com", "INVALID_EMAIL"),
        ("anna@printer.local", "INVALID_EMAIL"),
        ("anna@host.LOCALHOST", "INVALID_EMAIL"),
        ("Anna <anna@example.com>", "INVALID_EMAIL"),
        ("a@example.com, b@example.com", "INVALID_EMAIL"),
        ("=?utf-8?q?a?=@example.com", "INVALID_EMAIL"),
        (f"{'a' * 65}@example.com", "INVALID_EMAIL"),
        (f"a@{'b.' * 130}com", "TOO_LONG"),
        ("a@example.com\r\nBcc: b@example.com", "CONTROL_CHARACTERS"),
        ("a\0@example.com", "CONTROL_CHARACTERS"),
        ("a\u2028@example.com", "CONTROL_CHARACTERS"),
        ("a\ud800@example.com", "CONTROL_CHARACTERS"),
    ],
)
def test_what_is_no_address_is_refused(typed: str, code: str) -> None:
    assert code_of(parse_email, typed) == code


def test_two_spellings_of_one_address_share_a_key() -> None:
    assert email_key("Anna@Example.com") == email_key("anna@example.COM") == "anna@example.com"
    assert email_key("info@MÜLLER.example") == email_key("info@xn--mller-kva.example")
    assert email_key("JÖRG@example.de") == email_key("jörg@example.de")


# Phone


@pytest.mark.parametrize(
    ("typed", "country", "kept"),
    [
        ("+4930901820", None, "+4930901820"),
        ("+49 (0)30 / 90 18-20", None, "+4930901820"),
        ("(+49) 30 901820", None, "+4930901820"),
        ("0049 30 901820", None, "+4930901820"),
        ("tel:+49-30-901820", None, "+4930901820"),
        ("Tel.: 030 901820", "DE", "+4930901820"),
        ("030 901820", "DE", "+4930901820"),
        ("030 901820", None, "030901820"),
        ("\u202a+49\u00a030\u00a0901820\u202c", None, "+4930901820"),
        ("+\uff14\uff19 30 \uff19\uff10\uff11\uff18\uff12\uff10", None, "+4930901820"),
        ("+49 30 901820 ext. 12", None, "+4930901820;ext=12"),
        ("030 901820 Durchwahl 12", "DE", "+4930901820;ext=12"),
        ("(212) 555-0100 x9", "US", "+12125550100;ext=9"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("06 6982 1234", "IT", "+390669821234"),
        ("8 495 123-45-67", "RU", "+74951234567"),
        ("(171) 555-7788", "GB", "1715557788"),
        ("846-790-4623x4715", "MO", "8467904623;ext=4715"),
        ("001-672-799-2170x5610", None, "+16727992170;ext=5610"),
        ("+1-532-344-1362", None, "+15323441362"),
    ],
)
def test_a_number_becomes_e164_where_it_can_and_keeps_its_digits_otherwise(
    typed: str, country: str | None, kept: str
) -> None:
    assert parse_phone(typed, country) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "12ab",
        "1234",
        "+49",
        "+999 123456",
        "+49 1",
        "1234567890123456",
        "ask for Anna",
        "030 901820 or 040 123456",
        "030 901820 / 0171 1234567",
        "030 901820 ext. 123456789012",
        "+49 30 901820\r\nBcc: x",
        "030\0901820",
        "anna@example.com",
        "-",
    ],
)
def test_what_is_no_phone_number_is_refused(typed: str) -> None:
    assert code_of(parse_phone, typed) == "INVALID_PHONE"
    assert code_of(lambda text: parse_phone(text, "DE"), typed) == "INVALID_PHONE"


@UNHURRIED
@given(
    st.sampled_from(REGIONS),
    st.sampled_from(["", "0", "00", "1", "8", "code"]),
    st.integers(0, 10),
    st.from_regex(r"[0-9]{0,15}", fullmatch=True),
)
def test_the_fast_path_agrees_with_the_library(region: str, before: str, kind: int, digits: str) -> None:
    example = phonenumbers.example_number_for_type(region, kind)
    national = phonenumbers.national_significant_number(example) if example and len(digits) < 8 else digits
    prefix = str(phonenumbers.country_code_for_region(region)) if before == "code" else before
    typed = prefix + national

    if (expected := valid_by_library(typed, region)) is not None:
        assert parse_phone(typed, region) == expected
    elif 5 <= len(typed) <= 15 and not typed.startswith("00"):
        assert parse_phone(typed, region) == typed

    if (expected := possible_by_library("+" + typed)) is not None:
        assert parse_phone("+" + typed) == expected
    else:
        assert code_of(parse_phone, "+" + typed) == "INVALID_PHONE"


def valid_by_library(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    valid = phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if valid else None


def possible_by_library(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None
    possible = (
        phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else None


@UNHURRIED
@given(st.text("0123456789+() -x", max_size=24), st.sampled_from([None, "DE", "US", "GB", "MX"]))
def test_a_kept_number_reads_back_as_itself_and_fits_its_column(typed: str, country: str | None) -> None:
    try:
        kept = parse_phone(typed, country)
    except InvalidValue:
        return

    assert len(kept) <= 32
    if kept.startswith("+"):
        assert parse_phone(kept, country) == kept


def test_a_number_is_found_by_its_digits_however_it_is_written() -> None:
    kept = phone_digits(parse_phone("+49 (0)30 901820"))

    for typed in (
        "030 901820",
        "+49 30 901820",
        "0049 30 901820",
        "(030) 90-18-20",
        "90 18 20",
        "+49 (0)30 901820",
    ):
        assert phone_digits(typed) in kept
    assert phone_digits("+49 30 901820;ext=12") == "493090182012"
    assert phone_digits("no digits") == ""


@pytest.mark.parametrize(
    ("name", "columns"),
    [("customers-1000.csv", ("Phone 1", "Phone 2")), ("leads-100.csv", ("Phone 1", "Phone 2"))],
)
def test_every_number_of_the_sample_files_is_kept(name: str, columns: tuple[str, ...]) -> None:
    for row in shared_rows(name):
        for column in columns:
            kept = parse_phone(row[column])
            assert phone_digits(kept) == phone_digits(row[column])


# Web address


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://www.example.com/a?b=c#d", "https://www.example.com/a?b=c#d"),
        ("HTTP://WWW.Example.COM/Path", "http://www.example.com/Path"),
        (" www.example.com ", "https://www.example.com"),
        ("example.com:8443/x", "https://example.com:8443/x"),
        ("https://Müller.example/ä", "https://müller.example/ä"),
        ("https://xn--mller-kva.example/", "https://müller.example/"),
    ],
)
def test_a_web_address_gets_a_scheme_and_a_clean_host(typed: str, kept: str) -> None:
    assert parse_url(typed) == kept


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("javascript:alert(1)", "INVALID_URL"),
        ("ftp://example.com", "INVALID_URL"),
        ("mailto:anna@example.com", "INVALID_URL"),
        ("https://user:secret@example.com", "INVALID_URL"),
        ("https://localhost/", "INVALID_URL"),
        ("http://127.0.0.1/", "INVALID_URL"),
        ("http://[::1]/", "INVALID_URL"),
        ("https://example.com:99999", "INVALID_URL"),
        ("https://exa mple.com", "INVALID_URL"),
        ("https://example.com/<script>", "INVALID_URL"),
        ("https://example.com\\@evil.example", "INVALID_URL"),
        ("n/a", "INVALID_URL"),
        ("https://example.com/\nX: y", "CONTROL_CHARACTERS"),
        ("https://example.com/" + "a" * 300, "TOO_LONG"),
    ],
)
def test_what_is_no_web_address_is_refused(typed: str, code: str) -> None:
    assert code_of(parse_url, typed) == code


# Country, currency, language


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("de", "DE"),
        ("DEU", "DE"),
        ("Germany", "DE"),
        ("Deutschland", "DE"),
        ("allemagne", "DE"),
        ("Niemcy", "DE"),
        ("日本", "JP"),
        ("Россия", "RU"),
        ("UK", "GB"),
        ("U.S.A.", "US"),
        ("united states of america", "US"),
        ("Holland", "NL"),
        ("the netherlands", "NL"),
        ("Macao", "MO"),
        ("Cote d'Ivoire", "CI"),
        ("Côte d’Ivoire", "CI"),
        ("St Lucia", "LC"),
        ("Korea, Democratic People's Republic of", "KP"),
        ("Iran, Islamic Republic of", "IR"),
        ("Falkland Islands (Malvinas)", "FK"),
        ("Trinidad & Tobago", "TT"),
        ("Kosovo", "XK"),
        ("NA", "NA"),
    ],
)
def test_a_country_is_known_by_codes_and_names(typed: str, code: str) -> None:
    assert parse_country(typed) == code


@pytest.mark.parametrize("typed", ["Atlantis", "ZZ", "EU", "276", "D", "Germany or France", "x" * 500])
def test_what_is_no_country_is_refused(typed: str) -> None:
    assert code_of(parse_country, typed) == "INVALID_COUNTRY"


def test_a_country_that_broke_up_is_refused_with_its_heirs() -> None:
    with pytest.raises(InvalidValue, match="CW, SX, BQ"):
        parse_country("Netherlands Antilles")


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("customers-1000.csv", "Country"),
        ("organizations-1000.csv", "Country"),
        ("northwind-customers.csv", "country"),
        ("northwind-employees.csv", "country"),
        ("northwind-orders.csv", "shipCountry"),
    ],
)
def test_every_country_of_the_sample_files_is_known_but_the_one_that_broke_up(name: str, column: str) -> None:
    unknown = set()
    for country in {row[column] for row in shared_rows(name)}:
        try:
            parse_country(country)
        except InvalidValue:
            unknown.add(country)

    assert unknown <= {"Netherlands Antilles"}


def test_a_currency_is_an_active_iso_code_or_a_sign_with_one_meaning() -> None:
    assert parse_currency(" eur ") == "EUR"
    assert parse_currency("€") == "EUR"
    for typed in ("$", "DEM", "EURO", "XAU", "XXX", "12"):
        assert code_of(parse_currency, typed) == "INVALID_CURRENCY"


def test_a_language_is_a_short_bcp_47_tag() -> None:
    assert parse_language("DE") == "de"
    assert parse_language("pt_br") == "pt-BR"
    assert parse_language("zh-hant-tw") == "zh-Hant-TW"
    assert parse_language("German") == parse_language("Deutsch") == "de"
    for typed in ("qq", "de-XQ", "english please", "d", "en-GB-oxendict"):
        assert code_of(parse_language, typed) == "INVALID_LANGUAGE"


# Numbers


@pytest.mark.parametrize(
    "typed", ["1,5", "1e3", "NaN", "Infinity", "0x10", "1_000", "--1", "1.", ".5", "+1", "１２"]
)
def test_program_notation_is_strict(typed: str) -> None:
    assert code_of(parse_decimal, typed) == "INVALID_DECIMAL"


def test_a_decimal_keeps_its_digits_and_is_never_rounded() -> None:
    assert str(parse_decimal("-12.50")) == "-12.50"
    assert parse_decimal("1.50000", places=4) == Decimal("1.5")
    assert code_of(parse_decimal, "1.23456") == "INVALID_DECIMAL"
    assert code_of(parse_decimal, "123456789012345") == "OUT_OF_RANGE"
    assert code_of(lambda text: parse_decimal(text, minimum=Decimal(0)), "-1") == "OUT_OF_RANGE"


@pytest.mark.parametrize(
    ("typed", "comma", "value"),
    [
        ("1234.56", None, "1234.56"),
        ("1.234,56", None, "1234.56"),
        ("1,234.56", None, "1234.56"),
        ("1 234,56", None, "1234.56"),
        ("1\u00a0234,56 €", None, "1234.56"),
        ("1'234.56", None, "1234.56"),
        ("1.234.567", None, "1234567"),
        ("12,34,567.5", None, "1234567.5"),
        ("12,5", None, "12.5"),
        ("0,125", None, "0.125"),
        ("1,234", None, "1234"),
        ("1.234", None, "1.234"),
        ("1.234", True, "1234"),
        ("1,234", True, "1.234"),
        ("12.5", True, "12.5"),
        ("$1,234.50", None, "1234.50"),
        ("-$5", None, "-5"),
        ("EUR 12,-", None, "12"),
        ("12.50 USD", None, "12.50"),
        ("99 zł", None, "99"),
        ("(5.00)", None, "-5.00"),
        ("5-", None, "-5"),
        ("\u22125", None, "-5"),
        ("+5", None, "5"),
        ("１２", None, "12"),
        (".5", None, "0.5"),
    ],
)
def test_a_local_number_is_read_by_its_separators(typed: str, comma: bool | None, value: str) -> None:
    assert parse_local_decimal(typed, comma=comma) == Decimal(value)


@pytest.mark.parametrize(
    "typed",
    [
        "12k",
        "5 Mio",
        "1.2.3",
        "1,23,4",
        "1.23.456",
        "12 34",
        "1,234.56,7",
        "(5",
        "(-5)",
        "€ €5",
        "1/2",
        "12:30",
        "-",
    ],
)
def test_what_is_no_local_number_is_refused(typed: str) -> None:
    assert code_of(parse_local_decimal, typed) == "INVALID_DECIMAL"


@UNHURRIED
@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9),
    st.booleans(),
)
def test_a_number_formatted_for_a_country_reads_back(number: Decimal, comma: bool) -> None:
    english = f"{number:,.2f}"
    written = english.translate(str.maketrans(",.", ".,")) if comma else english

    assert parse_local_decimal(written, comma=comma) == number


def test_the_decimal_comma_of_a_column_is_told_by_its_clear_cells() -> None:
    assert decimal_comma(["1.234", "12,5"]) is True
    assert decimal_comma(["1.234", "12.5"]) is False
    assert decimal_comma(["1.234.567", "1"]) is True
    assert decimal_comma(["1,234.5"]) is False
    assert decimal_comma(["1.234", "7", ""]) is None


def test_percent_runs_from_0_to_100() -> None:
    assert parse_percent("12.5%") == Decimal("12.5")
    assert parse_local_percent("12,5 %") == Decimal("12.5")
    assert code_of(parse_percent, "100.1") == "OUT_OF_RANGE"
    assert code_of(parse_percent, "-1") == "OUT_OF_RANGE"
    assert code_of(parse_percent, "half") == "INVALID_DECIMAL"


def test_whole_numbers() -> None:
    assert parse_integer("-30") == -30
    assert parse_local_integer("1.000", comma=True) == 1000
    assert parse_local_integer("30.0") == 30
    assert code_of(parse_integer, "30.0") == "INVALID_INTEGER"
    assert code_of(parse_local_integer, "30.5") == "INVALID_INTEGER"
    assert code_of(parse_integer, "9" * 5000) == "INVALID_INTEGER"
    assert code_of(lambda text: parse_integer(text, minimum=0, maximum=365), "366") == "OUT_OF_RANGE"


# Dates


@pytest.mark.parametrize(
    "typed", ["2025-2-3", "03.02.2025", "2025-02-30", "20250203", "0001-01-01", "2025-02-03T00:00"]
)
def test_program_dates_are_iso_days(typed: str) -> None:
    assert parse_date("2025-02-03") == date(2025, 2, 3)
    assert code_of(parse_date, typed) == "INVALID_DATE"


@pytest.mark.parametrize(
    ("typed", "order", "day"),
    [
        ("2025-02-03", None, date(2025, 2, 3)),
        ("1996-07-04 00:00:00.000", None, date(1996, 7, 4)),
        ("2025-02-03T10:11:12Z", None, date(2025, 2, 3)),
        ("20250203", None, date(2025, 2, 3)),
        ("2025/2/3", None, date(2025, 2, 3)),
        ("3.2.2025", None, date(2025, 2, 3)),
        ("03. 02. 2025", None, date(2025, 2, 3)),
        ("31/12/25", None, date(2025, 12, 31)),
        ("12/31/99", None, date(1999, 12, 31)),
        ("3/4/2025", DateOrder.DAY_FIRST, date(2025, 4, 3)),
        ("3/4/2025", DateOrder.MONTH_FIRST, date(2025, 3, 4)),
        ("31/12/2025", DateOrder.MONTH_FIRST, date(2025, 12, 31)),
        ("4/4/2025", None, date(2025, 4, 4)),
        ("3/4/2025 1:05 PM", DateOrder.MONTH_FIRST, date(2025, 3, 4)),
        ("4 July 2025", None, date(2025, 7, 4)),
        ("Jul 4, 2025", None, date(2025, 7, 4)),
        ("4. März 2025", None, date(2025, 3, 4)),
        ("1er août 2025", None, date(2025, 8, 1)),
        ("4 de julio de 2025", None, date(2025, 7, 4)),
    ],
)
def test_a_local_date_is_read_in_the_usual_ways(typed: str, order: DateOrder | None, day: date) -> None:
    assert parse_local_date(typed, order) == day


@pytest.mark.parametrize(
    "typed", ["tomorrow", "31/02/2025", "2025-13-01", "45291", "1/2", "13/13/2025", "3/4-2025", "03/04/1525"]
)
def test_what_is_no_date_is_refused(typed: str) -> None:
    assert code_of(lambda text: parse_local_date(text, DateOrder.DAY_FIRST), typed) == "INVALID_DATE"


def test_a_date_with_two_readings_is_reported_not_guessed() -> None:
    assert code_of(parse_local_date, "03/04/2025") == "AMBIGUOUS_DATE"


def test_the_order_of_a_column_is_told_by_its_clear_cells() -> None:
    assert date_order(["03/04/2025", "31/04/2025"]) is DateOrder.DAY_FIRST
    assert date_order(["03/04/2025", "04/31/2025", ""]) is DateOrder.MONTH_FIRST
    assert date_order(["03/04/2025", "2025-01-31", "31.12.2025"]) is None
    assert date_order(["31/12/2025", "12/31/2025"]) is None


# Text, tags, yes and no


def test_a_line_of_text_is_trimmed_and_nfc() -> None:
    assert parse_text(" \u200bCafe\u0301 \u00a0") == "Caf\u00e9"
    assert parse_text("محمد\u200cعلی") == "محمد\u200cعلی"
    assert parse_text("x" * 200) == "x" * 200
    assert code_of(parse_text, "x" * 201) == "TOO_LONG"


@pytest.mark.parametrize(
    "inside",
    ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\ud800", "\uffff"],
)
def test_control_characters_inside_a_line_are_refused(inside: str) -> None:
    assert code_of(parse_text, f"a{inside}b") == "CONTROL_CHARACTERS"
    assert code_of(parse_text, f"ä{inside}b") == "CONTROL_CHARACTERS"


def test_several_lines_keep_their_breaks_and_tabs_only() -> None:
    assert parse_multiline("a\r\nb\rc\td\n") == "a\nb\nc\td"
    assert code_of(parse_multiline, "a\x0bb") == "CONTROL_CHARACTERS"
    assert code_of(lambda text: parse_multiline(text, max_length=3), "a\r\nbcd") == "TOO_LONG"


def test_tags_are_split_and_each_kept_once_in_order() -> None:
    assert parse_tags("b, A;c|a\n B ,") == ["b", "A", "c"]
    assert code_of(parse_tag, "a,b") == "INVALID_TAG"
    assert code_of(parse_tags, ",".join(map(str, range(51)))) == "INVALID_TAG"
    assert code_of(parse_tags, "x" * 51) == "TOO_LONG"
    assert code_of(parse_tags, ",;") == "REQUIRED"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("yes YES y ja oui sí si x X 1 true wahr vrai on", True),
        ("no n nein non 0 false falsch faux off", False),
    ],
)
def test_yes_and_no_in_several_languages(words: str, answer: bool) -> None:
    assert {parse_boolean(word) for word in words.split()} == {answer}
    assert code_of(parse_boolean, "maybe") == "INVALID_BOOLEAN"
