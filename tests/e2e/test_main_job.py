"""From an empty database to paid invoices, through the public doors only, on the demo company's own files.

What must come out is reckoned from the CSV files, independently (book.py, expected.py). The steps are in main_job/.
"""

from pathlib import Path

import pytest

from demo.files import load
from stack.seed.company import make_company
from stack.seed.context import Seeding
from tests.e2e.book import Book
from tests.e2e.conftest import PASSWORD, Running
from tests.e2e.main_job.customers import go_live, import_customers
from tests.e2e.main_job.documents import documents_arrive_and_are_right
from tests.e2e.main_job.invoices import preview, save, send
from tests.e2e.main_job.job import Job
from tests.e2e.main_job.money import pay
from tests.e2e.main_job.segments import (
    make_segments,
    segments_hold_who_they_should,
    who_leaves_us_leaves_the_segment,
)
from tests.e2e.main_job.shows import everything_shows
from tests.e2e.silence import Silence


@pytest.mark.timeout(300)
async def test_the_main_job(running: Running, tmp_path: Path) -> None:
    book = Book.read()
    company = Seeding(running.kith, load(book.today), Silence(), PASSWORD)
    await make_company(company)
    job = Job(running.kith, running.mail, company, book, book.some_orders())

    await import_customers(job, tmp_path)
    segment, germans = await make_segments(job)
    await go_live(job)
    await segments_hold_who_they_should(job, segment, germans)
    await save(job)
    await preview(job)
    await send(job)
    await documents_arrive_and_are_right(job)
    await pay(job)
    await everything_shows(job)
    await who_leaves_us_leaves_the_segment(job, segment)
