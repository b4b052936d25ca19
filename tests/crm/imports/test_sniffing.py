"""Files of every supported kind are recognised and read back exactly; what cannot be read says where and why."""

import csv
import io
import re
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.imports.csv_format import Checkpoint, Delimiter, Encoding, FileCode, Sniffed, UnreadableFile
from crm.imports.reading import Row, RowReader, read_batches, read_rows
from crm.imports.sniffing import sample_rows, sniff

UNHURRIED = settings(deadline=None)  # machines that run tests are busy
SHARED_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
BOMS = {Encoding.UTF_8: b"\xef\xbb\xbf", Encoding.UTF_16_LE: b"\xff\xfe", Encoding.UTF_16_BE: b"\xfe\xff"}
CUSTOMERS = (
    "Name;E-Mail;Straße\nMüller GmbH;a@example.com;Große Straße 1, Köln\nÅngström AB;b@example.com;Gränd 2\n"
)


def sniffed(columns: int, **changes: object) -> Sniffed:
    settings: dict[str, object] = {
        "encoding": Encoding.UTF_8,
        "delimiter": Delimiter.COMMA,
        "has_header": False,
        "quote": '"',
        "newline": "\n",
        "skip_initial_space": False,
        "columns": tuple(f"Column {n}" for n in range(1, columns + 1)),
        "start": Checkpoint(0, 1),
    }
    return Sniffed(**(settings | changes))  # type: ignore[arg-type]


def rows_of(data: bytes, columns: int = 2, **changes: object) -> list[Row]:
    return list(read_rows([data], sniffed(columns, **changes)))


def refused(data: bytes, *, complete: bool = True) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as refusal:
        list(read_rows([data], sniff(data, complete=complete)))
    return refusal.value


# What a file is


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("marked", [True, False])
def test_each_encoding_is_recognised_with_and_without_its_mark(encoding: Encoding, marked: bool) -> None:
    data = (BOMS.get(encoding, b"") if marked else b"") + CUSTOMERS.encode(encoding)

    found = sniff(data, complete=True)

    assert found.encoding is encoding
    assert found.columns == ("Name", "E-Mail", "Straße")
    assert [cells for _, cells, _ in read_rows([data], found)][1] == [
        "Ångström AB",
        "b@example.com",
        "Gränd 2",
    ]


def test_a_character_cut_off_at_the_end_of_the_sample_is_still_utf_8() -> None:
    data = CUSTOMERS.encode()
    cut = data.index("Å".encode()) + 1

    assert sniff(data[:cut], complete=False).encoding is Encoding.UTF_8


def test_utf_16_without_a_mark_is_known_in_other_scripts_too() -> None:
    data = "名前,国\n東京商会,日本\nソウル商会,韓国\n".encode("utf-16-le")

    found = sniff(data, complete=True)

    assert (found.encoding, found.columns) == (Encoding.UTF_16_LE, ("名前", "国"))


@pytest.mark.parametrize("delimiter", list(Delimiter))
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_each_delimiter_and_line_end_is_recognised(delimiter: Delimiter, newline: str) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerows([["Name", "City, state"], ["A; B, C | D", "Köln\tNord"], ['say "x"', "two\nlines"]])
    data = file.getvalue().encode()

    found = sniff(data, complete=True)

    assert (found.delimiter, found.newline) == (delimiter, newline)
    assert [cells for _, cells, _ in read_rows([data], found)][1] == ['say "x"', "two\nlines"]


def test_the_delimiter_is_not_fooled_by_prose_and_decimal_commas() -> None:
    data = b"Name;Address (street, no, city);Value\nA;High St, 1, Bath;1,5\nB;Low St, 2, York;2,5\n"

    assert sniff(data, complete=True).delimiter is Delimiter.SEMICOLON


def test_a_file_of_one_column_is_fine() -> None:
    data = b"E-mail\na@example.com\nb@example.com\n"

    found = sniff(data, complete=True)

    assert found.columns == ("E-mail",)
    assert [cells for _, cells, _ in read_rows([data], found)] == [["a@example.com"], ["b@example.com"]]


def test_excels_separator_line_is_obeyed_and_is_no_row() -> None:
    data = b"sep=|\r\nName|City\r\nA;B|C,D\r\n"

    found = sniff(data, complete=True)

    assert (found.delimiter, found.columns, found.start) == (
        Delimiter.PIPE,
        ("Name", "City"),
        Checkpoint(18, 3),
    )
    assert list(read_rows([data], found)) == [(3, ["A;B", "C,D"], None)]


