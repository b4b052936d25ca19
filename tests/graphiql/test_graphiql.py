"""The analysts' page in a real browser, on the real server: what a person does there, and what it must never do.

Each visit ends by looking at what the browser saw: every request went to the server that served the page, nothing was
thrown or written to the console, and so nothing was refused by the content security policy.
"""

import contextlib
import html
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from factories import PASSWORD, Person, make_customer, make_unit, make_user
from kith_client import Kith
from kith_socket import until_listened
from own_process import running
from playwright.async_api import Browser, FilePayload, Page, async_playwright, expect

from api.auth import COOKIE
from api.graphiql import DIST
from crm.accounts.passwords import pool
from crm.customers.events import unit_topic
from crm.customers.models import Customer
from crm.imports.models import Import
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode
from crm.kernel.settings import settings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
QUERIES = Path(__file__).resolve().parents[2] / "graphiql" / "src" / "queries"
START_IMPORT = """mutation Start($input: StartCustomerImportInput!) {
  startCustomerImport(input: $input) { import { filename } errors { code message } }
}"""
PATIENCE = 30_000  # milliseconds

needs_page = pytest.mark.skipif(not (DIST / "index.html").is_file(), reason="graphiql/dist is not built")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on the PATH")


@dataclass
class Visit:
    """One person's browser, empty at first, on the log-in."""

    page: Page
    addresses: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.context.on("request", lambda request: self.addresses.append(request.url))
        self.page.on("websocket", lambda socket: self.addresses.append(socket.url))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"thrown: {error}"))

    async def log_in(self, person: Person, password: str = PASSWORD) -> None:
        await self.page.get_by_label("E-mail").fill(person.user.email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Log in", exact=True).click()

    async def run(self, title: str) -> None:
        """Chooses a ready query from the menu and runs it."""
        await self.page.get_by_role("button", name="Ready queries").click()
        await self.page.get_by_role("menuitem").filter(has_text=title).click()
        await self.page.get_by_role("button", name="Execute query").click()

    async def writes(self, region: str, text: str) -> None:
        """Puts a text in the place of what an editor holds."""
        editor = self.page.get_by_role("region", name=region).get_by_role("textbox").first
        await editor.focus()
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.insert_text(text)
        await self.page.keyboard.press("Control+Shift+End")  # the brackets that the editor closed itself
        await self.page.keyboard.press("Delete")

    async def sees(self, text: str) -> None:
        """Waits until the result holds a text. Monaco writes spaces that do not break."""
        pattern = re.compile(re.escape(text).replace("\\ ", "\\s"))
        await expect(self.page.get_by_role("region", name="Result")).to_contain_text(pattern)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


@pytest.fixture
async def visit(server: str, browser: Browser) -> AsyncIterator[Visit]:
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    visit = Visit(await context.new_page())
    visit.watch()
    await visit.page.goto(f"{server}/graphiql/")
    yield visit
    await context.close()
    assert {urlsplit(address).netloc for address in visit.addresses} == {urlsplit(server).netloc}
    assert visit.complaints == []


@pytest.fixture(scope="module")
def worker(database: str) -> Iterator[None]:
    """A real worker: what carries an event from the outbox to Redis."""
    with running("workers", says="worker ready"):
        yield


@pytest.fixture
async def analyst(db: None) -> Person:
    return await make_user(Role.ANALYST, [await make_unit()], password_hash=await pool().hash(PASSWORD))


@pytest.fixture
async def customer(analyst: Person) -> Customer:
    membership = await analyst.user.memberships.all().first()
    assert membership is not None
    return await make_customer(unit=await membership.unit, name="Rösterei Ostwind")


@needs_page
@needs_browser
async def test_a_wrong_password_is_refused_in_words_and_leaves_no_cookie(
    visit: Visit, analyst: Person
) -> None:
    await visit.log_in(analyst, "not the password at all")

    await expect(visit.page.get_by_role("alert")).to_contain_text("password")
    assert await visit.page.context.cookies() == []


@needs_page
@needs_browser
async def test_a_login_lives_in_a_cookie_no_script_sees_and_ends_with_the_log_out(
    visit: Visit, server: str, analyst: Person
) -> None:
    await visit.log_in(analyst)
    await expect(visit.page.get_by_text(analyst.user.name)).to_be_visible()

    (cookie,) = await visit.page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, "Strict")
    assert await visit.page.evaluate("document.cookie") == ""

    await visit.page.get_by_role("button", name="Log out").click()
    await expect(visit.page.get_by_label("Password")).to_be_visible()
    assert await visit.page.context.cookies() == []
    kept = {"cookie": f"{COOKIE}={cookie['value']}", "x-kith-client": "graphiql"}
    assert await Kith(server, headers=kept).graphql("{ viewer { name } }") == {"viewer": None}


