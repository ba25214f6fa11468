"""MQTT brokers, and what is published and taken from them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from hazard.site.sources import SecretRef
from hazard.types import Model, Name


class Broker(Model):
    """An MQTT broker."""

    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=1, le=65535)
    username: str | None = None
    password: SecretRef | None = None
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = Field(default=30, ge=5, le=600)
    protocol: Literal["auto", "5", "3.1.1"] = Field(
        default="auto", description="auto: MQTT 5, and 3.1.1 where the broker knows no other"
    )
    commands: Literal["off", "acl", "token"] = Field(
        default="off",
        description="acl: the broker's access list binds command/{user}/# to the user; "
        "token: each command carries a signed token that expires",
    )


class OutboxLimits(Model):
    """How much waits for brokers that are away. Beyond it a gap record stands for what went."""

    max_age_h: float = Field(default=168.0, ge=24, le=8784)
    max_bytes: int = Field(default=1_000_000_000, ge=10_000_000, le=10**18)


class HomeAssistant(Model):
    """Discovery messages for Home Assistant."""

    enabled: bool = False
    prefix: str = Field(default="homeassistant", pattern=r"^[A-Za-z0-9_-]{1,64}$")


class Mqtt(Model):
    """Where alerts are published and plant sensors are read."""

    embedded: bool = Field(
        default=False, description="start the packaged broker on 127.0.0.1 as broker `plant`"
    )
    embedded_port: int = Field(default=1883, ge=1, le=65534, description="MQTT 5; 3.1.1 on port+1")
    embedded_commands: Literal["off", "token"] = Field(
        default="off", description="it has no access list: commands need a token"
    )
    brokers: dict[Name, Broker] = Field(default_factory=dict, description="at least one")
    heartbeat_s: float = Field(default=10.0, gt=0, le=3600)
    token_secret: SecretRef | None = Field(
        default=None, description="signs the tokens of commands: 32 characters or more"
    )
    outbox: OutboxLimits = Field(default_factory=OutboxLimits)
    home_assistant: HomeAssistant = Field(default_factory=HomeAssistant)
