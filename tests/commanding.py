"""A node that takes commands: a real publisher, and hands that do what the core does with them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.publish import Publisher, outbox_messages
from hazard.alarms import on_action, on_note
from hazard.command_tokens import issue
from hazard.errors import Conflict, IllegalTransition
from hazard.site.models import Site
from hazard.store import Store
from hazard.store.operations import FinishRequest
from hazard.types import (
    ActionRequest,
    AlertMessage,
    Cause,
    Health,
    RequestOutcome,
    RequestState,
    Verb,
)
from tests.alert_builders import a_message, an_alarm, an_incident, later, wait_until

SIGNS = "0123456789abcdef0123456789abcdef"
STATUS = "hazard/v1/plant-a/node/edge-1/status"
RESPONSES = "hazard/v1/plant-a/response/"


def a_site(port: int, *, commands: str = "acl", **mqtt: Any) -> Site:
    """Two areas, three users, one broker."""
    return Site.model_validate(
        {
            "site": {"id": "plant-a", "name": "Plant A", "node": "edge-1"},
            "areas": {"yard": {"name": "Yard"}, "hall": {"name": "Hall"}},
            "sensors": {
                "h2s": {
                    "area": "yard",
                    "quantity": "h2s",
                    "unit": "ppm",
                    "source": {"kind": "mqtt", "topic": "plant/h2s/+", "broker": "plant"},
                }
            },
            "alarms": {
                "users": {
                    "ada": {"role": "operator"},
                    "bob": {"role": "viewer"},
                    "eve": {"role": "operator", "areas": ["hall"]},
                }
            },
            "mqtt": {
                "brokers": {"plant": {"port": port, "commands": commands, "keepalive_s": 5}},
                "token_secret": "${TOKEN_SECRET}",
                **mqtt,
            },
        }
    )


class Commanded:
    """Store, publisher and hands of one node, for a block."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.site = site
        self.store = Store.open(
            folder / "hazard.db", journal=folder / "journal", render=outbox_messages
        )
        self.publisher = Publisher(self.store, site)
        self.carried_out: list[ActionRequest] = []
        self._stop = threading.Event()
        self._hands = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self.publisher.set_watch({})
        self.publisher.set_stages([])
        self.publisher.start()
        self._hands.start()
        wait_until(
            lambda: self.publisher.health()[0].health is Health.READY,
            what=f"a connected publisher: {self.publisher.health()}",
        )
        return self

    def __exit__(self, *_exc: object) -> None:
        self.publisher.stop(5.0)
        self._stop.set()
        self._hands.join(10)
        self.store.close()

    def raised(self, number: int = 1, revisions: int = 1, **changes: Any) -> AlertMessage:
        """Alert `aN` with so many revisions; the newest."""
        alarm, incident = an_alarm(f"a{number}"), f"i{number}"
        for revision in range(revisions):
            cause = Cause.WORDS if revision else Cause.RAISED
            if revision:
                alarm = on_note(alarm, cause, later(1)).alarm
            with self.store.unit() as unit:
                unit.save_incident(an_incident(incident))
                unit.write_revision(
                    a_message(alarm, incident=incident, cause=cause, **changes), alarm
                )
                (message,) = unit.commit().messages
        self.publisher.wake()
        return message

    def audited(self, verb: str) -> list[Any]:
        """The lines of the audit with that verb, newest first."""
        lines = self.store.queries.audit_page(limit=200).lines
        return [line for line in lines if line.verb == verb]

    def _work(self) -> None:
        while not self._stop.wait(0.02):
            for request in self.store.pending_requests():
                self.carried_out.append(request)
                self._carry_out(request, datetime.now(UTC))

    def _carry_out(self, request: ActionRequest, now: datetime) -> None:
        arguments: dict[str, Any] = dict(request.arguments)
        port = self.publisher
        match request.verb:
            case Verb.TEST_ANNUNCIATOR:
                outcome = port.test_annunciator(arguments["area"], arguments["seconds"])
            case Verb.REPLAY:
                outcome = port.replay(
                    request.request_id, arguments["from_sequence"], arguments.get("to_sequence")
                )
            case Verb.SNAPSHOT:
                outcome = port.snapshot(request.request_id)
            case _:
                self._act(request, now)
                return
        self._finish(request, outcome, now)

    def _act(self, request: ActionRequest, now: datetime) -> None:
        (found,) = [
            alert
            for alert in self.store.open_alerts()
            if alert.message.alert_id == request.alert_id
        ]
        try:
            done = on_action(found.alarm, request, now)
        except Conflict as error:
            self._finish(request, _outcome(RequestState.CONFLICT, str(error)), now)
            return
        except IllegalTransition as error:
            self._finish(request, _outcome(RequestState.REFUSED, str(error)), now)
            return
        values = done.alarm.message_fields() | {"cause": done.cause}
        with self.store.unit() as unit:
            unit.write_revision(
                found.message.model_copy(update=values),
                done.alarm,
                actor=request.actor,
                text=done.text,
            )
            unit.finish_request(request.request_id, RequestState.DONE, done.text, now)
            unit.commit()
        self.publisher.wake()

    def _finish(self, request: ActionRequest, outcome: RequestOutcome, now: datetime) -> None:
        with self.store.unit() as unit:
            unit.add(
                FinishRequest(
                    request_id=request.request_id,
                    state=outcome.state,
                    outcome=outcome.text,
                    values=outcome.values,
                    at=now,
                )
            )
            unit.commit()


