"""People are told: queue, channels, retries, a process that is killed, and the command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.core.server import Connection, Handlers, Server
from edge_agent.ipc import Configure, Message, WorkerReport
from edge_agent.notify.channels import signature
from edge_agent.notify.sender import Sender
from edge_agent.notify.worker import Notifier
from hazard.site.loader import load_site
from hazard.site.models import Site
from hazard.store import Store
from hazard.store.operations import QueueNotice
from hazard.types import Health, Notice, NoticeReason, Severity
from tests.alert_builders import a_message, an_alarm, an_incident, plain_render, wait_until
from tests.integration.notify.receivers import Receiver, receiver

SECRET = "a shared secret of the gateway"  # noqa: S105

SITE = """
version: 1
site: {id: plant-a, name: Plant A, languages: [en, de]}
areas: {yard: {name: Yard}}
mqtt: {embedded: true}
notify:
  channels:
    gateway:
      kind: webhook
      url: URL
      secret: ${GATEWAY_SECRET}
    chat:
      kind: apprise
      url: ${CHAT_URL}
      language: de
"""


@pytest.fixture
def gateway() -> Iterator[Receiver]:
    with receiver() as state:
        yield state


@pytest.fixture
def site(tmp_path: Path, gateway: Receiver, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("GATEWAY_SECRET", SECRET)
    monkeypatch.setenv("CHAT_URL", f"json://user:hidden-word@127.0.0.1:{gateway.port}/chat")
    path = tmp_path / "site.yaml"
    path.write_text(SITE.replace("URL", gateway.url, 1), encoding="utf-8")
    return load_site(path)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "hazard.db", render=plain_render) as store:
        yield store


def queue(
    store: Store, count: int, *, severity: Severity = Severity.HIGH, channel: str = "gateway"
) -> None:
    """Raise alarms, each with a notice in the same transaction."""
    now = datetime.now(UTC)
    for number in range(count):
        alarm = an_alarm(f"a{number}", severity)
        with store.unit() as unit:
            unit.save_incident(an_incident(f"i{number}"))
            unit.write_revision(a_message(alarm, incident=f"i{number}"), alarm)
            unit.add(QueueNotice(notice=a_notice(number, channel, now)))
            unit.commit()


def queue_critical(store: Store) -> None:
    alarm = an_alarm("worst", Severity.CRITICAL)
    with store.unit() as unit:
        unit.save_incident(an_incident("worst"))
        unit.write_revision(a_message(alarm, incident="worst"), alarm)
        notice = a_notice(99, "gateway", datetime.now(UTC))
        unit.add(QueueNotice(notice=notice.model_copy(update={"alert_id": "worst"})))
        unit.commit()


def a_notice(number: int, channel: str, now: datetime) -> Notice:
    return Notice(
        notice_id=f"{channel}-{number}",
        alert_id=f"a{number}",
        revision=1,
        channel=channel,
        reason=NoticeReason.RAISED,
        created_at=now,
    )


def a_sender(name: str, site: Site, store: Store) -> Sender:
    return Sender(
        name, site.notify.channels[name], store.notices, lambda: site, reports=Path("none")
    )


def test_a_webhook_is_signed_and_names_the_alert(
    site: Site, opened: Store, gateway: Receiver
) -> None:
    queue(opened, 1)
    a_sender("gateway", site, opened).round(datetime.now(UTC))
    headers, body = gateway.came[0]
    expected = signature(SECRET, headers["webhook-id"], headers["webhook-timestamp"], body)
    assert headers["webhook-signature"] == expected
    told = gateway.bodies()[0]
    assert told["severity"] == "high"
    assert told["notices"][0]["alert_id"] == "a0"
    assert told["notices"][0]["reason"] == "raised"
    assert opened.notices.tally("gateway", datetime.now(UTC)).pending == 0


def test_the_same_notice_is_queued_and_told_once(
    site: Site, opened: Store, gateway: Receiver
) -> None:
    queue(opened, 1)
    with opened.unit() as unit:
        unit.add(QueueNotice(notice=a_notice(0, "gateway", datetime.now(UTC))))
        unit.commit()
    sender = a_sender("gateway", site, opened)
    sender.round(datetime.now(UTC))
    sender.round(datetime.now(UTC))
    assert len(gateway.came) == 1


def test_a_failure_is_retried_said_and_then_taken(
    site: Site, opened: Store, gateway: Receiver
) -> None:
    gateway.answers = [503]
    queue(opened, 1)
    sender = a_sender("gateway", site, opened)
    sender.round(datetime.now(UTC))
    state = sender.state(datetime.now(UTC))
    assert "answered 503" in state.reason
    assert state.figures["pending"] == 1
    sender.round(datetime.now(UTC))
    assert len(gateway.came) == 1, "not again at once"
    sender.round(datetime.now(UTC) + timedelta(seconds=10))
    assert len(gateway.came) == 2
    ids = [headers["webhook-id"] for headers, _ in gateway.came]
    assert ids[0] == ids[1]
    assert sender.state(datetime.now(UTC)).reason == ""


def test_what_waited_too_long_has_failed_and_stays_visible(
    site: Site, opened: Store, gateway: Receiver
) -> None:
    gateway.answers = [500, 500]
    queue(opened, 1)
    config = site.notify.channels["gateway"].model_copy(update={"give_up_after_h": 1e-9})
    sender = Sender("gateway", config, opened.notices, lambda: site, reports=Path("none"))
    sender.round(datetime.now(UTC))
    assert "1 notices were given up" in sender.state(datetime.now(UTC)).reason
    sender.round(datetime.now(UTC) + timedelta(hours=1))
    assert len(gateway.came) == 1


def test_a_flood_is_told_together_and_critical_at_once(
    site: Site, opened: Store, gateway: Receiver
) -> None:
    queue(opened, 30)
    config = site.notify.channels["gateway"].model_copy(update={"max_per_hour": 5})
    sender = Sender("gateway", config, opened.notices, lambda: site, reports=Path("none"))
    sender.round(datetime.now(UTC))
    bodies = gateway.bodies()
    assert len(bodies) == 5
    assert sum(len(body["notices"]) for body in bodies) == 30
    queue_critical(opened)
    sender.round(datetime.now(UTC))
    assert gateway.bodies()[-1]["notices"][0]["alert_id"] == "worst"


def test_of_a_slow_service_a_critical_alarm_waits_for_one_message_and_not_for_all(
    site: Site, opened: Store, gateway: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.notify.sender.LOOK_AGAIN_S", 0.0)  # every answer is slow
    queue(opened, 3)
    sender = a_sender("gateway", site, opened)
    sender.round(datetime.now(UTC))
    queue_critical(opened)
    for _ in range(3):
        sender.round(datetime.now(UTC))
    told = [body["notices"][0]["alert_id"] for body in gateway.bodies()]
    assert told == ["a0", "worst", "a1", "a2"]


def test_apprise_sends_in_the_channels_language_and_hides_its_address(
    site: Site, opened: Store, gateway: Receiver
) -> None:
    queue(opened, 2, channel="chat")
    gateway.answers = [403]
    sender, now = a_sender("chat", site, opened), datetime.now(UTC)
    for _ in range(2):  # where its import takes long, a round ends after the first
        sender.round(now)
    told = gateway.bodies()
    assert told[0]["title"].startswith("[HOCH]")
    assert "Neuer Alarm." in told[0]["message"]
    reason = sender.state(datetime.now(UTC)).reason
    assert "chat: not sent" in reason
    assert "hidden-word" not in reason
    assert sender.state(datetime.now(UTC)).figures["pending"] == 1


def test_an_address_that_apprise_does_not_know_is_said(
    site: Site, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_URL", "nonsense://hidden-word")
    queue(opened, 1, channel="chat")
    sender = a_sender("chat", site, opened)
    sender.round(datetime.now(UTC))
    reason = sender.state(datetime.now(UTC)).reason
    assert "does not know this kind of address" in reason
    assert "hidden-word" not in reason


def test_a_process_that_is_killed_goes_on_where_it_was(
    site: Site, opened: Store, gateway: Receiver, tmp_path: Path
) -> None:
    asyncio.run(_kill_in_the_middle(site, opened, gateway, tmp_path))


async def _kill_in_the_middle(site: Site, opened: Store, gateway: Receiver, tmp_path: Path) -> None:
    reports: list[WorkerReport] = []

    def joined(connection: Connection) -> None:
        connection.send(Configure(site=site))

    def said(_connection: Connection, message: Message) -> None:
        assert isinstance(message, WorkerReport)
        reports.append(message)

    socket = tmp_path / "run" / "core.sock"
    socket.parent.mkdir()
    server = Server(socket, Handlers(joined=joined, said=said, left=lambda _connection: None))
    await server.start()
    environment = os.environ | {
        "HAZARD_SITE_FILE": str(tmp_path / "site.yaml"),
        "HAZARD_DATA_DIR": str(tmp_path),
        "HAZARD_RUN_DIR": str(socket.parent),
        "HAZARD_MODELS_DIR": str(tmp_path),
    }
    queue(opened, 40)
    gateway.answers = [503] * 3
    command = (sys.executable, "-m", "edge_agent.notify")
    first = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        await asyncio.to_thread(gateway.await_count, 8)
        first.send_signal(signal.SIGKILL)
        await first.wait()
        second = await asyncio.create_subprocess_exec(*command, env=environment)
        try:
            await asyncio.to_thread(_await_all_told, gateway, 40)
            wait_for = asyncio.to_thread(
                wait_until, lambda: bool(reports) and reports[-1].health is Health.READY
            )
            await wait_for
        finally:
            second.terminate()
            await second.wait()
    finally:
        await server.stop()
    channels = reports[-1].figures["channels"]
    assert isinstance(channels, dict)
    assert set(channels) == {"gateway", "chat"}
    assert second.returncode == 0


def test_notices_of_a_channel_that_was_taken_out_are_said(
    site: Site, opened: Store, gateway: Receiver, tmp_path: Path
) -> None:
    queue(opened, 2, channel="chat")
    channels = {"gateway": site.notify.channels["gateway"]}
    left = site.model_copy(update={"notify": site.notify.model_copy(update={"channels": channels})})
    notifier = Notifier(tmp_path / "core.sock", tmp_path / "hazard.db")
    notifier._said(Configure(site=left))

    async def test() -> None:
        task = asyncio.create_task(notifier.run())
        said = "2 notices wait for channel chat"
        try:
            await asyncio.to_thread(wait_until, lambda: said in notifier._report().reason)
            assert notifier._report().health is Health.DEGRADED
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(test())
    assert gateway.came == []


def _await_all_told(gateway: Receiver, count: int) -> None:
    def told() -> bool:
        names = {notice["alert_id"] for body in gateway.bodies() for notice in body["notices"]}
        return len(names) == count

    wait_until(told, seconds=60.0, what="every alarm told")


def test_the_command_tries_channels_now(site: Site, gateway: Receiver, tmp_path: Path) -> None:
    assert site.notify.channels
    path = str(tmp_path / "site.yaml")
    done = CliRunner().invoke(app, ["notify", "test", "--site", path])
    assert done.exit_code == 0, done.output
    assert "gateway: taken" in done.output
    assert "This is a test" in gateway.bodies()[-1]["text"]
    gateway.answers = [500]
    refused = CliRunner().invoke(app, ["notify", "test", "gateway", "--site", path])
    assert refused.exit_code == 1
    assert "answered 500" in refused.output