def test_blanks_after_the_delimiter_do_not_break_quoted_cells() -> None:
    data = b'Name, City\n"A, B", "Bath, UK"\n"C, D", "York, UK"\n'

    assert [cells for _, cells, _ in read_rows([data], sniff(data, complete=True))] == [
        ["A, B", "Bath, UK"],
        ["C, D", "York, UK"],
    ]


@pytest.mark.parametrize(
    ("first", "header"),
    [
        ("Name,E-mail,Phone 1", True),
        ("Name,2024,2025", True),
        ("Acme,info@example.com,Bath", False),
        ("Acme,https://example.com,Bath", False),
        ("1,Acme,Bath", False),
        ("Acme,2025-01-31,Bath", False),
        ("Acme,+49 30 901820,Bath", False),
    ],
)
def test_a_first_row_of_names_is_a_header_and_one_of_data_is_not(first: str, header: bool) -> None:
    data = f"{first}\nx,y,z\n".encode()

    found = sniff(data, complete=True)

    assert found.has_header is header
    assert found.columns == (tuple(first.split(",")) if header else ("Column 1", "Column 2", "Column 3"))
    assert len(list(read_rows([data], found))) == (1 if header else 2)


def test_what_the_user_says_wins() -> None:
    data = "Name,Ort\nMüller,Köln\n".encode("cp1252")

    found = sniff(data, complete=True, encoding=Encoding.UTF_8, delimiter=Delimiter.PIPE, has_header=False)

    assert (found.encoding, found.delimiter, found.has_header) == (Encoding.UTF_8, Delimiter.PIPE, False)
    assert [problem and problem.code for _, _, problem in read_rows([data], found)] == [
        None,
        FileCode.UNDECODABLE,
    ]


def test_names_that_come_twice_are_told_apart_with_a_warning() -> None:
    data = b"Name,Name, Name (2) ,,Name\na,b,c,d,e\n"

    found = sniff(data, complete=True)

    assert found.columns == ("Name", "Name (3)", "Name (2)", "Column 4", "Name (4)")
    assert [problem.code for problem in found.problems] == [
        FileCode.DUPLICATE_HEADERS,
        FileCode.UNNAMED_COLUMNS,
    ]
    assert "Name (3), Name (4)" in found.problems[0].message


def test_what_was_found_survives_storing() -> None:
    found = sniff(b"sep=;\nName;Name;\n1;2;3\n", complete=True)

    assert Sniffed.from_json(found.to_json()) == found


def test_blank_lines_before_the_header_and_quoted_names_of_two_lines_are_fine() -> None:
    data = b'\n\n"Customer\nname",City\nA,B\n'

    found = sniff(data, complete=True)

    assert found.columns == ("Customer name", "City")
    assert list(read_rows([data], found)) == [(5, ["A", "B"], None)]


# What is refused


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "EMPTY_FILE", "empty"),
        (b"\xef\xbb\xbf \r\n\t\n", "EMPTY_FILE", "empty"),
        (b",,,\n,,,\n", "EMPTY_FILE", "no text"),
        (b"PK\x03\x04rest of a workbook", "BINARY_FILE", "save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old", "BINARY_FILE", "save it as CSV"),
        (b"%PDF-1.7\n...", "BINARY_FILE", "PDF"),
        (b"\x1f\x8b\x08\0\0", "BINARY_FILE", "unpack"),
        (bytes(range(32)) * 20, "BINARY_FILE", "not a text file"),
        ("Name,City\nA,B\n".encode("utf-32"), "BINARY_FILE", "UTF-32"),
        (b"<html><table><tr><td>A</td></tr></table></html>", "NOT_CSV", "web page"),
        (b'[{"name": "A"}]', "NOT_CSV", "web page"),
        (b"Name,City\n", "NO_ROWS", "no rows"),
        (b"Name,City\n\n,\n", "NO_ROWS", "no rows"),
        (",".join(f"c{n}" for n in range(200)).encode() + b"\n1,2\n", "TOO_MANY_COLUMNS", "200 columns"),
        (b"x" * 300_000, "TOO_LONG_CELL", "longer than"),
    ],
)
def test_a_file_that_is_no_table_of_rows_is_refused_with_advice(data: bytes, code: str, words: str) -> None:
    refusal = refused(data)

    assert refusal.code == code
    assert words in refusal.message


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'Name,City\nA,B\nC,"D\nE,F\nG,H\n', 3),
        (b'Name,City\n"A\n1","B\n\n', 3),
        (b'Name,City\nA,"', 2),
        (b'Name,"City\nA,B\n', 1),
        (b'Name,City\nA,"' + b"line\n" * 40_000, 2),
    ],
)
def test_a_quotation_mark_that_is_never_closed_is_refused_with_its_line(data: bytes, line: int) -> None:
    refusal = refused(data)

    assert (refusal.code, refusal.line) == ("UNCLOSED_QUOTE", line)
    assert f"line {line} " in refusal.message


