"""Ways to tell people: Apprise for what it knows, and a plain signed webhook."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import ssl
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import httpx2

from edge_agent.notify.texts import Text
from hazard.errors import ConfigError, HazardError
from hazard.site.notify import AppriseChannel, ChannelConfig, WebhookChannel
from hazard.store.notices import DueNotice
from hazard.types import Severity

SEND_WITHIN_S = 30.0
MAX_REASON = 300
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix by which the specification marks secrets


class NotSentError(HazardError):
    """A message could not be sent; the text names the reason and holds no secret."""


class Channel(Protocol):
    """One way to tell people."""

    def send(self, text: Text, dues: Sequence[DueNotice], at: datetime) -> None:
        """Send one message about these notices; blocks, for `SEND_WITHIN_S` at most.

        Raises:
            NotSentError: if nobody took it.
            ConfigError: if its secret cannot be read.
        """
        ...


def open_channel(name: str, config: ChannelConfig) -> Channel:
    """The channel as the site file describes it."""
    if isinstance(config, WebhookChannel):
        return Webhook(name, config)
    return Apprise(name, config)


class Apprise:
    """Any service of Apprise. Its address is a secret and is never told."""

    def __init__(self, name: str, config: AppriseChannel) -> None:
        self._name, self._config = name, config

    def send(self, text: Text, dues: Sequence[DueNotice], at: datetime) -> None:  # noqa: ARG002
        """Send by Apprise, which has time limits of its own for each service."""
        import apprise  # noqa: PLC0415 - takes a while to import, and only this kind needs it

        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may name addresses
        address = self._config.url.resolve()
        service = apprise.Apprise()
        if not service.add(address):
            raise NotSentError(
                f"channel {self._name}: Apprise does not know this kind of address: "
                "look at url, its scheme and its parts"
            )
        result = service.notify(
            title=text.title,
            body=text.body,
            notify_type=_TYPES[text.severity],
            body_format="text",
            attach=_attachment(text),
            timeout=SEND_WITHIN_S,
        )
        if not result:
            said = "; ".join(str(entry.message) for entry in result.logs())
            raise NotSentError(
                f"channel {self._name}: not sent: {_without(address, said) or 'no reason given'}"
            )


def _attachment(text: Text) -> Any:
    if text.attached is None:
        return None
    from apprise.attachment.file import AttachFile  # noqa: PLC0415 - as above

    attached = text.attached
    make: Any = AttachFile  # it has no types
    return make(str(attached.path), name=attached.name, mimetype=attached.media_type)


_TYPES = {
    Severity.INFO: "info",
    Severity.LOW: "info",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "warning",
    Severity.CRITICAL: "failure",
}


def _without(address: str, said: str) -> str:
    """What was said, without any part of the address that could be a secret."""
    tail = address.split("://", 1)[-1]
    for part in sorted({tail, *_parts(tail)}, key=len, reverse=True):
        said = said.replace(part, "…")
    return said[:MAX_REASON]


def _parts(tail: str) -> list[str]:
    shortest = 3
    for separator in "/@:?&=":
        tail = tail.replace(separator, " ")
    return [part for part in tail.split() if len(part) >= shortest]


class Webhook:
    """A POST of JSON, signed after the Standard Webhooks specification, version 1.0.0.

    Headers `webhook-id` (the same when a message is sent again: receivers go by it),
    `webhook-timestamp` (seconds since 1970) and `webhook-signature` (`v1,` and the base64 of
    HMAC-SHA-256 over id, timestamp and body with dots between).
    """

    def __init__(self, name: str, config: WebhookChannel) -> None:
        self._name, self._config = name, config

    def send(self, text: Text, dues: Sequence[DueNotice], at: datetime) -> None:
        """Send; every answer of 200 to 299 counts as taken, and redirects are not followed."""
        config = self._config
        body = json.dumps(_payload(text, dues), ensure_ascii=False).encode()
        notice_id = _id_of(dues)
        stamp = str(int(at.timestamp()))
        headers = {
            "content-type": "application/json",
            "webhook-id": notice_id,
            "webhook-timestamp": stamp,
            "webhook-signature": signature(config.secret.resolve(), notice_id, stamp, body),
        }
        try:
            verify: Any = ssl.create_default_context(
                cafile=str(config.ca_file) if config.ca_file else None
            )
            with httpx2.Client(verify=verify, timeout=config.timeout_s, trust_env=False) as client:
                answer = client.post(config.url, content=body, headers=headers)
        except (httpx2.HTTPError, OSError) as error:
            raise NotSentError(
                f"channel {self._name}: {config.url} was not reached "
                f"({type(error).__name__}: {error}): check address, network and ca_file"[
                    :MAX_REASON
                ]
            ) from error
        if not answer.is_success:
            raise NotSentError(
                f"channel {self._name}: {config.url} answered {answer.status_code}: "
                "see the receiver's log; it must answer 200 to 299"
            )


def signature(secret: str, notice_id: str, stamp: str, body: bytes) -> str:
    """The header `webhook-signature`. A secret that starts with `whsec_` is base64 after it.

    Raises:
        ConfigError: if such a secret is no base64.
    """
    key = secret.encode()
    if secret.startswith(SECRET_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error as error:
            raise ConfigError("the webhook's secret is no base64 after whsec_") from error
    signed = b".".join((notice_id.encode(), stamp.encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _id_of(dues: Sequence[DueNotice]) -> str:
    ids = "\n".join(due.notice.notice_id for due in dues)
    return f"msg_{hashlib.sha256(ids.encode()).hexdigest()[:32]}"


def _payload(text: Text, dues: Sequence[DueNotice]) -> dict[str, Any]:
    return {
        "schema_version": "hazard/v1",
        "title": text.title,
        "text": text.body,
        "severity": text.severity.value,
        "notices": [
            {
                "notice_id": due.notice.notice_id,
                "reason": due.notice.reason.value,
                "step": due.notice.step,
                "created_at": due.notice.created_at.isoformat(),
                "alert_id": due.notice.alert_id or None,
                "revision": due.message.revision if due.message else None,
                "site": due.message.site if due.message else None,
                "node": due.message.node if due.message else None,
                "area": due.message.area if due.message else None,
                "hazard": due.message.hazard if due.message else None,
                "severity": due.message.severity.value if due.message else None,
                "state": due.message.state.value if due.message else None,
                "report": due.notice.report.model_dump(mode="json") if due.notice.report else None,
            }
            for due in dues
        ],
    }
