"""Where cameras and sensors bring their data from, as the site file names it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BeforeValidator, Field, field_validator

from hazard.errors import ConfigError
from hazard.types import Model

_ENV_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PASSWORD_IN_URL = re.compile(r"://[^/?#@]*:[^/?#@]+@")
_SECRET_IN_QUERY = re.compile(
    r"[?&;][^=&;#]*(pass|pwd|secret|token)[^=&;#]*=[^&;#]+", re.IGNORECASE
)
_NEVER_PLAIN = "a secret never stands in the file: write ${VARIABLE}, or file: PATH below it"


class SecretFile(Model):
    """A secret that lies in a file, e.g. a Docker secret."""

    file: Path = Field(description="path of the file that holds the secret and nothing else")


class Secret(Model):
    """A secret, given only by reference: `${VARIABLE}` or `{file: PATH}`; never printed."""

    reference: str | SecretFile

    @field_validator("reference")
    @classmethod
    def _never_plain(cls, value: str | SecretFile) -> str | SecretFile:
        if isinstance(value, str) and not _ENV_REFERENCE.fullmatch(value):
            raise ValueError(_NEVER_PLAIN)
        return value

    def resolve(self) -> str:
        """The secret itself, read now. Never log it.

        Raises:
            ConfigError: if the variable is not set or the file cannot be read.
        """
        if isinstance(self.reference, SecretFile):
            try:
                return self.reference.file.read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "not UTF-8 text"
                raise ConfigError(
                    f"secret file {self.reference.file} cannot be read ({reason}): "
                    "create it, readable by this user only"
                ) from error
        return expand_environment(self.reference)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


def expand_environment(text: str, *, encode: bool = False) -> str:
    """`text` with each `${VARIABLE}` replaced by its value, percent-encoded where asked.

    Raises:
        ConfigError: if a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise ConfigError(f"environment variable {name} is not set: export it, or use a file")
        return quote(os.environ[name], safe="") if encode else os.environ[name]

    return _ENV_REFERENCE.sub(value, text)


def variables(text: str) -> tuple[str, ...]:
    """The names of the variables that `text` refers to, in order."""
    return tuple(_ENV_REFERENCE.findall(text))


def parse_secret(value: object) -> object:
    """Accept `${VARIABLE}` or `{file: PATH}` where a Secret is wanted; refuse plain text."""
    if isinstance(value, str):
        if not _ENV_REFERENCE.fullmatch(value):
            raise ValueError(_NEVER_PLAIN)
        return {"reference": value}
    if isinstance(value, dict) and set(value) == {"file"}:
        return {"reference": value}
    return value


SecretRef = Annotated[Secret, BeforeValidator(parse_secret)]
"""A secret as the site file gives it: never the secret itself."""


# ---------------------------------------------------------------- cameras


class FileSource(Model):
    """A video file, paced in real time or as fast as possible."""

    kind: Literal["file"]
    path: Path = Field(description="video file; relative paths start at the site file's folder")
    pace: Literal["realtime", "fast"] = "realtime"
    loop: bool = Field(default=False, description="start again at the end")
    fault: Literal["none", "cover_freeze_offline"] = Field(
        default="none",
        description="fault injected into the real frames, for drills and the demo only",
    )


class UrlSource(Model):
    """A network stream that OpenCV opens: RTSP or HTTP(S)."""

    kind: Literal["url"]
    url: str = Field(description="rtsp://, http:// or https://; secrets in it as ${VARIABLE}")

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        if not value.startswith(("rtsp://", "rtsps://", "http://", "https://")):
            raise ValueError("want rtsp://, rtsps://, http:// or https://")
        without_references = _ENV_REFERENCE.sub("", value)
        if _PASSWORD_IN_URL.search(without_references) or _SECRET_IN_QUERY.search(
            without_references
        ):
            raise ValueError("a password stands in the address: write it as ${VARIABLE}")
        return value

    def resolve(self) -> str:
        """The address with its `${VARIABLE}`s filled in, percent-encoded. Never log it.

        Raises:
            ConfigError: if a variable is not set.
        """
        return expand_environment(self.url, encode=True)


class UsbSource(Model):
    """A camera on the box itself."""

    kind: Literal["usb"]
    device: int = Field(ge=0, le=9999, description="number N of /dev/videoN")


class FolderSource(Model):
    """A folder of pictures, read in the order of their names."""

    kind: Literal["folder"]
    path: Path = Field(description="folder of .jpg, .jpeg or .png files")
    interval_s: float = Field(default=1.0, gt=0, le=86400, description="time between two pictures")
    loop: bool = False


CameraSourceConfig = Annotated[
    FileSource | UrlSource | UsbSource | FolderSource, Field(discriminator="kind")
]

# ---------------------------------------------------------------- sensors


class MqttSensorSource(Model):
    """Readings published by the plant on an MQTT topic."""

    kind: Literal["mqtt"]
    broker: str = Field(default="plant", description="name of a broker under mqtt.brokers")
    topic: str = Field(min_length=1, max_length=256, description="topic filter")
    value_key: str | None = Field(
        default=None, description="key of the value in a JSON object; absent: payload is a number"
    )
    time_key: str | None = Field(default=None, description="key of an ISO 8601 time with zone")

    @field_validator("topic")
    @classmethod
    def _own_topics_refused(cls, value: str) -> str:
        if value.startswith("hazard/"):
            raise ValueError("hazard/… is this product's own tree: name the plant's topic")
        return value


class CsvSensorSource(Model):
    """A recorded CSV file, replayed."""

    kind: Literal["csv"]
    path: Path
    time_column: str = "time_s"
    value_column: str = "value"
    pace: Literal["realtime", "fast"] = "realtime"


SensorSourceConfig = Annotated[MqttSensorSource | CsvSensorSource, Field(discriminator="kind")]
