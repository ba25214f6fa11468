"""The dashboard on a PostgreSQL that two real nodes are copied to: it reads both and asks each."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from fastapi.testclient import TestClient

from dashboard.app import create_app
from dashboard.live import Event, Watcher
from dashboard.replica import ReplicaBackend, open_replica
from dashboard.security import COOKIE
from dashboard.settings import REPLICA_STALE_AFTER_S, Settings
from dashboard.stages import HealthView, judge, of_site, together
from hazard.errors import StoreError
from hazard.site.models import Site
from hazard.store.queries import RequestStatus
from hazard.types import ActionRequest, AlertMessage, Health, RequestState, Role, Verb, Via
from tests.alert_builders import wait_until
from tests.commanding import SIGNS
from tests.integration.core.node import Client, Node, a_site, run, until
from tests.integration.replica.plant import feed
from tests.mosquitto import Mosquitto
from tests.postgres import Postgres, own_postgres

pytestmark = [pytest.mark.mosquitto, pytest.mark.postgres]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with own_postgres() as server:
        yield server


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    monkeypatch.setenv("TOKEN_SECRET", SIGNS)
    made = Mosquitto(tmp_path).start()
    yield made
    made.stop()


def site_of(node: str, broker: Mosquitto) -> dict[str, Any]:
    return a_site(
        broker.port,
        site={"node": node},
        mqtt={
            "brokers": {"plant": {"port": broker.port, "commands": "token"}},
            "token_secret": "${TOKEN_SECRET}",
        },
    )


class Plant:
    """Two nodes whose cores run, each with a person in the pit, and the replica of both."""

    def __init__(self, folder: Path, broker: Mosquitto, url: str) -> None:
        self.nodes = {}
        for name in ("edge-1", "edge-2"):
            home = folder / name
            home.mkdir()
            self.nodes[name] = Node(home, site_of(name, broker))
        self.site = Site.model_validate(site_of("control-room", broker))
        self.url = url
        self.backend: ReplicaBackend
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for name, node in self.nodes.items():
            await self._stack.enter_async_context(node.running())
            vision = await self._stack.enter_async_context(Client.connected(node, "vision"))
            vision.report()
            vision.observe(person=True)
            await until(lambda each=name: self.in_the_pit(each), f"an alarm of {name}")
            await until(
                lambda each=node: (
                    each.stages().get("mqtt/plant")
                    and each.stages()["mqtt/plant"].health is Health.READY
                ),
                f"{name} at the broker",
            )
        await self.copy()
        self.backend = await asyncio.to_thread(open_replica, self.url, lambda: self.site)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.backend.close)
        await self._stack.aclose()
        for node in self.nodes.values():
            node.remove()

    def in_the_pit(self, node: str) -> list[AlertMessage]:
        alerts = self.nodes[node].alerts()
        return [alert for alert in alerts if alert.hazard == "person_in_restricted_zone"]

    def ready(self, node: str) -> bool:
        """The node says that it is at the broker."""
        stage = self.nodes[node].stages().get("mqtt/plant")
        return stage is not None and stage.health is Health.READY

    async def copy(self) -> None:
        for name, node in self.nodes.items():
            await asyncio.to_thread(feed, node.paths.database, self.url, name)

    async def ask(self, verb: Verb, alert: AlertMessage, **more: Any) -> RequestStatus:
        """Ask as the page does; the answer once there is one."""
        request = ActionRequest(
            request_id=str(uuid.uuid4()),
            alert_id=alert.alert_id,
            verb=verb,
            actor=more.pop("actor", "Ada Byron"),
            role=more.pop("role", Role.OPERATOR),
            expected_revision=alert.revision,
            requested_at=datetime.now(UTC),
            **more,
        )
        status = await asyncio.to_thread(self.backend.submit, request)
        return await until(lambda: self._settled(status), "an answer")  # type: ignore[no-any-return]

    def _settled(self, status: RequestStatus) -> RequestStatus | None:
        now = self.backend.queries.request_state(status.request.request_id)
        return now if now is not None and now.state is not RequestState.PENDING else None


@pytest.fixture
def made(tmp_path: Path, broker: Mosquitto, postgres: Postgres) -> Plant:
    return Plant(tmp_path, broker, postgres.new_database())


def test_an_acknowledgement_reaches_the_node_that_has_the_alarm(made: Plant) -> None:
    async def test() -> None:
        async with made as plant:
            shown = {m.node: m for m in plant.backend.queries.list_alerts().alerts}
            assert set(shown) == {"edge-1", "edge-2"}
            done = await plant.ask(Verb.ACKNOWLEDGE, shown["edge-2"])
            assert done.state is RequestState.DONE, done.outcome
            assert done.request.via is Via.MQTT
            assert [a.acknowledged_by for a in plant.in_the_pit("edge-2")] == ["Ada Byron"]
            assert [a.acknowledged_by for a in plant.in_the_pit("edge-1")] == [None]
            await plant.copy()
            detail = plant.backend.queries.get_alert(shown["edge-2"].alert_id)
            assert detail is not None
            assert detail.current.acknowledged_by == "Ada Byron"
            assert [each.state for each in detail.requests] == [RequestState.DONE], "copied once"

            early = await plant.ask(Verb.RESET, shown["edge-2"])
            assert early.state in (RequestState.CONFLICT, RequestState.REFUSED)

    run(test())


def test_the_page_of_the_replica_shows_both_nodes_and_what_became_of_a_request(
    made: Plant, tmp_path: Path
) -> None:
    async def test() -> None:
        async with made as plant:
            alerts = plant.backend.queries.list_alerts().alerts
            (alert,) = [a for a in alerts if a.node == "edge-2" and a.hazard.startswith("person")]
            await asyncio.to_thread(_asks_by_the_page, plant, alert.alert_id, tmp_path)
            assert [a.acknowledged_by for a in plant.in_the_pit("edge-2")] == ["Ada"]

    run(test())


def _asks_by_the_page(plant: Plant, alert_id: str, folder: Path) -> None:
    where = Settings(
        site_file=folder / "control-room.yaml",
        data_dir=folder,
        run_dir=folder,
        replica_url=plant.url,
        stale_after_s=REPLICA_STALE_AFTER_S,
    )
    where.site_file.write_text("{}")
    now = datetime.now(UTC)
    people = plant.backend.people
    ada = people.accounts.create("Ada", Role.OPERATOR, (), by="test", now=now)
    app = create_app(where, plant.backend, site=plant.site)
    with TestClient(app, headers={"accept": "text/html"}) as client:
        client.cookies.set(
            COOKIE,
            people.logins.open_session(ada, now, lifetime=timedelta(hours=1)),
            domain="testserver.local",
        )
        assert "edge-2" in client.get("/health").text
        found = re.search(r'name="csrf" value="(\w+)"', client.get(f"/alerts/{alert_id}").text)
        assert found is not None
        seen = plant.backend.queries.get_alert(alert_id)
        assert seen is not None
        answer = client.post(
            f"/api/v1/alerts/{alert_id}/actions",
            json={"verb": "acknowledge", "expected_revision": seen.current.revision},
            headers={"X-CSRF-Token": found.group(1)},
        )
        assert answer.status_code == 202, answer.text
        request_id = answer.json()["status"]["request"]["request_id"]

        def state() -> Any:
            return client.get(f"/api/v1/actions/{request_id}").json()["state"]

        wait_until(lambda: state() != "pending")
        assert state() == "done"


def test_the_node_checks_role_and_areas_of_the_person_that_the_token_names(made: Plant) -> None:
    async def test() -> None:
        async with made as plant:
            (alert,) = plant.in_the_pit("edge-1")
            viewer = await plant.ask(Verb.ACKNOWLEDGE, alert, role=Role.VIEWER)
            assert (viewer.state, "viewer" in viewer.outcome) == (RequestState.REFUSED, True)
            elsewhere = await plant.ask(Verb.ACKNOWLEDGE, alert, areas=("hall",))
            assert (elsewhere.state, "hall" in elsewhere.outcome) == (RequestState.REFUSED, True)
            assert [a.acknowledged for a in plant.in_the_pit("edge-1")] == [False]

    run(test())


def test_what_is_for_no_single_node_or_only_for_its_own_dashboard_is_refused(made: Plant) -> None:
    async def test() -> None:
        async with made as plant:
            (alert,) = plant.in_the_pit("edge-1")
            nowhere = alert.model_copy(update={"alert_id": ""})
            site = await plant.ask(Verb.CHANGE_SITE, nowhere)
            assert site.state is RequestState.REFUSED
            assert "edge-1, edge-2" in site.outcome
            job = await plant.ask(Verb.START_JOB, alert)
            assert job.state is RequestState.REFUSED
            assert "dashboard of node edge-1 itself" in job.outcome

    run(test())


def test_what_the_broker_did_not_take_is_refused_and_not_sent_later(
    made: Plant, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.commander.CONNECT_WITHIN_S", 0.5)

    async def test() -> None:
        async with made as plant:
            (alert,) = plant.in_the_pit("edge-1")
            broker.stop()
            lost = await plant.ask(Verb.ACKNOWLEDGE, alert)
            assert lost.state is RequestState.REFUSED
            assert "Nothing was sent: the broker cannot be reached" in lost.outcome
            assert "edge-1" in lost.outcome
            broker.start()
            await until(lambda: broker.logged("New client connected", " hazard-dashboard-"))
            await until(lambda: plant.ready("edge-1"), "the node at the broker again")
            again = await plant.ask(Verb.COMMENT, alert, comment="seen")
            assert again.state is RequestState.DONE
            requests = plant.backend.queries.get_alert(alert.alert_id)
            assert requests is not None
            assert RequestState.REFUSED in [each.state for each in requests.requests]

    run(test())


def test_a_copied_revision_is_news_at_once_and_a_silent_node_makes_all_unknown(
    made: Plant,
) -> None:
    async def test() -> None:
        async with made as plant:
            heard: list[Event] = []
            watcher = Watcher(plant.backend, lambda: health(plant), heard.append, poll_s=0.02)
            watcher.start()
            try:
                await until(lambda: any(e.kind == "health" for e in heard), "the first look")
                (alert,) = plant.in_the_pit("edge-2")
                await plant.ask(Verb.COMMENT, alert, comment="on my way")
                await until(lambda: any(e.kind == "request" for e in heard), "the answer's news")
                await plant.copy()
                told = ("alarm", alert.alert_id)
                await until(
                    lambda: told in [(e.kind, i) for e in heard for i in e.data.get("ids", ())],
                    "the revision's news",
                )
            finally:
                await asyncio.to_thread(watcher.stop)
            view = health(plant)
            assert not view.silent
            told = {(each.node, each.stage) for each in view.stages}
            assert told >= {("edge-1", "core"), ("edge-2", "core")}
            whole = of_site(judged(plant), plant.site)
            assert [each.stage for each in whole.stages] == ["camera/gate"]
            old = together([*judged(plant), judge((), plant.site, now(), 15.0, node="edge-3")], "")
            assert (old.silent, old.worst, old.node) == (True, Health.UNKNOWN, "edge-3")

    run(test())


def now() -> datetime:
    return datetime.now(UTC)


def judged(plant: Plant) -> list[HealthView]:
    """Each node by what it told the replica."""
    said = plant.backend.situation.stage_health()
    return [
        judge(rows, plant.site, now(), REPLICA_STALE_AFTER_S, node=node)
        for node, rows in said.items()
    ]


def health(plant: Plant) -> HealthView:
    return together(judged(plant), "")


def test_an_address_that_is_no_postgresql_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="want postgresql://"):
        open_replica(str(tmp_path / "hazard.db"), lambda: None)  # type: ignore[arg-type,return-value]
