"""The page of the mail catcher: what a person sees, and what a message must never be able to do."""

import re
import threading
from collections.abc import Iterator
from email.message import EmailMessage

import httpx
import pytest
import uvicorn

from stack.mail_page import create_page, initials, person
from stack.mailbox import Mailbox
from stack.sockets import listen, port_of

ATTACK = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mailbox, httpx.Client]]:
    mailbox = Mailbox(tmp_path_factory.mktemp("mail"))
    server = uvicorn.Server(uvicorn.Config(create_page(mailbox), log_level="warning", lifespan="off"))
    with listen(0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{port_of(listener)}") as client:
            yield mailbox, client
        server.should_exit = True
        thread.join()


@pytest.fixture
def mailbox(served: tuple[Mailbox, httpx.Client]) -> Iterator[Mailbox]:
    yield served[0]
    served[0].clear()


@pytest.fixture
def page(served: tuple[Mailbox, httpx.Client]) -> httpx.Client:
    return served[1]


def keep(mailbox: Mailbox, message: EmailMessage | bytes) -> str:
    raw = message if isinstance(message, bytes) else message.as_bytes()
    return mailbox.add(raw, sender="invoices@kith.example", recipients=["customer@x.example"])


def letter(subject: str = "Invoice 1", html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Kith <invoices@kith.example>"
    message["To"] = "Amélie Fournier <customer@x.example>"
    message["Subject"] = subject
    message.set_content("The plain text.\n")
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def subjects(html: str) -> list[str]:
    return re.findall(r'class="subject">([^<]*)<', html)


def test_an_empty_mailbox_says_so(page: httpx.Client) -> None:
    assert "No mail yet." in page.get("/").text


def test_messages_are_listed_newest_first_in_pages(page: httpx.Client, mailbox: Mailbox) -> None:
    for number in range(120):
        keep(mailbox, letter(f"Invoice {number}"))

    first, third = page.get("/").text, page.get("/?page=3").text

    assert subjects(first) == [f"Invoice {number}" for number in range(119, 69, -1)]
    assert subjects(third) == [f"Invoice {number}" for number in range(19, -1, -1)]
    assert "3 of 3" in third


@pytest.mark.parametrize("number", ["0", "-1", "x", "٣", "9" * 5000, "999999999", ""])
def test_a_page_number_that_makes_no_sense_still_shows_messages(
    page: httpx.Client, mailbox: Mailbox, number: str
) -> None:
    keep(mailbox, letter())

    answer = page.get("/", params={"page": number})

    assert answer.status_code == 200
    assert subjects(answer.text) == ["Invoice 1"]


def test_thousands_of_messages_are_listed_in_no_time(page: httpx.Client, mailbox: Mailbox) -> None:
    raw = letter().as_bytes()
    for _ in range(3000):
        keep(mailbox, raw)

    answer = page.get("/?page=60")

    assert "60 of 60" in answer.text
    assert answer.elapsed.total_seconds() < 1


def test_search_finds_people_and_subjects_whatever_the_case(page: httpx.Client, mailbox: Mailbox) -> None:
    keep(mailbox, letter("Invoice 1"))
    keep(mailbox, letter("Reminder"))

    assert subjects(page.get("/?q=amélie+REMINDER").text) == ["Reminder"]
    assert "Nothing mentions “zebra”." in page.get("/?q=zebra").text


def test_a_message_shows_its_headers_text_and_source(page: httpx.Client, mailbox: Mailbox) -> None:
    name = keep(mailbox, letter("Grüße =?utf-8?q?und_mehr?="))

    assert "The plain text." in page.get(f"/messages/{name}").text
    headers = page.get(f"/messages/{name}?view=headers").text
    assert "Amélie Fournier &lt;customer@x.example&gt;" in headers
    assert "The plain text." in page.get(f"/messages/{name}?view=source").text
    assert page.get(f"/messages/{name}/source").content == mailbox.get(name).raw  # type: ignore[union-attr]


def test_nothing_a_message_says_becomes_markup(page: httpx.Client, mailbox: Mailbox) -> None:
    message = letter(ATTACK)
    message.replace_header("To", f'"{ATTACK}" <customer@x.example>')
    message["X-Attack"] = ATTACK
    message.set_content(ATTACK)
    message.add_attachment(b"x", maintype="text", subtype="plain", filename=f"{ATTACK}.txt")
    name = keep(mailbox, message)

    for path in (
        "/",
        f"/?q={ATTACK}",
        *(f"/messages/{name}?view={v}" for v in ("text", "headers", "source", ATTACK)),
    ):
        text = page.get(path).text
        assert ATTACK not in text, path
        assert "&lt;script&gt;" in text, path


def test_every_page_forbids_what_it_does_not_need(page: httpx.Client, mailbox: Mailbox) -> None:
    name = keep(mailbox, letter())

    for path in ("/", f"/messages/{name}", "/newest", "/mail.css", "/mail.js", "/mail.svg"):
        headers = page.get(path).headers
        assert headers["content-security-policy"].startswith(
            "default-src 'none'; style-src 'self'; script-src 'self'"
        )
        assert headers["x-content-type-options"] == "nosniff"


def test_the_html_of_a_message_is_shown_in_a_sandbox(page: httpx.Client, mailbox: Mailbox) -> None:
    name = keep(mailbox, letter(html=f"<p>Hello</p>{ATTACK}"))

    frame = page.get(f"/messages/{name}/html")

    assert "<p>Hello</p>" in frame.text
    assert "sandbox allow-popups" in frame.headers["content-security-policy"]
    assert "script-src" not in frame.headers["content-security-policy"]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.get(f"/messages/{name}").text


def test_pictures_inside_the_html_are_shown_and_not_listed(page: httpx.Client, mailbox: Mailbox) -> None:
    message = letter(html='<img src="cid:logo@kith">')
    body = message.get_payload()[1]
    assert isinstance(body, EmailMessage)
    body.add_related(b"\x89PNG", "image", "png", cid="<logo@kith>")
    name = keep(mailbox, message)

    (place,) = re.findall(r'src="(/messages/[^"]+)"', page.get(f"/messages/{name}/html").text)

    picture = page.get(place)
    assert picture.content == b"\x89PNG"
    assert picture.headers["content-type"] == "image/png"
    assert "Attachments" not in page.get(f"/messages/{name}").text


@pytest.mark.parametrize(
    ("kind", "shown"), [("application/pdf", True), ("text/html", False), ("image/svg+xml", False)]
)
def test_attachments_are_downloaded_and_only_harmless_kinds_shown(
    page: httpx.Client, mailbox: Mailbox, kind: str, shown: bool
) -> None:
    message = letter()
    main, _, sub = kind.partition("/")
    message.add_attachment(b"content", maintype=main, subtype=sub, filename='Rechnung „März“\\".x')
    name = keep(mailbox, message)
    (place,) = re.findall(r'href="(/messages/[^"]+/parts/\d+)"', page.get(f"/messages/{name}").text)

    download, opened = page.get(place), page.get(f"{place}?inline")

    assert download.content == opened.content == b"content"
    assert download.headers["content-type"] == "application/octet-stream"
    expected = "attachment; filename*=UTF-8''Rechnung%20%E2%80%9EM%C3%A4rz%E2%80%9C%5C%22.x"
    assert download.headers["content-disposition"] == expected
    assert opened.headers["content-type"] == (kind if shown else "application/octet-stream")
    assert opened.headers["content-disposition"].startswith("inline" if shown else "attachment")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"no header at all",
        b"Subject: =?nonsense?q?x?=\r\n\r\n",
        b"From: <<<>>>\r\nTo: ,,,;\r\nDate: never\r\n\r\n\xff\xfe",
        b"Content-Type: text/plain; charset=no-such\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx",
        b"Subject: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
def test_a_broken_message_is_shown_as_well_as_may_be(
    page: httpx.Client, mailbox: Mailbox, raw: bytes
) -> None:
    name = keep(mailbox, raw)

    paths = ["/", f"/messages/{name}/html", f"/messages/{name}/source"]
    paths += [f"/messages/{name}?view={view}" for view in ("html", "text", "headers", "source")]
    assert [page.get(path).status_code for path in paths] == [200] * len(paths)


@pytest.mark.parametrize("name", ["nothing", "..%2f..%2fetc%2fpasswd", "20260101T000000000000-00000000"])
def test_an_id_that_names_no_message_is_not_found(page: httpx.Client, name: str) -> None:
    assert page.get(f"/messages/{name}").status_code == 404
    assert page.get(f"/messages/{name}/parts/1").status_code == 404


def test_everything_is_deleted_on_request_but_not_from_another_site(
    page: httpx.Client, mailbox: Mailbox
) -> None:
    keep(mailbox, letter())

    assert page.post("/clear", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert mailbox.count() == 1
    assert page.get("/clear").status_code == 405

    assert page.post("/clear", headers={"sec-fetch-site": "same-origin"}).status_code == 303
    assert mailbox.count() == 0


def test_a_foreign_name_for_this_machine_is_refused(page: httpx.Client) -> None:
    assert page.get("/", headers={"host": "evil.example"}).status_code == 400


def test_the_open_page_learns_of_new_messages(page: httpx.Client, mailbox: Mailbox) -> None:
    before = page.get("/newest").text
    name = keep(mailbox, letter())

    assert before == " 0"
    assert page.get("/newest").text == f"{name} 1"


@pytest.mark.parametrize(
    ("address", "name", "letters"),
    [
        ("Amélie Fournier <a@x.example>", "Amélie Fournier", "AF"),
        ("orders@nordlys.example", "orders@nordlys.example", "O"),
        ("a.b@x.example, c@x.example", "a.b@x.example", "AB"),
        ("", "nobody", "N"),
        ("@@@", "@@@", "?"),
    ],
)
def test_people_get_a_name_and_initials(address: str, name: str, letters: str) -> None:
    assert (person(address), initials(address)) == (name, letters)