@needs_page
@needs_browser
async def test_the_menu_offers_every_ready_query_and_one_shows_a_customer_of_the_database(
    visit: Visit, analyst: Person, customer: Customer
) -> None:
    await visit.log_in(analyst)

    await visit.page.get_by_role("button", name="Ready queries").click()
    offered = visit.page.get_by_role("menuitem")
    titles = await offered.evaluate_all("all => all.map(each => each.querySelector('span').firstChild.data)")
    assert sorted(titles) == sorted(_title(file) for file in QUERIES.glob("*.graphql"))
    await expect(offered.filter(has_text="Jobs")).to_be_disabled()  # for admins

    await visit.page.keyboard.press("Escape")
    await visit.run("Customers and their primary contact")
    await visit.sees(f'"name": "{customer.name}"')
    await expect(visit.page.get_by_role("status")).to_contain_text("200 OK")


def _title(file: Path) -> str:
    return file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


@needs_page
@needs_browser
async def test_a_live_query_shows_a_change_as_it_happens(
    visit: Visit, server: str, worker: None, redis_url: str, analyst: Person, customer: Customer
) -> None:
    manager = await make_user(Role.MANAGER, [await customer.unit])
    await visit.log_in(analyst)
    await visit.run("Customers as they change")
    await until_listened(redis_url, unit_topic(customer.unit_id))

    given = {"id": encode(Kind.CUSTOMER, customer.id), "stage": "QUALIFIED"}
    payload = await Kith(server, manager.token).mutate("setCustomerStage", "SetCustomerStageInput", "", given)

    assert payload["errors"] == []
    await visit.sees('"stage": "QUALIFIED"')
    await expect(visit.page.get_by_role("status")).to_contain_text("1 event")
    await visit.page.get_by_role("button", name="Stop query").click()
    await until_listened(redis_url, unit_topic(customer.unit_id), 0)
    await expect(visit.page.get_by_role("status")).to_contain_text("Stopped")


@needs_page
@needs_browser
async def test_what_a_live_query_is_refused_for_is_shown_like_any_error(
    visit: Visit, analyst: Person
) -> None:
    await visit.log_in(analyst)

    await visit.run("Progress of an import")

    await visit.sees('"errors"')
    await expect(visit.page.get_by_role("status")).to_contain_text("1 error")


@needs_page
@needs_browser
async def test_a_file_that_is_attached_is_handed_in_where_the_variables_name_it(
    visit: Visit, analyst: Person, customer: Customer
) -> None:
    manager = await make_user(Role.MANAGER, [await customer.unit], password_hash=await pool().hash(PASSWORD))
    await visit.log_in(manager)
    content = b"Name;E-Mail\nS\xfcdwind;office@suedwind.example\n"
    file = FilePayload(name="spring.csv", mimeType="text/csv", buffer=content)

    await visit.page.get_by_label("Attach a file").set_input_files(file)
    await visit.writes("Operation Editor", START_IMPORT)
    await visit.writes("Variables", '{"input": {"file": "spring.csv"}}')
    await visit.page.get_by_role("button", name="Execute query").click()

    await visit.sees('"filename": "spring.csv"')
    upload = await Import.get()
    assert (upload.size, upload.unit_id) == (len(content), customer.unit_id)


@needs_page
@needs_browser
async def test_the_documentation_explains_the_schema(visit: Visit, analyst: Person) -> None:
    await visit.log_in(analyst)

    await visit.page.get_by_role("button", name="Show Documentation Explorer").click()
    await visit.page.get_by_role("link", name="Customer", exact=True).click()

    words = "A company or person the organisation does, or wants to do, business with."
    await expect(visit.page.get_by_text(words)).to_be_visible()
    await expect(visit.page.get_by_text("Where it stands in the sales pipeline.")).to_be_visible()


@needs_page
async def test_a_demo_login_is_offered_only_where_it_is_set(server: str, db: None) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        assert "kith-demo" not in (await client.get("/graphiql/")).text

        with _demo_login('admin@kith.example:a"b<c>:d'):
            page = (await client.get("/graphiql/")).text

    offered = re.search(r'<meta name="kith-demo" content="([^"]*)">', page)
    assert offered is not None
    assert orjson.loads(html.unescape(offered[1])) == {"email": "admin@kith.example", "password": 'a"b<c>:d'}


@contextlib.contextmanager
def _demo_login(value: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KITH_DEMO_LOGIN", value)
        settings.cache_clear()
        yield
    settings.cache_clear()
