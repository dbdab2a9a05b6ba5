"""Gauges that are read at each scrape: connections, lag, and the state of the database."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from app.health.readings import Readings
from models.engine.fair_queue import FairQueue
from models.engine.loans import Pool
from resolvers.maintenance.clock_watch import ClockWatch
from subscriptions.hub import Hub

NOTHING = 0.0


class Gauges:
    """Current values. Those of the database are the same in every process of a deployment."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"muster_{name}", meaning, labels, registry=registry)

        self.sockets = gauge("open_sockets", "Open WebSockets.")
        self.event_streams = gauge("open_event_streams", "Open event streams.")
        self.subscriptions = gauge("subscriptions", "Subscriptions that are running.")
        self._operations = gauge("operations", "Queries and mutations that run, and that wait for their turn.", "state")
        self._registry = registry
        self._subscription_bytes = gauge("subscription_bytes", "Bytes that running subscriptions keep.")
        self._answer_bytes = gauge("answer_bytes", "Bytes of answers that are put together or wait to be read.")
        self._watchers = gauge("watchers", "Watchers that the hub keeps up to date.")
        self._hub_lag = gauge("hub_lag_seconds", "For how long a hint has waited for the hub to look.")
        self._pool = gauge("database_connections", "Connections of the pool, in use and idle.", "state")
        self._pool_waiting = gauge("database_connections_waiting", "Tasks that wait for a connection of the pool.")
        self._pool_size = gauge("database_connections_limit", "Most connections that the pool may have.")
        self._database_up = gauge("database_up", "Whether the database answered in time.")
        self._clock_lag = gauge("clock_lag_seconds", "How far settled membership is behind this machine's time.")
        self._clock_jump = gauge("clock_jump_seconds", "How far this machine's clock is ahead of what can be confirmed, or else 0.")
        self._deletion_lag = gauge("deletion_lag_seconds", "How far the time by which old rows are deleted is behind the logical clock.")
        self._bulk = gauge("bulk_actions", "Bulk actions, by state.", "state")
        self._bulk_contacts = gauge("bulk_contacts", "Contacts of the bulk actions that are not finished, by progress.", "progress")

    def follow(self, hub: Hub) -> None:
        """Read the number of watchers and the lag from this hub."""
        self._watchers.set_function(lambda: hub.groups.watchers)
        self._hub_lag.set_function(hub.groups.lag)

    def follow_turns(self, turns: FairQueue) -> None:
        """Read the number of running and waiting operations, and of refused ones, from this queue."""
        self._operations.labels("running").set_function(lambda: turns.running)
        self._operations.labels("waiting").set_function(lambda: turns.waiting)
        self._registry.register(RefusedOperations(turns))

    def follow_bytes(self, answers: Callable[[], int], subscriptions: Callable[[], int]) -> None:
        """Read the bytes that answers hold and that subscriptions keep from these functions."""
        self._answer_bytes.set_function(answers)
        self._subscription_bytes.set_function(subscriptions)

    def follow_clock(self, watch: ClockWatch) -> None:
        """Read from this watch by how much the clock has jumped."""
        self._clock_jump.set_function(lambda: watch.jump)

    def show_pool(self, pool: Pool) -> None:
        """Show the state of the connection pool."""
        self._pool.labels("used").set(pool.used)
        self._pool.labels("idle").set(pool.idle)
        self._pool_size.set(pool.most)
        self._pool_waiting.set(pool.waiting)

    def show(self, readings: Readings | None) -> None:
        """Show the state of the database, or that it did not answer."""
        self._database_up.set(readings is not None)
        self._clock_lag.set(readings.clock_lag if readings else float("nan"))
        self._deletion_lag.set(readings.deletion_lag if readings else float("nan"))
        self._bulk.clear()
        for state, count in (readings.bulk_states if readings else {}).items():
            self._bulk.labels(state).set(count)
        self._bulk_contacts.labels("done").set(readings.bulk_done if readings else NOTHING)
        self._bulk_contacts.labels("left").set(readings.bulk_left if readings else NOTHING)


class RefusedOperations(Collector):
    """Counts the operations that were refused because too many were waiting."""

    def __init__(self, turns: FairQueue) -> None:
        self._turns = turns

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return the present count."""
        yield CounterMetricFamily(
            "muster_operations_refused", "Queries and mutations refused because too many were waiting.", value=self._turns.refused
        )