def test_a_file_without_line_breaks_is_refused_before_it_fills_the_memory() -> None:
    reader = RowReader(sniffed(2))

    with pytest.raises(UnreadableFile, match="line 1 is longer than 4 MB"):
        list(map(reader.feed, [b"a,b," * 25_000] * 100))


# What is read


def test_a_row_knows_the_physical_line_it_begins_on() -> None:
    data = b'a,"1\r\n2\r3\n4"\r\nb,x\n\n\nc,"5\n"\nd,y'

    assert [(line, cells[0]) for line, cells, _ in rows_of(data)] == [(1, "a"), (5, "b"), (8, "c"), (10, "d")]


def test_rows_with_too_few_or_too_many_cells_are_marked_and_empty_extra_cells_forgiven() -> None:
    rows = rows_of(b"a,b\nc\nd,e,f\ng,h,,\n,\n")

    assert [(line, cells, problem and problem.code) for line, cells, problem in rows] == [
        (1, ["a", "b"], None),
        (2, ["c"], FileCode.RAGGED_ROW),
        (3, ["d", "e", "f"], FileCode.RAGGED_ROW),
        (4, ["g", "h"], None),
    ]


def test_a_ragged_row_of_several_lines_points_at_its_quotation_mark() -> None:
    (_, _, problem), *_ = rows_of(b'a,"b\nc,d\ne,"f",g\n')

    assert problem is not None
    assert "quotation mark on line 1" in problem.message


def test_bytes_that_are_no_text_spoil_their_own_row_only() -> None:
    rows = rows_of("a,é\nb,".encode() + b"\xff\nc,\xe9 x\n" + "d,é\n".encode())

    assert [(line, problem and (problem.code, problem.line)) for line, _, problem in rows] == [
        (1, None),
        (2, (FileCode.UNDECODABLE, 2)),
        (3, (FileCode.UNDECODABLE, 3)),
        (4, None),
    ]


def test_bytes_that_are_no_text_are_reported_with_their_own_line_inside_a_cell_of_several() -> None:
    ((line, _, problem),) = rows_of(b'a,"b\nc\xff\nd"\n')

    assert problem is not None
    assert (line, problem.line) == (1, 2)


def test_undefined_windows_1252_bytes_and_broken_utf_16_are_reported_too() -> None:
    windows = rows_of(b"a,b\nc,\x81\n", encoding=Encoding.WINDOWS_1252)
    wide = rows_of("a,b\nc,".encode("utf-16-le") + b"\x00\xd8\n\0", encoding=Encoding.UTF_16_LE)

    for rows in (windows, wide):
        assert [problem and problem.code for _, _, problem in rows] == [None, FileCode.UNDECODABLE]


def test_nul_bytes_spoil_their_own_row_only_and_never_come_through() -> None:
    rows = rows_of(b"a,b\nc,\0d\ne,f\n")

    assert [problem and problem.code for _, _, problem in rows] == [None, FileCode.NUL_BYTES, None]
    assert not any("\0" in cell for _, cells, _ in rows for cell in cells)


def test_a_cell_beyond_all_measure_spoils_its_own_row_only() -> None:
    rows = rows_of(b"a,b\nc," + b"x" * 140_000 + b"\nd,e\n")

    assert [(line, problem and problem.code) for line, _, problem in rows] == [
        (1, None),
        (2, FileCode.TOO_LONG_CELL),
        (3, None),
    ]


plain = st.characters(codec="utf-8", exclude_characters="\0\ufffd\ufeff")
cells = st.text(st.sampled_from("ab1 ,;|\t\"'\n\r=é漢") | plain, max_size=8)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(cells, min_size=width, max_size=width).filter(any), min_size=1, max_size=12
    )
)


