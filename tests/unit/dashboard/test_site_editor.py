"""The editor's server side: forms, checks, changes, versions, the ground plane."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dashboard.editing.form import forms
from dashboard.editing.labels import LABELS
from dashboard.i18n import LANGUAGES
from hazard.site.rules import RuleConfig
from hazard.site.text import read_content
from hazard.site.versions import BY_HAND, SiteVersion
from hazard.store.operations import SaveSiteVersion
from hazard.types import Role, Verb
from tests.plant import SITE_YAML, Plant
from tests.unit.dashboard.conftest import ClientAs, csrf_of

SQUARE = [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]]
NEW_ZONE = {"cameras": {"yard-1": {"zones": {"press": {"polygon": SQUARE}}}}}
NEW_RULE = {"rules": {"press": {"kind": "restricted_zone", "camera": "yard-1", "zone": "press"}}}


class Editor:
    """What the page's scripts ask for."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.headers = {"X-CSRF-Token": csrf_of(client.get("/site").text)}

    def sha256(self) -> str:
        answer: dict[str, Any] = self.client.get("/api/v1/site").json()
        return str(answer["sha256"])

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(f"/api/v1/site/{path}", json=body, headers=self.headers)

    def check(self, patch: dict[str, Any], sha256: str = "") -> dict[str, Any]:
        answer = self.post("check", {"base_sha256": sha256 or self.sha256(), "patch": patch})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def editor(officer: TestClient) -> Editor:
    return Editor(officer)


def test_the_still_to_draw_on_is_the_latest_picture(officer: TestClient, plant: Plant) -> None:
    assert officer.get("/site/stills/yard-1.jpg").status_code == 404
    (plant.previews / "yard-1.jpg").write_bytes(b"\xff\xd8 a picture")
    answer = officer.get("/site/stills/yard-1.jpg")
    assert answer.content == b"\xff\xd8 a picture"
    assert answer.headers["content-type"] == "image/jpeg"
    assert officer.get("/site/stills/nowhere.jpg").status_code == 404


# ---------------------------------------------------------------- forms


def test_every_rule_kind_of_the_models_has_a_form_with_words_in_every_language() -> None:
    kinds = {part.model_fields["kind"].annotation.__args__[0] for part in _parts(RuleConfig)}
    for language in LANGUAGES:
        found = forms(language)
        entry = found["sections"]["rules"]["entry"]
        assert set(entry["discriminator"]["mapping"]) == kinds
        for reference in entry["discriminator"]["mapping"].values():
            for field in found["definitions"][reference.rsplit("/", 1)[-1]]["properties"].values():
                assert field["title"]
    assert forms("de")["kinds"]["crowding"]["text"] == "Zu viele Personen"


def _parts(union: Any) -> Any:
    return union.__origin__.__args__


def test_the_form_of_a_rule_says_units_limits_and_choices() -> None:
    fields = forms("en")["definitions"]["RestrictedZoneRule"]["properties"]
    assert fields["dwell_s"]["x-unit"] == "s"
    assert fields["dwell_s"]["minimum"] == 0
    assert fields["camera"]["x-choices"] == "cameras"
    assert "crowding" in forms("en")["hazards"]


# ---------------------------------------------------------------- checks


def test_a_change_is_shown_in_words_and_as_a_diff_that_keeps_the_rest(editor: Editor) -> None:
    found = editor.check(NEW_ZONE | NEW_RULE)
    assert found["ok"]
    assert [(one["how"], one["path"]) for one in found["steps"]] == [
        ("added", "cameras.yard-1.zones.press"),
        ("added", "rules.press"),
    ]
    assert "+      press:" in found["diff"]
    assert found["areas"] == ["yard"]


def test_a_mistake_names_field_value_and_mend(editor: Editor) -> None:
    wrong = {"rules": {"press": {**NEW_RULE["rules"]["press"], "dwell_s": -3}}}
    found = editor.check(NEW_ZONE | wrong)
    assert not found["ok"]
    (problem,) = found["problems"]
    assert problem["path"] == "rules.press.dwell_s"
    assert problem["value"] == "-3"
    assert "at least 0" in problem["mend"]


def test_a_rule_of_a_zone_that_is_gone_is_told(editor: Editor) -> None:
    (problem,) = editor.check(NEW_RULE)["problems"]
    assert problem["path"] == "rules.press.zone"


def test_a_change_of_an_older_file_is_stale(editor: Editor, plant: Plant) -> None:
    before = editor.sha256()
    plant.site_file.write_text(SITE_YAML.replace("Loading yard", "Yard"), encoding="utf-8")
    found = editor.check(NEW_ZONE, before)
    assert found["stale"]
    assert not found["ok"]


@pytest.mark.parametrize(
    "patch",
    ['{"\\ud800": 1}', '{"areas": {"yard": {"name": "\\ud83d"}}}', '{"a": NaN}', '{"a": 1e999}'],
)
def test_what_no_file_can_hold_is_refused(editor: Editor, patch: str) -> None:
    body = f'{{"base_sha256": "{"0" * 64}", "patch": {patch}}}'
    headers = editor.headers | {"content-type": "application/json"}
    answer = editor.client.post("/api/v1/site/check", content=body, headers=headers)
    assert answer.status_code == 422
    assert "no file can hold" in answer.text


def test_a_file_that_cannot_be_read_is_said_and_not_hidden(editor: Editor, plant: Plant) -> None:
    plant.site_file.write_text("site: [", encoding="utf-8")
    answer = editor.client.get("/api/v1/site")
    assert answer.status_code == 503
    assert "cannot be read" in answer.json()["detail"]


# ---------------------------------------------------------------- changes


def test_a_saved_change_goes_to_the_core_with_who_and_why(editor: Editor, plant: Plant) -> None:
    body = {"base_sha256": editor.sha256(), "patch": NEW_ZONE, "reason": "press moved"}
    answer = editor.post("change", body)
    assert answer.status_code == 202, answer.text
    (request,) = plant.store.pending_requests()
    assert (request.verb, request.actor, request.comment) == (
        Verb.CHANGE_SITE,
        "Ada",
        "press moved",
    )
    assert request.role is Role.SAFETY_OFFICER
    assert request.arguments["patch"] == NEW_ZONE


@pytest.mark.parametrize("reason", ["", "   "])
def test_nothing_is_saved_without_a_reason(editor: Editor, plant: Plant, reason: str) -> None:
    body = {"base_sha256": editor.sha256(), "patch": NEW_ZONE, "reason": reason}
    assert editor.post("change", body).status_code == 422
    assert plant.store.pending_requests() == []


def test_nothing_wrong_is_saved(editor: Editor, plant: Plant) -> None:
    body = {"base_sha256": editor.sha256(), "patch": NEW_RULE, "reason": "x"}
    answer = editor.post("change", body)
    assert answer.status_code == 422
    assert "rules.press.zone" in answer.json()["detail"]
    assert plant.store.pending_requests() == []


def test_who_is_responsible_for_one_area_changes_no_other(
    client_as: ClientAs, plant: Plant
) -> None:
    editor = Editor(client_as(Role.INTEGRATOR, ("tank-farm",)))
    tried = {"base_sha256": editor.sha256(), "patch": NEW_ZONE}
    refused = editor.post("check", tried).json()["refused"]
    assert "holds in tank-farm, and this concerns yard" in refused, "it is said before it is tried"
    answer = editor.post("change", tried | {"reason": "x"})
    assert answer.status_code == 403
    assert "yard" in answer.json()["detail"]
    whole = {"base_sha256": editor.sha256(), "patch": {"retention": {"alerts_days": 1}}}
    assert editor.post("change", whole | {"reason": "x"}).status_code == 403
    assert plant.store.pending_requests() == []


def test_an_operator_does_not_edit(client_as: ClientAs) -> None:
    client = client_as(Role.OPERATOR)
    for path in ("/site", "/site/versions", "/api/v1/site", "/api/v1/site/versions"):
        assert client.get(path).status_code == 403


def test_a_large_drawing_fits(editor: Editor, plant: Plant) -> None:
    zones = {
        f"zone-{n}": {"polygon": [[0.1 + n / 1000, 0.1], [0.9, 0.1], [0.9, 0.8], [0.1, 0.8]]}
        for n in range(600)
    }
    found = editor.check({"cameras": {"yard-1": {"zones": zones}}})
    assert found["ok"]
    assert found["more"] == 500
    body = {"base_sha256": editor.sha256(), "reason": "x" * 500}
    patch = {"cameras": {"yard-1": {"zones": zones}}}
    assert editor.post("change", body | {"patch": patch}).status_code == 202
    assert len(plant.store.pending_requests()) == 1


# ---------------------------------------------------------------- versions


@pytest.fixture
def two_versions(plant: Plant) -> None:
    save_versions(plant)


def save_versions(plant: Plant) -> None:
    """The site file as version 2, and version 1 before it, where an area had another name."""
    now = read_content(plant.site_file)
    before = now.text.replace("Loading yard", "Yard <b>old</b>")
    made = [
        SiteVersion(
            version=number,
            node="edge-1",
            sha256=sha256,
            actor=f"<i>actor {number}</i>",
            reason="taped <script>",
            summary="areas.yard.name changed",
            made_at=datetime.now(UTC),
            text=text,
        )
        for number, sha256, text in ((1, "0" * 64, before), (2, now.sha256, now.text))
    ]
    with plant.store.unit() as unit:
        for version in made:
            unit.add(SaveSiteVersion(version=version))
        unit.commit()


