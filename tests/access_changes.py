"""Ways in by changing and by following: refusals, uploads, subscriptions and their events."""

import asyncio
import json

from access_cells import KINDS, Inputs, Selection, absent, object_of, uploads
from access_matrix import Matrix
from access_world import Side
from graphql import get_named_type
from kith_client import Kith
from kith_stream import subscribed

from crm.invoices.models import Invoice
from crm.kernel import jobs
from crm.kernel.ids import Kind, decode
from crm.kernel.models import JobState, OutboxJob
from workers import handlers
from workers.runner import perform


async def by_error(matrix: Matrix) -> int:
    """A change that names a record out of reach is refused in the words for one that is not there."""
    told = 0
    for name in object_of("Mutation").fields:
        for viewer in matrix.strangers():
            far, near = matrix.far(viewer), (matrix.sides(viewer)[0] or [matrix.world.one])[0]
            inputs = Inputs(name, {n: each[0] for n, each in (matrix.world.shared | near.ids).items()})
            if inputs.kind is None:
                continue
            asked = "{ errors { __typename code message path } }"
            query = f"mutation ($input: {inputs.kind.name}!) {{ it: {name}(input: $input) {asked} }}"
            ask = matrix.upload if uploads(inputs.kind) else matrix.ask
            for place, meant in inputs.places:
                if meant not in far.ids:
                    continue
                answers = []
                for given in (far.ids[meant][0], absent(KINDS[meant])):
                    answer = await ask(viewer, query, {"input": inputs.value(place, given)})
                    answers.append(json.dumps(answer).replace(given, "it"))
                matrix.cells.add((f"{inputs.kind.name}.{'.'.join(place)}", viewer, f"error: {name}"))
                if answers[0] != answers[1]:
                    matrix.leaks.append(f"{viewer}: {name} at {place}: {answers}")
                told += "NOT_FOUND" in answers[0]
    return told


async def by_subscription(matrix: Matrix) -> None:
    """What is out of reach cannot be followed, and is not told of to those who follow all they reach."""
    followed = {
        "customerChanged": "Customer",
        "segmentChanged": "Segment",
        "invoiceChanged": "Invoice",
        "importProgress": "Import",
    }
    for name, type_name in followed.items():
        chosen = Selection(get_named_type(object_of("Subscription").fields[name].type).name)
        query = f"subscription ($id: ID!) {{ it: {name}(id: $id) {chosen.text} }}"
        for viewer in matrix.strangers():
            answers = []
            for given in (matrix.far(viewer).ids[type_name][0], absent(KINDS[type_name])):
                async with subscribed(
                    matrix.server, matrix.world.tokens[viewer], query, {"id": given}
                ) as stream:
                    answers.append((await stream.next_event()).data)
            matrix.count(chosen.fields | {f"Subscription.{name}"}, viewer, "subscription")
            code = "UNAUTHENTICATED" if viewer == "anonymous" else "NOT_FOUND"
            assert [each["errors"][0]["extensions"]["code"] for each in answers if each] == [code, code]
            assert answers[0] == answers[1]


async def by_event(matrix: Matrix) -> None:
    """Both units change; each listener hears of its own first and of nothing else."""
    for name in ("customersChanged", "invoiceChanged"):
        chosen = Selection(get_named_type(object_of("Subscription").fields[name].type).name)
        for viewer in matrix.viewers:
            if viewer == "anonymous":
                continue
            mine = matrix.sides(viewer)[0][-1]
            others = [each for each in (matrix.world.one, matrix.world.two) if each is not mine]
            query = f"subscription {{ it: {name} {chosen.text} }}"
            token = matrix.world.tokens[viewer]
            async with asyncio.timeout(60), subscribed(matrix.server, token, query) as stream:
                await _heard_by(matrix)
                for side in (*others, mine):
                    await _change(matrix, side)
                heard = (await stream.next_event()).data
                while heard and viewer == "admin" and mine.mark not in json.dumps(heard):
                    heard = (await stream.next_event()).data
            matrix.count(chosen.fields | {f"Subscription.{name}"}, viewer, "event")
            matrix.judge(viewer, query, heard)
            assert mine.mark in json.dumps(heard)


async def _heard_by(matrix: Matrix) -> None:
    """Until the subscription has reached Redis."""
    await asyncio.sleep(0.3)


async def _change(matrix: Matrix, side: Side) -> None:
    kith = Kith(matrix.server, side.manager.token)
    customer, invoice = side.ids["Customer"][0], side.ids["Invoice"][1]
    version = (await Invoice.get(id=decode(Kind.INVOICE, invoice))).version
    await kith.mutate(
        "tagCustomer", "TagCustomerInput", "", {"id": customer, "add": [f"{side.mark}tag{version}"]}
    )
    payload = await kith.mutate(
        "updateInvoice",
        "UpdateInvoiceInput",
        "",
        {"id": invoice, "notes": f"{side.mark} again {version}", "expectedVersion": version},
    )
    assert payload["errors"] == [], payload
    handlers.load()
    while job := await OutboxJob.filter(state=JobState.PENDING, kind="event").first():
        claim = await jobs.claim(job.id)
        assert claim is not None
        await perform(claim)