def _outcome(state: RequestState, text: str) -> RequestOutcome:
    return RequestOutcome(state=state, text=text)


class Person:
    """A client of somebody who sends commands and keeps what is answered.

    It waits for the node's status: a node that has said how it is takes commands.
    """

    def __init__(
        self, port: int, name: str = "ada", *, v5: bool = True, password: str | None = None
    ) -> None:
        self.name = name
        self.messages: list[tuple[str, bytes, bytes | None, dict[str, str]]] = []
        self._v5 = v5
        self._ready, self._told = threading.Event(), threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            f"person-{uuid.uuid4().hex[:12]}",
            protocol=MQTTv5 if v5 else MQTTv311,
        )
        if password is not None:
            self._client.username_pw_set(name, password)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _u, message: self._remember(message)
        self._client.connect("127.0.0.1", port, keepalive=30)
        self._client.loop_start()
        self.listen(f"{RESPONSES}{name}", "answers/#", STATUS)
        assert self._told.wait(10), "the node has not said how it is within 10 s"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def listen(self, *filters: str) -> None:
        """Subscribe, and wait for the broker's word."""
        self._ready.clear()
        self._client.subscribe([(each, 1) for each in filters])
        assert self._ready.wait(10), "not subscribed within 10 s"

    def _remember(self, message: MQTTMessage) -> None:
        if message.topic == STATUS:
            self._told.set()
            return
        correlation = getattr(message.properties, "CorrelationData", None) if self._v5 else None
        facts = dict(getattr(message.properties, "UserProperty", [])) if self._v5 else {}
        self.messages.append((message.topic, message.payload, correlation, facts))

    def send(
        self,
        verb: str,
        payload: dict[str, Any] | bytes,
        *,
        as_user: str | None = None,
        correlation: bytes | None = None,
        answer_to: str | None = None,
        retain: bool = False,
    ) -> None:
        """Send a command and wait for the PUBACK."""
        properties = None
        if self._v5 and (correlation is not None or answer_to is not None):
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            if correlation is not None:
                properties.CorrelationData = correlation
            if answer_to is not None:
                properties.ResponseTopic = answer_to
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._client.publish(
            f"hazard/v1/plant-a/command/{as_user or self.name}/{verb}",
            body,
            qos=1,
            retain=retain,
            properties=properties,
        ).wait_for_publish(10)

    def answers(self) -> list[dict[str, Any]]:
        """All responses so far."""
        return [json.loads(body) for topic, body, _, _ in list(self.messages) if _is_answer(topic)]

    def answer(self, number: int = 0) -> dict[str, Any]:
        """The response of that number, as soon as it is there."""
        wait_until(lambda: len(self.answers()) > number, what=f"answer {number}")
        return self.answers()[number]

    def ask(self, verb: str, payload: dict[str, Any] | bytes, **more: Any) -> dict[str, Any]:
        """Send a command; the response to it."""
        number = len(self.answers())
        self.send(verb, payload, **more)
        return self.answer(number)


def _is_answer(topic: str) -> bool:
    return topic.startswith((RESPONSES, "answers/"))


def a_token(user: str = "ada", *, site: str = "plant-a", hours: float = 1.0, **more: Any) -> str:
    """A token as `hazard token` makes it; hours below 0: it has expired."""
    now = datetime.now(UTC)
    if hours < 0:
        now += timedelta(hours=hours - 1)
    return issue(
        more.pop("secret", SIGNS),
        user=user,
        site=site,
        now=now,
        lifetime=timedelta(hours=abs(hours)),
        **more,
    )


@contextlib.contextmanager
def quiet(person: Person, seconds: float = 1.0) -> Iterator[None]:
    """Nothing is answered within the block and so many seconds after it."""
    before = len(person.answers())
    yield
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert len(person.answers()) == before, person.answers()[before:]
        threading.Event().wait(0.05)


def request_response(port: int, topic: str, payload: str, *options: str) -> str:
    """What `mosquitto_rr` prints: the payload of the response."""
    command = ["mosquitto_rr", "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(port), "-q", "1"]
    command += ["-t", topic, "-m", payload, "-W", "10", *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout
