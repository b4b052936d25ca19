"""Ways in by links to files, of every kind of file that there is one to."""

from dataclasses import dataclass

import httpx
from access_matrix import Answer, Matrix
from access_world import Side

SPECIMEN = "query ($id: ID!) { it: node(id: $id) { ... on %s { %s } } }"


@dataclass(frozen=True)
class Link:
    """How one asks for a link to a file of a record."""

    cell: str
    query: str
    type_name: str
    number: int
    """Which of the side's records of that type has one."""
    media_type: str


LINKS = [
    Link("InvoicePdf.url", SPECIMEN % ("Invoice", "pdf { url }"), "Invoice", 0, "application/pdf"),
    Link(
        "PreviewInvoicePayload.url",
        "mutation ($id: ID!) { it: previewInvoice(input: { id: $id }) { url errors { code } } }",
        "Invoice",
        1,
        "application/pdf",
    ),
    Link("Import.rejectedRowsUrl", SPECIMEN % ("Import", "rejectedRowsUrl"), "Import", 1, "text/csv"),
]


SHARED = {
    "Query.importTemplateUrl": ("query { it: importTemplateUrl }", "text/csv"),
    "LegalEntity.logoUrl": (SPECIMEN % ("LegalEntity", "logoUrl"), "image/png"),
}
"""What belongs to no unit: for whoever is logged in."""

LINKED = {*SHARED, *(each.cell for each in LINKS)}


async def by_file(matrix: Matrix) -> None:
    """A link is made for who may see the file; it opens that file, and none once it was altered."""
    for link in LINKS:
        for side in (matrix.world.one, matrix.world.two):
            for viewer in matrix.viewers:
                answer = await matrix.ask(viewer, link.query, {"id": side.ids[link.type_name][link.number]})
                url = _url(answer)
                assert bool(url) is _may(matrix, viewer, side, link), (viewer, link, answer)
                matrix.cells.add((link.cell, viewer, f"file: {side.mark}"))
                if url:
                    await _opens(matrix, url, link.media_type, side.mark)
    await _shared(matrix)


def _may(matrix: Matrix, viewer: str, side: Side, link: Link) -> bool:
    """A token that reads looks at no draft: that is asked for by a mutation."""
    reads_only = viewer == "analyst token of unit 1" and link.query.startswith("mutation")
    return side in matrix.sides(viewer)[0] and not reads_only


async def _shared(matrix: Matrix) -> None:
    entity = {"id": matrix.world.shared["LegalEntity"][0]}
    for cell, (query, media_type) in SHARED.items():
        for viewer in matrix.viewers:
            url = _url(await matrix.ask(viewer, query, entity))
            assert bool(url) is (viewer != "anonymous"), (viewer, cell)
            matrix.cells.add((cell, viewer, "file"))
            if url:
                await _opens(matrix, url, media_type, "")


def _url(answer: Answer) -> str | None:
    """The only address in an answer."""
    found = (answer.get("data") or {}).get("it")
    while isinstance(found, dict):
        found = next((each for key, each in found.items() if key != "errors"), None)
    return found


async def _opens(matrix: Matrix, url: str, media_type: str, mark: str) -> None:
    path = "/files/" + url.partition("/files/")[2]
    altered = [
        path[:-2] + ("aa" if path[-2:] != "aa" else "bb"),
        path.replace("/files/", "/files/A"),
        path.partition(".")[0],
    ]
    async with httpx.AsyncClient(base_url=matrix.server) as client:
        opened = await client.get(path)
        assert opened.status_code == 200, url
        assert opened.headers["content-type"].startswith(media_type)
        assert mark.encode() in opened.content or media_type != "text/csv"
        for each in altered:
            assert (await client.get(each)).status_code == 404
