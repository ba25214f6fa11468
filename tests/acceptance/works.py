"""A small plant without cameras: sensors on the embedded broker, and who looks at its alarms."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx2
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from tests.acceptance.plant import PATIENCE_S
from tests.alert_builders import wait_until
from tests.brokers import Subscriber, answers
from tests.browser.officer import PASSWORD

SITE = "works"
ALERTS = f"hazard/v1/{SITE}/alert/#"
ACTIVE = f"hazard/v1/{SITE}/active/+"

KINDS: Mapping[str, tuple[str, str, list[dict[str, Any]]]] = {
    "toxic_gas": ("h2s", "ppm", [{"name": "alarm", "at": 10}, {"name": "idlh", "at": 100}]),
    "flammable_gas": ("ch4", "%LEL", [{"name": "alarm", "at": 10}, {"name": "high", "at": 25}]),
    "overtemperature": ("temperature", "degC", [{"name": "warning", "at": 100}]),
}
"""Hazard: quantity, unit and levels of the sensor that shows it."""


def works(port: int, sensors: Mapping[str, str], **sections: Any) -> dict[str, Any]:
    """A site file as plain data: each sensor (name to hazard) stands in an area of its own.

    Args:
        port: for the embedded broker, with the next one free too.
        sensors: name to hazard kind, one of KINDS.
        sections: further sections of the site file.
    """
    return {
        "version": 1,
        "site": {"id": SITE, "name": "Works", "languages": ["en"]},
        "areas": {f"area-{name}": {"name": f"Area of {name}"} for name in sensors},
        "sensors": {name: _sensor(name, hazard) for name, hazard in sensors.items()},
        "rules": {f"rule-{name}": _rule(name, hazard) for name, hazard in sensors.items()},
        "mqtt": {"embedded": True, "embedded_port": port, "heartbeat_s": 1},
        "dashboard": {"port": 0},
        "observe": {"metrics_port": 0},
        **sections,
    }


def _sensor(name: str, hazard: str) -> dict[str, Any]:
    quantity, unit, _ = KINDS[hazard]
    source = {"kind": "mqtt", "broker": "plant", "topic": f"plant/{name}"}
    return {"area": f"area-{name}", "quantity": quantity, "unit": unit, "source": source}


def _rule(name: str, hazard: str) -> dict[str, Any]:
    return {
        "kind": "threshold",
        "hazard": hazard,
        "sensor": name,
        "levels": KINDS[hazard][2],
        "off_delay_s": 0.5,
    }


class Transmitters:
    """The sensors' transmitters: each sends its value twice a second, for as long as it lasts."""

    def __init__(self, port: int, **values: float) -> None:
        self._values = dict(values)
        self._stopping = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, "transmitters", protocol=MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def show(self, **values: float) -> None:
        """From now on these sensors measure these values."""
        self._values.update(values)

    def _run(self) -> None:
        while not self._stopping.wait(0.5):
            for name, value in list(self._values.items()):
                self._client.publish(f"plant/{name}", str(value), qos=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._client.disconnect()
        self._client.loop_stop()


class ControlRoom:
    """An independent subscriber that keeps every revision of every alert, in order of arrival."""

    def __init__(self, port: int) -> None:
        wait_until(lambda: answers(port), seconds=PATIENCE_S, what="the broker")
        self._port = port
        self._subscriber = Subscriber(port, ALERTS, ACTIVE)

    def revisions(self, area: str | None = None) -> list[dict[str, Any]]:
        """What has arrived so far, each revision once, of one area or of all."""
        wanted = "/alert/" if area is None else f"/alert/{area}/"
        seen: dict[tuple[str, int], dict[str, Any]] = {}
        for topic, payload, *_ in list(self._subscriber.messages):
            if wanted in topic:
                body = json.loads(payload)
                seen.setdefault((body["alert_id"], body["revision"]), body)
        return list(seen.values())

    def await_revision(self, area: str | None = None, **fields: Any) -> dict[str, Any]:
        """The first revision of that area with these fields, waited for."""

        def found() -> list[dict[str, Any]]:
            return [
                body
                for body in self.revisions(area)
                if all(body[name] == value for name, value in fields.items())
            ]

        wait_until(lambda: bool(found()), seconds=PATIENCE_S, what=f"{fields} in {area}")
        return found()[0]

    def retained(self, alert_id: str) -> dict[str, Any]:
        """The state of an active alarm as one who subscribes now is told it."""
        late = Subscriber(self._port, f"hazard/v1/{SITE}/active/{alert_id}")
        try:
            wait_until(
                lambda: any(retain and payload for _, payload, retain, _ in late.messages),
                seconds=PATIENCE_S,
                what=f"the retained state of {alert_id}",
            )
            told: dict[str, Any] = json.loads(late.messages[0][1])
        finally:
            late.close()
        return told

    def await_cleared(self, alert_id: str) -> None:
        """Wait until the alarm's retained state has been taken away."""
        wait_until(
            lambda: self._subscriber.last(f"hazard/v1/{SITE}/active/{alert_id}") == b"",
            seconds=PATIENCE_S,
            what=f"an empty active state of {alert_id}",
        )

    def close(self) -> None:
        """Go home."""
        self._subscriber.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class Desk:
    """A person at the dashboard without a browser: sets up, reads pages, asks for actions."""

    def __init__(self, address: str, code: str, name: str) -> None:
        self._http = httpx2.Client(base_url=address, timeout=30, follow_redirects=True)
        form = {"csrf": self._token("/setup"), "actor": name, "code": code, "password": PASSWORD}
        answer = self._http.post("/setup", data=form)
        assert answer.status_code == 200, answer.text[:500]

    def _token(self, page: str) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.page(page))
        assert found is not None
        return found.group(1)

    def page(self, path: str) -> str:
        """A page's HTML."""
        answer = self._http.get(path)
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    def alert_text(self, alert_id: str) -> str:
        """What the alarm's page says, without tags, spaces made one."""
        return " ".join(re.sub(r"<[^>]+>", " ", self.page(f"/alerts/{alert_id}")).split())

    def asks(self, alert_id: str, verb: str, revision: int, comment: str = "") -> dict[str, Any]:
        """Ask for an action and wait for the agent's answer; how the request stands."""
        answer = self._http.post(
            f"/api/v1/alerts/{alert_id}/actions",
            json={"verb": verb, "expected_revision": revision, "comment": comment},
            headers={"X-CSRF-Token": self._token(f"/alerts/{alert_id}")},
        )
        assert answer.status_code == 202, answer.text[:500]
        request_id = answer.json()["status"]["request"]["request_id"]
        state: dict[str, Any] = {}

        def answered() -> bool:
            state.update(self._http.get(f"/api/v1/actions/{request_id}").json())
            return state["state"] != "pending"

        wait_until(answered, seconds=PATIENCE_S, what=f"an answer to {verb}")
        return state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._http.close()