@pytest.mark.usefixtures("two_versions")
def test_versions_say_who_when_why_and_what(editor: Editor) -> None:
    page = editor.client.get("/site/versions").text
    assert "&lt;i&gt;actor 2&lt;/i&gt;" in page
    assert "taped &lt;script&gt;" in page
    assert page.count("in force") == 1
    listed = editor.client.get("/api/v1/site/versions?limit=1").json()
    assert [one["version"] for one in listed["versions"]] == [2]
    assert listed["next_before"] == 2
    earlier = editor.client.get("/api/v1/site/versions?before=2").json()
    assert [one["version"] for one in earlier["versions"]] == [1]


def test_a_version_that_no_person_made_is_said_to_be_by_hand_in_the_readers_language(
    editor: Editor, plant: Plant
) -> None:
    now = read_content(plant.site_file)
    made = SiteVersion(
        version=1,
        node="edge-1",
        sha256=now.sha256,
        actor=BY_HAND,
        made_at=datetime.now(UTC),
        text=now.text,
    )
    with plant.store.unit() as unit:
        unit.add(SaveSiteVersion(version=made))
        unit.commit()
    for path in ("/site/versions", "/site/versions/1"):
        page = editor.client.get(path, headers={"accept-language": "de"}).text
        assert "von Hand" in page
        assert BY_HAND not in page.replace("&#34;by_hand&#34;", "")


@pytest.mark.usefixtures("two_versions")
def test_who_may_not_bring_a_version_back_is_told_before_they_try(client_as: ClientAs) -> None:
    page = client_as(Role.INTEGRATOR, ("tank-farm",)).get("/site/versions/1").text
    assert "holds in tank-farm, and this concerns yard" in page
    assert 'id="restore"' not in page


@pytest.mark.usefixtures("two_versions")
def test_two_versions_are_compared_and_the_earlier_can_be_brought_back(
    editor: Editor, plant: Plant
) -> None:
    found = editor.client.get("/api/v1/site/versions/2").json()
    assert "+  yard: {name: Loading yard}" in found["diff"]
    other = editor.client.get("/api/v1/site/versions/1?against=2").json()
    assert "-  yard: {name: Loading yard}" in other["diff"]
    page = editor.client.get("/site/versions/1")
    assert page.status_code == 200
    assert 'id="restore"' in page.text
    assert 'id="restore"' not in editor.client.get("/site/versions/2").text
    assert editor.client.get("/site/versions/3").status_code == 404
    body = {"base_sha256": editor.sha256(), "version": 1, "reason": "it was right"}
    assert editor.post("restore", body).status_code == 202
    (request,) = plant.store.pending_requests()
    assert request.verb is Verb.RESTORE_SITE


@pytest.mark.usefixtures("two_versions")
def test_what_others_changed_meanwhile_is_shown(editor: Editor) -> None:
    since = editor.client.get(f"/api/v1/site/since?sha256={'0' * 64}").json()
    assert [one["version"] for one in since["versions"]] == [2]
    assert "Loading yard" in since["diff"]
    unknown = editor.client.get(f"/api/v1/site/since?sha256={'f' * 64}").json()
    assert unknown["diff"] == ""


# ---------------------------------------------------------------- the ground


def test_the_ground_fits_and_its_grid_lies_on_the_picture(editor: Editor) -> None:
    corners = [[0.1, 0.9], [0.9, 0.9], [0.7, 0.3], [0.3, 0.3]]
    exact = {"picture": corners, "ground_m": [[0, 0], [8, 0], [8, 20], [0, 20]]}
    found = editor.post("ground", exact).json()
    assert found["exact"]
    assert found["rms_m"] == pytest.approx(0, abs=1e-3)
    assert found["lines"]
    off = {
        "picture": [*corners, [0.5, 0.9]],
        "ground_m": [*exact["ground_m"], [4, 3]],
    }
    worse = editor.post("ground", off).json()
    assert not worse["exact"]
    assert worse["errors_m"][4] > 0.5


def test_points_in_one_line_are_refused_with_the_mend(editor: Editor) -> None:
    line = {
        "picture": [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3], [0.4, 0.4]],
        "ground_m": [[0, 0], [1, 1], [2, 2], [3, 3]],
    }
    answer = editor.post("ground", line)
    assert answer.status_code == 422
    assert "no three may lie in a line" in answer.json()["detail"]


def test_a_field_with_a_label_has_no_english_help_in_another_language() -> None:
    english, german = (forms(language)["definitions"] for language in ("en", "de"))
    left = [
        f"{model}.{name}: {field['description']}"
        for model, part in german.items()
        for name, field in part.get("properties", {}).items()
        if (f"{model}.{name}" in LABELS or name in LABELS)
        and field["description"]
        and field["description"] == english[model]["properties"][name]["description"]
    ]
    assert not left