@UNHURRIED
@given(
    table=tables,
    encoding=st.sampled_from(Encoding),
    delimiter=st.sampled_from(Delimiter),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_MINIMAL]),
    chunk=st.integers(1, 60),
    piece=st.integers(1, 60),
)
def test_any_table_reads_back_equal_from_any_dialect_and_from_every_checkpoint(
    table: list[list[str]],
    encoding: Encoding,
    delimiter: Delimiter,
    newline: str,
    quoting: int,
    chunk: int,
    piece: int,
) -> None:
    newline = (
        "\r\n" if quoting == csv.QUOTE_MINIMAL else newline
    )  # csv.writer quotes only its own line end's characters
    table = [[cell.encode(encoding, "ignore").decode(encoding) for cell in row] for row in table]
    table = [row for row in table if any(row)]
    written = [written_row(row, delimiter, newline, quoting) for row in table]
    data = "".join(written).encode(encoding)
    first_lines = [1 + count_of_lines("".join(written[:index])) for index in range(len(table))]
    found = sniffed(len(table[0]) if table else 1, encoding=encoding, delimiter=delimiter)

    batches = list(batches_of(data, found, chunk, piece))

    assert [row for rows, _ in batches for row in rows] == [
        (line, row, None) for line, row in zip(first_lines, table, strict=True)
    ]
    for index, (_, checkpoint) in enumerate(batches):
        rest = list(read_rows([data[checkpoint.offset :]], found, checkpoint))
        assert rest == [row for rows, _ in batches[index + 1 :] for row in rows]


def written_row(row: list[str], delimiter: str, newline: str, quoting: int) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerow(row)  # type: ignore[arg-type]
    return file.getvalue()


def count_of_lines(text: str) -> int:
    return len(re.findall("\r\n|\n|\r", text))


def batches_of(data: bytes, found: Sniffed, chunk: int, piece: int) -> Iterator[tuple[list[Row], Checkpoint]]:
    reader = RowReader(found, piece_bytes=piece)
    for start in range(0, len(data), chunk):
        if rows := reader.feed(data[start : start + chunk]):
            yield rows, reader.checkpoint
    if rows := reader.finish():
        yield rows, reader.checkpoint


@UNHURRIED
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused_and_nothing_else(data: bytes, complete: bool) -> None:
    try:
        found = sniff(data, complete=complete)
        rows = list(read_rows([data], found))
    except UnreadableFile as refusal:
        assert refusal.message.endswith(".")  # noqa: PT017 — the point is that no other exception comes
        return

    assert all(a < b for (a, _, _), (b, _, _) in pairwise(rows))
    assert all(len(cells) == len(found.columns) for _, cells, problem in rows if problem is None)


def test_a_longer_file_takes_no_more_memory() -> None:
    short, long = (peak_of_reading(chunks) for chunks in (30, 90))

    assert long < short * 1.1


def peak_of_reading(chunks: int) -> int:
    """The most bytes in use while so many chunks of about 51 KB, of 1,000 rows each, are read in batches."""
    row = b'Some name,someone@example.com,"Street 1\nBuilding 2"\n'
    count, last = 0, Checkpoint(0, 1)
    tracemalloc.start()
    for batch in read_batches([row * 1000] * chunks, sniffed(3)):
        count += len(batch.rows)
        assert batch.checkpoint.offset > last.offset
        last = batch.checkpoint
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, last) == (1000 * chunks, Checkpoint(len(row) * 1000 * chunks, 1 + 2000 * chunks))
    return peak


@pytest.mark.parametrize(
    ("name", "columns", "rows"),
    [
        ("customers-1000.csv", 12, 1000),
        ("leads-100.csv", 14, 100),
        ("northwind-customers.csv", 11, 91),
        ("organizations-1000.csv", 9, 1000),
    ],
)
def test_the_sample_files_are_recognised_and_every_row_is_read(name: str, columns: int, rows: int) -> None:
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not here: the sample files in ../shared/data are only used where they exist")
    data = path.read_bytes()

    found = sniff(data, complete=True)

    assert (found.encoding, found.delimiter, found.has_header) == (Encoding.UTF_8, Delimiter.COMMA, True)
    assert len(found.columns) == columns
    assert len(sample_rows(data, found, complete=True, limit=5)) == 5
    assert [problem for _, _, problem in read_rows([data], found)] == [None] * rows
