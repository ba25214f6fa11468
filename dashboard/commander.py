"""Sends requests to the nodes as MQTT commands, signed for the person, and hears the answers."""

from __future__ import annotations

import contextlib
import ssl
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions
from pydantic import ValidationError

from hazard.command_tokens import issue, read_secret
from hazard.commands import CommandMessage, CommandResponse
from hazard.errors import BrokerError, ConfigError
from hazard.site.models import Site
from hazard.site.mqtt import Broker
from hazard.types import ActionRequest, Verb

USER = "dashboard"
"""Who sends, for the broker's access list; for whom it sends stands in the token."""
TOKEN_LASTS = timedelta(minutes=1)
CONNECT_WITHIN_S = 5.0
EXPIRES_S = 60
"""A command that a broker holds for longer is not delivered any more."""
AGAIN_S = (1, 30)
NOT_BY_MQTT = frozenset({Verb.CHANGE_SITE, Verb.RESTORE_SITE, Verb.START_JOB, Verb.CANCEL_JOB})
"""The site file, and work on the box: asked for on the node's own dashboard."""

log = structlog.get_logger(__name__)
Heard = Callable[[CommandResponse], None]


class Commander:
    """One connection to the broker that takes signed commands.

    Args:
        site: read at each command, so that a new secret counts at once.
        heard: is given each answer, in the client's thread.
    """

    def __init__(self, site: Callable[[], Site], heard: Heard) -> None:
        self._site, self._heard = site, heard
        self._id = uuid.uuid4().hex[:12]
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._ready = threading.Event()
        self._refused = ""

    def close(self) -> None:
        """Disconnect."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def send(self, request: ActionRequest, asked_as: str, site_id: str, node: str) -> None:
        """Send a request to a node; `asked_as`: the id that the answer will name.

        Raises:
            BrokerError: if it was not handed to the broker: nothing was sent, with the mend.
        """
        if request.verb in NOT_BY_MQTT:
            raise BrokerError(f"{request.verb} is asked for on the dashboard of node {node} itself")
        site = self._site()
        try:
            payload = _command(request, asked_as, site, site_id, node)
            client = self._connected(site)
        except (ConfigError, OSError, ValueError) as error:
            raise BrokerError(f"the broker cannot be used ({error})") from error
        topic = f"hazard/v1/{site_id}/command/{USER}/{request.verb.value}"
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = self._answers(site_id)
        properties.MessageExpiryInterval = EXPIRES_S
        sent = client.publish(topic, payload, qos=1, properties=properties)
        try:
            sent.wait_for_publish(CONNECT_WITHIN_S)
        except (RuntimeError, ValueError) as error:
            raise BrokerError(f"the broker did not take the command ({error})") from error
        if not sent.is_published():
            raise BrokerError("the broker did not acknowledge the command: see its log")

    def _answers(self, site_id: str) -> str:
        return f"hazard/v1/{site_id}/response/{USER}/{self._id}"

    def _connected(self, site: Site) -> Client:
        """The client, connected and subscribed.

        Raises:
            BrokerError: if that does not come about within 5 s.
        """
        with self._lock:
            if self._client is None:
                self._client = self._connect(_broker(site))
            client = self._client
        if not self._ready.wait(CONNECT_WITHIN_S):
            why = self._refused or "no answer: check address and network"
            raise BrokerError(f"the broker cannot be reached ({why})")
        return client

    def _connect(self, broker: Broker) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2, f"hazard-dashboard-{self._id}", protocol=MQTTv5
        )
        if broker.username is not None:
            password = broker.password.resolve() if broker.password is not None else None
            client.username_pw_set(broker.username, password)
        if broker.tls:
            client.tls_set_context(_tls(broker))
        client.connect_timeout = CONNECT_WITHIN_S
        client.reconnect_delay_set(*AGAIN_S)
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self._ready.set()
        client.on_disconnect = lambda *_: self._ready.clear()
        client.on_message = lambda _c, _u, message: self._on_message(message)
        client.connect_async(broker.host, broker.port, keepalive=broker.keepalive_s)
        client.loop_start()
        return client

    def _on_connect(
        self, client: Client, _data: object, _flags: object, code: object, _properties: object
    ) -> None:
        if getattr(code, "is_failure", False):
            self._refused = f"it says {code}: check username, password and its access list"
            return
        self._refused = ""
        options = SubscribeOptions(qos=1, noLocal=True)
        result, _ = client.subscribe(f"hazard/v1/+/response/{USER}/{self._id}", options=options)
        if result is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._refused = "the connection was lost again"

    def _on_message(self, message: MQTTMessage) -> None:
        with contextlib.suppress(ValidationError):
            self._heard(CommandResponse.model_validate_json(message.payload))
            return
        log.warning("dashboard.answer_not_understood", topic=message.topic[:200])


def _broker(site: Site) -> Broker:
    for broker in site.brokers().values():
        if broker.commands == "token":
            return broker
    raise ConfigError(
        "no broker of the site file takes signed commands: set `commands: token` of a broker, and "
        "mqtt.token_secret as the nodes have it"
    )


def _command(request: ActionRequest, asked_as: str, site: Site, site_id: str, node: str) -> bytes:
    """The command as it goes over the wire.

    Raises:
        ConfigError: if the secret that signs it is missing, cannot be read or is too short.
        ValueError: if the request does not fit a command.
    """
    token = issue(
        read_secret(site.mqtt.token_secret),
        user=USER,
        site=site_id,
        now=datetime.now(UTC),
        lifetime=TOKEN_LASTS,
        verbs=[request.verb.value],
        areas=request.areas,
        speaks_for=(request.actor, request.role),
    )
    message = CommandMessage(
        node=node,
        request_id=asked_as,
        alert_id=request.alert_id or None,
        revision=request.expected_revision or None,
        comment=request.comment,
        duration_s=request.duration_s,
        arguments=request.arguments,
        token=token,
    )
    return message.model_dump_json().encode()


def _tls(broker: Broker) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cafile=str(broker.ca_file) if broker.ca_file is not None else None
    )
    if broker.cert_file is not None:
        context.load_cert_chain(broker.cert_file, broker.key_file, password="")
    return context
