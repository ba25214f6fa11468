"""Servers of the reasoning backend in the site file: what is accepted, and how a fault is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from hazard.site.loader import check_site, load_site
from tests.unit.site.sites import GOOD

KEY = "sesame-do-not-show"


def reasoning(routes: str, more: str = "") -> str:
    return f"{GOOD}reasoning:\n  backend: openai\n{more}  routes:\n{routes}"


def faults(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name in ("CAM_USER", "CAM_PASSWORD", "MQTT_PASSWORD"):
        monkeypatch.setenv(name, "x")
    path = tmp_path / "site.yaml"
    path.write_text(text)
    return [f"{problem.path}: {problem}" for problem in check_site(path)]


def test_routes_are_read_with_paths_that_start_at_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text("certificate")
    (tmp_path / "key").write_text(f"{KEY}\n")
    text = reasoning(
        '    - {name: gpu-box, url: "http://10.0.0.5:8000/v1/", model: mixtral}\n'
        '    - {name: gpu-2, url: "https://gpu.plant/v1", model: a, ca_file: ca.pem}\n'
        '    - {name: far, url: "https://api.example.com/v1", model: b, public: true,\n'
        "       api_key: {file: key}}\n",
        "  allow_public: true\n",
    )
    assert faults(tmp_path, text, monkeypatch) == []
    config = load_site(tmp_path / "site.yaml").reasoning
    box, second, far = config.routes
    assert (box.url, box.public, config.allow_public) == ("http://10.0.0.5:8000/v1", False, True)
    assert second.ca_file == tmp_path / "ca.pem"
    assert far.api_key is not None
    assert far.api_key.resolve() == KEY
    assert KEY not in repr(config) + config.model_dump_json()


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ('{name: a, url: "http://h/v1", model: m, public: true}', "a public route without https"),
        ('{name: a, url: "https://8.8.8.8/v1", model: m}', "its address is on the internet"),
        ('{name: a, url: "https://[2001:4860::8]/v1", model: m}', "address is on the internet"),
        (
            '{name: a, url: "http://me:sesame-do-not-show@h/v1", model: m}',
            "a user or password stands in the address",
        ),
        ('{name: a, url: "http://sesame-do-not-show@h/v1", model: m}', "a user or password"),
        ('{name: a, url: "ftp://h/v1", model: m}', "want http:// or https://"),
        ('{name: a, url: "http://", model: m}', "want http:// or https://"),
        ('{name: a, url: "http://h:99999/v1", model: m}', "is no address"),
        ('{name: a, url: "http://[::1/v1", model: m}', "is no address"),
        ('{name: a, url: "http://h/v1?key=sesame-do-not-show", model: m}', "without spaces, ?"),
        ('{name: a, url: "http://h/v 1", model: m}', "without spaces"),
        ('{name: a, url: "http://${HOST}/v1", model: m}', "is not filled in here"),
        ('{name: a, url: "http://h/v1", model: m, ca_file: x.pem}', "but url is not https"),
        ('{name: a, url: "https://h/v1", model: m, ca_file: x.pem}', "no file"),
        ('{name: a, url: "http://h/v1", model: m, api_key: sesame-do-not-show}', "a secret never"),
        ('{name: a, url: "http://h/v1", model: m, api_key: "${NOT_SET}"}', "NOT_SET is not set"),
        ('{name: a, url: "http://h/v1"}', "is missing"),
        ('{name: A, url: "http://h/v1", model: m}', "this name cannot be used"),
    ],
)
def test_a_route_that_is_wrong_is_named_and_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str, said: str
) -> None:
    found = faults(tmp_path, reasoning(f"    - {route}\n", "  allow_public: true\n"), monkeypatch)
    assert len(found) == 1, found
    assert found[0].startswith("reasoning.routes[0]")
    assert said in found[0]
    assert "sesame" not in found[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{GOOD}reasoning: {{backend: openai}}\n", "has no server to ask"),
        (
            reasoning('    - {name: a, url: "https://h/v1", model: m, public: true}\n'),
            "allow_public is false",
        ),
        (
            reasoning(
                '    - {name: a, url: "http://h/v1", model: m}\n'
                '    - {name: a, url: "http://i/v1", model: m}\n'
            ),
            "two routes are called 'a'",
        ),
    ],
)
def test_routes_that_cannot_be_asked_are_found_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    (found,) = faults(tmp_path, text, monkeypatch)
    assert found.startswith("reasoning.routes: ")
    assert said in found


def test_a_backend_that_is_switched_off_needs_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{GOOD}reasoning: {{backend: openai, enabled: false}}\n"
    assert faults(tmp_path, text, monkeypatch) == []
