"""Secrets are read when they are needed, and shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from hazard.errors import ConfigError
from hazard.site.loader import load_site
from hazard.site.models import Site
from hazard.site.problems import redact, show
from hazard.site.sources import Secret, SecretFile, UrlSource, expand_environment
from tests.unit.site.sites import GOOD

VALUE = "hunter2"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name in ("CAM_USER", "CAM_PASSWORD", "MQTT_PASSWORD"):
        monkeypatch.setenv(name, VALUE)
    path = tmp_path / "site.yaml"
    path.write_text(GOOD)
    return load_site(path)


def test_a_loaded_site_shows_no_secret_in_any_form(site: Site) -> None:
    password = site.mqtt.brokers["plant"].password
    assert password is not None
    assert password.resolve() == VALUE
    for shown in (repr(site), str(site), site.model_dump_json(), repr(password), f"{password}"):
        assert VALUE not in shown


def test_a_site_survives_the_way_to_another_process(site: Site) -> None:
    again = Site.model_validate_json(site.model_dump_json())
    assert again == site


def test_a_secret_in_a_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{VALUE}\n")
    secret = Secret(reference=SecretFile(file=file))
    assert secret.resolve() == VALUE
    assert VALUE not in repr(secret)


@pytest.mark.parametrize("raw", [None, b"\xff\xfe\xff"])
def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path, raw: bytes | None) -> None:
    file = tmp_path / "secret"
    if raw is not None:
        file.write_bytes(raw)
    with pytest.raises(ConfigError, match="cannot be read"):
        Secret(reference=SecretFile(file=file)).resolve()


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(ConfigError, match="environment variable NOT_SET is not set"):
        expand_environment("${NOT_SET}")


@pytest.mark.parametrize("value", [VALUE, f"x${{A}}{VALUE}", "", "$A"])
def test_plain_text_is_no_secret_reference(value: str) -> None:
    with pytest.raises(ValidationError):
        Secret(reference=value)


def test_what_fills_in_a_cameras_address_is_percent_encoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "p@ss/word:1")
    source = UrlSource(kind="url", url="rtsp://admin:${CAM_PASSWORD}@192.0.2.1/live")
    assert source.resolve() == "rtsp://admin:p%40ss%2Fword%3A1@192.0.2.1/live"
    assert "p@ss" not in repr(source)


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:hunter2@192.0.2.1/live",
        "rtsp://admin:hunter$2@192.0.2.1/live",
        "http://192.0.2.1/video?user=a&pwd=hunter2",
        "http://192.0.2.1/video?TOKEN=hunter2",
    ],
)
def test_a_camera_address_with_a_password_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="a password stands in the address"):
        TypeAdapter(UrlSource).validate_python({"kind": "url", "url": url})


def test_addresses_are_shown_without_user_and_secret_values() -> None:
    assert redact("at rtsp://a:b@h/x?token=t&fps=5") == "at rtsp://***@h/x?token=***&fps=5"
    assert show("x" * 100) == '"' + "x" * 59 + '…"'
    assert show("a\nb\x1b[2J") == '"a\\u000ab\\u001b[2J"'
    assert show(VALUE, ("mqtt", "brokers", "plant", "password")) == "hidden"
    assert show(VALUE, ("mqtt", "brokers", "plant", "api_key")) == "hidden"
