"""One connection to one broker, driven by the thread that owns it.

paho's own network thread is not used: the relay's thread waits for socket and wake-up together,
so that a message goes from the store to the socket without a change of thread.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.mqtt import KEEPALIVE_TIMEOUT, broken, ended, explain, refusal, tls_context
from edge_agent.publish.fitting import UNLIMITED_PACKET
from edge_agent.publish.protocol import Reply
from edge_agent.publish.topics import Publication
from hazard.errors import BrokerError, ConfigError
from hazard.site.mqtt import Broker

CONNECT_WITHIN_S = 3.0
IN_FLIGHT = 20
"""Messages without PUBACK at once: Mosquitto takes no more by default."""
OTHER_VERSION = 132
"""Reason code "Unsupported Protocol Version" (OASIS MQTT 5.0, 3.2.2.2); paho gives it for 3.1.1."""
LARGEST_RECEIVED = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Acked:
    """A PUBACK: `error` is the reason code's name, and `code` it, if the message was refused."""

    mid: int
    error: str | None
    code: int


class Link:
    """A connection, from `connect` until a BrokerError or `close`.

    Attributes:
        max_packet: the largest packet that the broker takes, in bytes.
        reply: what the broker said to the CONNECT.
        unheard: filters that the broker refused, with its reason.
        speaks_v5: this is a connection of MQTT 5.
        hung_up: the broker ended the connection without a word.
    """

    def __init__(
        self,
        name: str,
        broker: Broker,
        *,
        client_id: str,
        will: Publication,
        wake: socket.socket,
        on_ack: Callable[[Acked], None],
        on_message: Callable[[MQTTMessage], None],
    ) -> None:
        self._name, self._broker, self._wake = name, broker, wake
        self.speaks_v5 = broker.protocol != "3.1.1"
        self.max_packet = UNLIMITED_PACKET
        self.reply = Reply.UNREACHED
        self.unheard: dict[str, str] = {}
        self._asked: dict[int | None, str] = {}
        self.hung_up = False
        self._connected = False
        self._lost: str | None = None
        self._sock: Any = None
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5 if self.speaks_v5 else MQTTv311
        )
        client = self._client
        client.connect_timeout = CONNECT_WITHIN_S
        client.max_inflight_messages_set(IN_FLIGHT)
        client.max_queued_messages_set(0)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = lambda _c, _u, mid, code, _p: on_ack(
            Acked(mid, code.getName() if code.is_failure else None, code.value)
        )
        client.on_subscribe = self._on_subscribe
        client.on_message = lambda _c, _u, message: on_message(message)
        client.will_set(
            will.topic, will.body, qos=1, retain=will.retain, properties=self._will_properties(will)
        )

    # ------------------------------------------------------------ opening and closing

    def connect(self) -> None:
        """Connect and wait for the broker's answer.

        Raises:
            BrokerError: if it cannot be reached or refuses, with the reason and the mend.
        """
        broker = self._broker
        try:
            self._prepare()
            self._client.connect(
                broker.host,
                broker.port,
                keepalive=broker.keepalive_s,
                properties=self._limits() if self.speaks_v5 else None,
            )
            self._tune()
        except ConfigError as error:
            raise BrokerError(f"broker {self._name}: {error}") from error
        except (OSError, ValueError) as error:
            raise BrokerError(self._unreachable(error)) from error
        self.reply = Reply.SILENT
        deadline = time.monotonic() + CONNECT_WITHIN_S
        self._sock = self._client.socket()
        while not self._connected:
            self.poll(0.05)
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"broker {self._name} at {broker.host}:{broker.port} took the connection but "
                    f"does not answer within {CONNECT_WITHIN_S:.0f} s: is it an MQTT broker, "
                    f"and is `tls` right?"
                )

    def _prepare(self) -> None:
        broker = self._broker
        if broker.username is not None:
            password = broker.password.resolve() if broker.password is not None else None
            self._client.username_pw_set(broker.username, password)
        if broker.tls:
            self._client.tls_set_context(tls_context(broker))

    def _limits(self) -> Properties:
        """What this client takes: nobody else's giant message."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = LARGEST_RECEIVED
        return properties

    def _tune(self) -> None:
        sock: Any = self._client.socket()
        if sock is not None:
            with contextlib.suppress(OSError, AttributeError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _unreachable(self, error: Exception) -> str:
        found, mend = explain(error, self._broker)
        return f"broker {self._name}: {found}: {mend}"

    def close(self) -> None:
        """Disconnect cleanly: the broker does not send the last will."""
        self._client.disconnect()
        with contextlib.suppress(BrokerError):
            self.poll(0.05)
        self.abandon()

    def abandon(self) -> None:
        """Drop the socket without a word: the broker sends the last will."""
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    # ------------------------------------------------------------ working

    def publish(self, message: Publication) -> int:
        """Send at QoS 1; gives the number that the PUBACK will name.

        Raises:
            BrokerError: if the connection is gone.
        """
        properties = self._properties(PacketTypes.PUBLISH, message) if self.speaks_v5 else None
        info = self._client.publish(
            message.topic, message.body, qos=1, retain=message.retain, properties=properties
        )
        self._raise_if_lost()
        return info.mid

    def subscribe(self, topic_filter: str, *, qos: int = 0, own: bool = False) -> None:
        """Ask for the messages of a filter; for those that this node published only with `own`.

        With MQTT 5 a message that was published as retained says so also when it comes at once.
        """
        if self.speaks_v5:
            options = SubscribeOptions(qos=qos, noLocal=not own, retainAsPublished=True)
            _, number = self._client.subscribe(topic_filter, options=options)
        else:
            _, number = self._client.subscribe(topic_filter, qos=qos)
        self._asked[number] = topic_filter

    def unsubscribe(self, topic_filter: str) -> None:
        """Take a subscription back."""
        self._client.unsubscribe(topic_filter)

    def poll(self, timeout_s: float) -> None:
        """Wait for the socket or a wake-up, at most so long, and do what is due.

        Raises:
            BrokerError: if the connection is gone, with the broker's reason.
        """
        sock = self._client.socket()
        if sock is None:
            self._raise_if_lost()
            raise BrokerError(f"broker {self._name}: {self._broken()}")
        writers = [sock] if self._client.want_write() else []
        pending = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0
        try:
            readable, writable, _ = select.select(
                [sock, self._wake], writers, [], 0 if pending else timeout_s
            )
        except (OSError, ValueError) as error:
            raise BrokerError(f"broker {self._name}: the connection broke ({error})") from error
        if self._wake in readable:
            with contextlib.suppress(BlockingIOError):
                self._wake.recv(4096)
        if sock in readable or pending:
            self._check(self._client.loop_read())
            self._acknowledge_at_once(sock)
        if sock in writable:
            self._check(self._client.loop_write())
        self._check(self._client.loop_misc())

    def _acknowledge_at_once(self, sock: Any) -> None:
        """Without this the kernel holds TCP acknowledgements, and the broker its next PUBACK."""
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _check(self, code: MQTTErrorCode) -> None:
        self._raise_if_lost()
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError(f"broker {self._name}: {self._broken()}")

    def _raise_if_lost(self) -> None:
        if self._lost is not None:
            raise BrokerError(self._lost)

    # ------------------------------------------------------------ what paho tells

    def _on_connect(self, _c: Client, _u: Any, _flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            other = code.value == OTHER_VERSION
            self.reply = Reply.OTHER_VERSION if other else Reply.REFUSED
            self._lost = f"broker {self._name} refuses: {refusal(code)}"
            return
        self.reply = Reply.TAKEN
        self._connected = True
        self.max_packet = getattr(properties, "MaximumPacketSize", UNLIMITED_PACKET)
        window = getattr(properties, "ReceiveMaximum", IN_FLIGHT)
        if window < IN_FLIGHT:  # paho's setter wants this before the broker has told it
            self._client._max_inflight_messages = window  # noqa: SLF001

    def _on_subscribe(self, _c: Client, _u: Any, number: int, codes: Any, _p: Any) -> None:
        topic_filter = self._asked.pop(number, None)
        if topic_filter is not None and codes[0].is_failure:
            self.unheard[topic_filter] = str(codes[0])

    def _on_disconnect(self, _c: Client, _u: Any, flags: Any, code: Any, _p: Any) -> None:
        told = flags.is_disconnect_packet_from_server or code.value == KEEPALIVE_TIMEOUT
        self.hung_up = not told and self._lost is None  # after a refusal it has said why
        if self._lost is None:
            why = ended(flags, code, self._sock, self._broker, answered=self._connected)
            self._lost = f"broker {self._name}: {why}"

    def _broken(self) -> str:
        found = broken(self._sock, self._broker, answered=self._connected)
        return ": ".join(found) if found else "the connection broke: it is connected again"

    # ------------------------------------------------------------ properties

    def _will_properties(self, will: Publication) -> Properties | None:
        return self._properties(PacketTypes.WILLMESSAGE, will) if self.speaks_v5 else None

    def _properties(self, packet: int, message: Publication) -> Properties:
        properties = Properties(packet)  # type: ignore[no-untyped-call]
        if message.body:
            properties.ContentType = "application/json"
            properties.PayloadFormatIndicator = 1
        if message.properties:
            properties.UserProperty = list(message.properties.items())
        if message.correlation is not None:
            properties.CorrelationData = message.correlation
        if message.expiry_s is not None:
            properties.MessageExpiryInterval = message.expiry_s
        return properties
