"""One trace from a request through its statements to the jobs it promised, as an OTLP collector receives it."""

import contextlib
import http.server
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
from factories import make_segment, make_unit, make_user
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from own_process import CHECKOUT, running

from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = PARENT.split("-")[1]
SECRET = "Nobody should read this name in a trace"
CREATE = """mutation Make($input: CreateCustomerInput!) {
  createCustomer(input: $input) { customer { id name } errors { message } } }"""


class _Collector(http.server.ThreadingHTTPServer):
    """Receives what the exporters post, as (service, span)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[tuple[str, Any]] = []

    def of(self, trace: str, service: str, kind: str) -> list[Any]:
        return [
            span
            for told, span in list(self.spans)
            if span.trace_id.hex() == trace and told == service and span.name.startswith(kind)
        ]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Collector

    def do_POST(self) -> None:
        request = ExportTraceServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
        for resource in request.resource_spans:
            (service,) = [
                a.value.string_value for a in resource.resource.attributes if a.key == "service.name"
            ]
            self.server.spans += [(service, span) for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def _collecting() -> Iterator[_Collector]:
    with _Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        yield collector
        collector.shutdown()


async def test_a_job_continues_the_trace_of_the_request_that_promised_it(database: str, db: None) -> None:
    unit = await make_unit()
    person = await make_user(Role.MANAGER, [unit])
    await make_segment(unit=unit, rule={"stage": {"eq": "PROSPECT"}})
    with _collecting() as collector, tempfile.TemporaryDirectory(prefix="kith-") as place:
        otel = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        api = ("uvicorn", "--factory", "api.app:create_app", "--uds", f"{place}/api.sock")
        with running(*api, says="startup complete", **otel), running("workers", says="worker ready", **otel):
            made_of = {
                "unitId": encode(Kind.BUSINESS_UNIT, unit.id),
                "name": SECRET,
                "email": "a@customer.example",
            }
            headers = {"authorization": f"Bearer {person.token}", "traceparent": PARENT}
            transport = httpx.AsyncHTTPTransport(uds=f"{place}/api.sock")
            async with httpx.AsyncClient(transport=transport, base_url="http://kith") as client:
                made = {"query": CREATE, "variables": {"input": made_of}}
                assert (await client.post("/graphql", json=made, headers=headers)).json()["data"][
                    "createCustomer"
                ]["customer"]
                listed = {"query": "query Names { customers { nodes { name } } }"}
                for _ in range(2):  # by the pipeline, then by the front door
                    await client.post("/graphql", json=listed, headers=headers)
            _until(lambda: collector.of(TRACE, "kith-worker", "job segments.evaluate"))

        (mutation,) = collector.of(TRACE, "kith-api", "mutation Make")
        assert mutation.parent_span_id.hex() == PARENT.split("-")[2]
        inserts = [
            each
            for each in collector.of(TRACE, "kith-api", "SQL INSERT")
            if each.parent_span_id == mutation.span_id
        ]
        assert any('"customer"' in _attribute(each, "db.query.text") for each in inserts)
        reads = collector.of(TRACE, "kith-api", "query Names")
        assert len(reads) == 2
        for read in reads:
            fused = [s for s in collector.of(TRACE, "kith-api", "SQL") if s.parent_span_id == read.span_id]
            texts = [_attribute(each, "db.query.text") for each in fused]
            assert any('"customer"' in text for text in texts), texts
        jobs = collector.of(
            TRACE, "kith-worker", "job event"
        )  # what the evaluation tells comes later, if at all
        (event,) = [each for each in jobs if each.parent_span_id == mutation.span_id]
        (evaluation,) = collector.of(TRACE, "kith-worker", "job segments.evaluate")
        assert evaluation.parent_span_id == event.span_id
        assert any(
            s.parent_span_id == event.span_id for s in collector.of(TRACE, "kith-worker", "SQL UPDATE")
        )
        assert SECRET not in str(collector.spans)


def _attribute(span: Any, name: str) -> str:
    return next((a.value.string_value for a in span.attributes if a.key == name), "")


def _until(holds: Any) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def test_without_an_exporter_nothing_of_it_is_loaded(database: str) -> None:
    """Neither the traces' library nor the metrics': the API starts as light as before."""
    program = (
        "import sys; from api.app import create_app; import workers.main; from crm.kernel import traces;"
        "create_app(); traces.start('x');"
        "print([name for name in sys.modules if name.split('.')[0] in"
        " {'opentelemetry', 'prometheus_client', 'requests', 'google'}])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]", said.stdout
