"""Sensors on MQTT topics: one connection per broker, shared by all its sensors."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from paho.mqtt.client import MQTTMessage, topic_matches_sub

from edge_agent.sensors.connection import Connection
from edge_agent.sensors.payload import Received, parse_reading
from hazard.errors import ConfigError, SourceError
from hazard.ports import SensorSource
from hazard.site.models import Sensor, Site
from hazard.site.mqtt import Broker
from hazard.site.sources import MqttSensorSource
from hazard.types import Reading

MAX_WAITING = 10_000
"""Readings that may wait for the event loop; beyond, the oldest are dropped and counted."""

ROWS_PER_TURN = 500
JOIN_S = 5.0


class Inbox:
    """Carries readings from the connection's thread to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, emit: Callable[[Reading], None]) -> None:
        self._loop = loop
        self._emit = emit
        self._waiting: deque[Reading] = deque()
        self._lock = threading.Lock()
        self._scheduled = False
        self.dropped = 0

    def put(self, reading: Reading) -> None:
        """Take a reading, in any thread; the oldest gives way when too many wait."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(reading)
            wake, self._scheduled = not self._scheduled, True
        if wake:
            self._wake()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        with self._lock:
            count = min(len(self._waiting), ROWS_PER_TURN)
            batch = [self._waiting.popleft() for _ in range(count)]
            self._scheduled = bool(self._waiting)
            more = self._scheduled
        if more:
            self._loop.call_soon(self._drain)
        for reading in batch:
            self._emit(reading)


@dataclass(eq=True)
class MqttSource:
    """All sensors of one broker. Sources of the same configuration compare equal."""

    name: str
    broker_name: str
    broker: Broker
    client_id: str
    sensors: dict[str, Sensor]
    _connection: Connection | None = field(default=None, compare=False, repr=False)
    _inbox: Inbox | None = field(default=None, compare=False, repr=False)

    async def run(self, emit: Callable[[Reading], None]) -> None:
        """Deliver readings until cancelled; reconnects by itself, for ever.

        Raises:
            SourceError: if the connection's thread ends by a fault of this program.
        """
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        inbox = self._inbox = Inbox(loop, emit)
        connection = Connection(
            self.broker_name,
            self.broker,
            self.client_id,
            (_topic(sensor) for sensor in self.sensors.values()),
            lambda message: self._deliver(message, inbox),
        )
        self._connection = connection

        def work() -> None:
            try:
                connection.run()
            finally:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(ended.set)

        thread = threading.Thread(target=work, name=f"sensors-{self.broker_name}", daemon=True)
        thread.start()
        try:
            await ended.wait()
            raise SourceError(f"{self.name}: the connection's thread has ended; it starts again")
        finally:
            connection.close()
            self._connection = None
            await asyncio.to_thread(thread.join, JOIN_S)

    def status(self) -> tuple[bool, str]:
        """Whether the broker sends all topics, and if not why and what to do."""
        if self._connection is None:
            return False, f"broker {self.broker_name}: not started"
        connected, why = self._connection.status()
        dropped = self._inbox.dropped if self._inbox else 0
        if connected and dropped:
            return True, f"{dropped} readings dropped: they come faster than they are read"
        return connected, why

    def _deliver(self, message: MQTTMessage, inbox: Inbox) -> None:
        received = Received(datetime.now(UTC), time.monotonic(), retained=message.retain)
        payload = bytes(message.payload)
        for sensor_id, sensor in self.sensors.items():
            if matches(_topic(sensor), message.topic):
                inbox.put(parse_reading(payload, sensor_id, sensor, received))


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a message on `topic` belongs to a subscription of `topic_filter`."""
    if topic_filter.startswith("$share/"):
        topic_filter = topic_filter.split("/", 2)[-1]
    try:
        return topic_matches_sub(topic_filter, topic)
    except ValueError:
        return False


def _topic(sensor: Sensor) -> str:
    if not isinstance(sensor.source, MqttSensorSource):
        raise ConfigError(f"a sensor on {sensor.source.kind} was given to MQTT")
    return sensor.source.topic


def build(site: Site, sensors: Mapping[str, Sensor]) -> list[SensorSource]:
    """One source per broker that sensors name.

    Raises:
        ConfigError: if a sensor names a broker that there is not.
    """
    brokers = site.brokers()
    grouped: dict[str, dict[str, Sensor]] = {}
    for name, sensor in sensors.items():
        broker = sensor.source.broker if isinstance(sensor.source, MqttSensorSource) else ""
        if broker not in brokers:
            known = ", ".join(sorted(brokers)) or "none"
            raise ConfigError(
                f"sensors.{name}.source.broker: no broker {broker!r}: known are {known}"
            )
        grouped.setdefault(broker, {})[name] = sensor
    return [
        MqttSource(
            name=f"mqtt/{broker}",
            broker_name=broker,
            broker=brokers[broker],
            client_id=f"hazard-{site.site.id}-{site.site.node}-sensors-{broker}",
            sensors=group,
        )
        for broker, group in grouped.items()
    ]
