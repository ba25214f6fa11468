"""Channels by which people are told of alarms, beside MQTT and the dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from hazard.site.sources import SecretRef
from hazard.types import Model, Name, Severity


class Channel(Model):
    """What all channels have."""

    language: Literal["en", "fr", "de", "es", "it"] = "en"
    min_severity: Severity = Field(default=Severity.LOW, description="milder alarms are not sent")
    areas: tuple[Name, ...] = Field(default=(), description="empty: all areas")
    shifts: tuple[Name, ...] = Field(default=(), description="empty: at any time")
    max_per_hour: int = Field(
        default=60,
        ge=1,
        le=100_000,
        description="what is above is told together; critical is always told",
    )
    give_up_after_h: float = Field(
        default=24.0,
        gt=0,
        le=8784,
        description="a notice that could not be sent for so long has failed",
    )


class AppriseChannel(Channel):
    """Any service that Apprise knows: mail, SMS gateway, Teams, Matrix, syslog and many more."""

    kind: Literal["apprise"]
    url: SecretRef = Field(description="Apprise address, e.g. mailtos://user:password@mail.plant")


class WebhookChannel(Channel):
    """A plain HTTP POST of JSON with a signature (HMAC-SHA-256)."""

    kind: Literal["webhook"]
    url: str = Field(description="http:// or https:// address of the receiver")
    secret: SecretRef = Field(description="signs each request; the receiver knows it too")
    ca_file: Path | None = Field(default=None, description="own CA of the receiver's certificate")
    timeout_s: float = Field(default=10.0, gt=0, le=60)

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("want http:// or https://")
        if "@" in value.split("://", 1)[1].split("/", 1)[0]:
            raise ValueError("a password stands in the address: the secret signs each request")
        return value


ChannelConfig = Annotated[AppriseChannel | WebhookChannel, Field(discriminator="kind")]


class Notify(Model):
    """Who is told, and by which channel."""

    channels: dict[Name, ChannelConfig] = Field(default_factory=dict)
