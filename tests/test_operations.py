"""Real server processes as operators meet them: metrics, traces, and an end that loses nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from tests.support.bulk_processes import CONTACTS, START, outcome, prepare
from tests.support.http_client import web_client
from tests.support.processes import DEADLINE, Server, new_token, serving, verify
from tests.support.watchers import CREATE_GROUP, VIEWER, until_ended, watching_by_socket, watching_by_stream

CREATE_CONTACT = 'mutation { createContact(input: {fields: {email: "ann@example.com"}}) { contact { id } } }'
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scrape(port: int) -> Samples:
    async with web_client() as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"muster_{name}", tuple(sorted(labels.items()))]


async def status(server: Server, path: str) -> int:
    async with web_client() as client:
        return (await client.get(server.url.replace("/graphql", path))).status_code


# ---------------------------------------------------------------- metrics


async def test_metrics_tell_who_is_connected_and_what_lags(url: str, port: int) -> None:
    token = await new_token(url, "Acme")
    async with serving(url, metrics_port=str(port)) as server:
        group = (await server.ask(token, CREATE_GROUP))["createGroup"]["group"]["id"]
        async with watching_by_socket(server, token, group), watching_by_stream(server, token, group):
            await server.ask(token, CREATE_CONTACT)
            samples = await scrape(port)
            assert of(samples, "open_sockets") == of(samples, "open_event_streams") == 1
            assert of(samples, "subscriptions") == of(samples, "watchers") == 2
        assert of(samples, "operation_duration_seconds_count", kind="subscription", field="groupChanges") == 2
        assert of(samples, "work_duration_seconds_count", work="settle") == 2
        assert of(samples, "work_duration_seconds_count", work="transaction") >= 2
        assert of(samples, "work_duration_seconds_count", work="look") >= 1
        assert of(samples, "database_up") == 1
        assert 0 <= of(samples, "clock_lag_seconds") < DEADLINE
        assert 0 <= of(samples, "hub_lag_seconds") < DEADLINE
        assert of(samples, "database_connections_limit") >= 1
        async with asyncio.timeout(DEADLINE):
            while of(samples, "subscriptions") or of(samples, "open_sockets") or of(samples, "open_event_streams"):
                samples = await scrape(port)
        assert await status(server, "/metrics") == 404


@pytest.mark.only("postgresql")
async def test_each_process_has_metrics_of_its_own(url: str, port: int) -> None:
    token = await new_token(url, "Acme")
    async with serving(url, workers="2", metrics_port=str(port)) as server:
        for _ in range(5):
            await server.ask(token, "{ viewer { __typename } }")
        async with asyncio.timeout(DEADLINE):
            both = [await eventually_scraped(each) for each in (port, port + 1)]
    asked = "muster_operation_duration_seconds_count", (("field", "viewer"), ("kind", "query"))
    assert sum(samples.get(asked, 0) for samples in both) == 5


async def eventually_scraped(port: int) -> Samples:
    while True:
        try:
            return await scrape(port)
        except httpx.TransportError:
            await asyncio.sleep(0)


# ---------------------------------------------------------------- traces


@dataclass
class Collector:
    """An OTLP collector that keeps what it is sent."""

    port: int = 0
    spans: list[Span] = field(default_factory=list)

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length"))
        sent = ExportTraceServiceRequest.FromString(await reader.readexactly(length))
        self.spans += [span for resource in sent.resource_spans for scope in resource.scope_spans for span in scope.spans]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def collecting(monitored: Collector) -> AsyncIterator[None]:
    async with await asyncio.start_server(monitored.receive, "127.0.0.1", 0) as listening:
        monitored.port = listening.sockets[0].getsockname()[1]
        yield


async def test_a_trace_leads_from_the_clients_request_to_the_transaction(url: str) -> None:
    token, collector = await new_token(url, "Acme"), Collector()
    async with collecting(collector):
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}", "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        async with serving(url, variables=endpoint, tracing="true") as server:
            headers = {"Authorization": f"Bearer {token}", "traceparent": f"00-{TRACE}-{PARENT}-01"}
            async with web_client(headers=headers) as client:
                assert (await client.post(server.url, json={"query": CREATE_CONTACT})).status_code == 200
            assert await status(server, "/readyz") == 200
            assert await server.stop() == 0
    spans = {span.name: span for span in collector.spans if span.trace_id.hex() == TRACE}
    assert spans.keys() == {"POST", "mutation createContact", "transaction", "settle"}
    assert spans["POST"].parent_span_id.hex() == PARENT
    assert spans["mutation createContact"].parent_span_id == spans["POST"].span_id
    assert spans["transaction"].parent_span_id == spans["mutation createContact"].span_id
    assert spans["settle"].parent_span_id == spans["transaction"].span_id
    assert "GET" not in {span.name for span in collector.spans}, "probes are not traced"
    assert "ann@example.com" not in str(collector.spans)


# ---------------------------------------------------------------- the end


async def test_a_server_that_drains_answers_and_says_that_it_is_not_ready(url: str) -> None:
    token = await new_token(url, "Acme")
    async with serving(url, drain_seconds="600") as server:
        group = (await server.ask(token, CREATE_GROUP))["createGroup"]["group"]["id"]
        async with watching_by_socket(server, token, group) as socket:
            server.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(DEADLINE):
                while await status(server, "/readyz") != 503:
                    pass
            assert await status(server, "/healthz") == 200
            assert (await server.ask(token, VIEWER))["viewer"]["role"] == "OWNER"
            assert await server.stop() == 0
            await socket.wait_closed()
            assert socket.close_code == 1012


@pytest.mark.only("postgresql")  # test_cli stops one with streams on SQLite, test_bulk_processes kills one at work
async def test_a_bulk_action_that_a_stop_interrupts_goes_on_with_the_next_server(url: str) -> None:
    token = await new_token(url, "Acme")
    async with serving(url) as server:
        group = await prepare(server, token)
        async with watching_by_socket(server, token, group) as socket, watching_by_stream(server, token, group) as stream:
            action = (await server.ask(token, START))["startBulkAction"]["bulkAction"]["id"]
            assert await server.stop() == 0
            await until_ended(socket, stream)
    async with serving(url) as server:
        assert (await outcome(server, token, action))["processed"] == CONTACTS
    await verify(url)
