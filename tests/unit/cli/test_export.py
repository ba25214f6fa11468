"""`hazard export`: lists for other programs, and bundles that can be checked."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from hazard.errors import HazardError, StoreError
from hazard.store import Store
from hazard.store.audit import line_hash
from hazard.store.export import verify_bundle
from hazard.store.export.signing import signing_key
from hazard.types import AlertMessage, Quality, Reading
from tests.alert_builders import an_evidence, later, write_alert
from tests.integration.replica.plant import write_everything

run = CliRunner()
PICTURE = b"\xff\xd8 a picture \xff\xd9"
PICTURE_ID = hashlib.sha256(PICTURE).hexdigest()
HEADER_BYTES = 30
"""Of each file in a ZIP, before its name and its content."""


def a_reading(second: float, **changes: Any) -> Reading:
    values: dict[str, Any] = {
        "sensor_id": "h2s-1",
        "area": "yard",
        "quantity": "h2s",
        "value": 1.5,
        "unit": "ppm",
        "quality": Quality.GOOD,
        "measured_at": later(second),
        "received_at": later(second),
        "received_monotonic_s": second,
    }
    return Reading(**(values | changes))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    with Store.open(folder / "hazard.db") as store:
        write_everything(store, count=2)
        write_alert(store, 3, area="dock", comment='=HYPERLINK("http://evil")')
        store.bulk.record_readings([a_reading(second) for second in range(5)])
        store.bulk.record_readings([a_reading(-9000), a_reading(1, sensor_id="o2", area="dock")])
        picture = an_evidence(1, evidence_id=PICTURE_ID, size_bytes=len(PICTURE))
        with store.unit() as unit:
            unit.save_evidence("i1", picture)
            unit.commit()
    place = folder / "evidence" / PICTURE_ID[:2] / f"{PICTURE_ID}.jpg"
    place.parent.mkdir(parents=True)
    place.write_bytes(PICTURE)
    return folder


def export(*arguments: str, data_dir: Path) -> Any:
    return run.invoke(app, ["export", *arguments, "--data-dir", str(data_dir)])


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------- lists


def test_alerts_as_csv_have_units_in_names_and_times_in_utc(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "alerts.csv"
    done = export("alerts", "--out", str(out), data_dir=data_dir)
    assert (done.exit_code, done.stdout) == (0, f"3 alerts written to {out}\n")
    first = lines(out)[0]
    assert first["alert_id"] == "a1"
    assert first["raised_at_utc"] == "2026-03-01T12:00:00.000000Z"
    assert first["case_assignee"] == "ada"
    assert out.stat().st_mode & 0o077 == 0


def test_a_formula_in_a_comment_is_none_in_the_csv(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "alerts.csv"
    export("alerts", "--area", "dock", "--out", str(out), data_dir=data_dir)
    (alert,) = lines(out)
    assert alert["comment"] == '\'=HYPERLINK("http://evil")'


def test_revisions_as_json_lines_hold_the_message_as_published(
    data_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "revisions.jsonl"
    export("revisions", "--format", "jsonl", "--out", str(out), data_dir=data_dir)
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [each["sequence"] for each in found] == [1, 2, 3, 4, 5]
    assert AlertMessage.model_validate(found[1]["message"]).case.assignee == "ada"


def test_parquet_has_types_and_every_row(data_dir: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "readings.parquet"
    done = export("readings", "--format", "parquet", "--out", str(out), data_dir=data_dir)
    assert done.exit_code == 0
    table = parquet.read_table(out)
    assert table.num_rows == 7
    assert str(table.schema.field("measured_at_utc").type) == "timestamp[us, tz=UTC]"
    assert table.column("value").to_pylist()[0] == 1.5


def test_a_list_is_read_in_pages_and_no_row_is_lost_or_doubled(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hazard.store.export.lists.PAGE", 2)
    for kind, count in (("alerts", 3), ("revisions", 5), ("readings", 7)):
        out = tmp_path / f"{kind}.csv"
        export(kind, "--out", str(out), data_dir=data_dir)
        rows = [tuple(row.values()) for row in lines(out)]
        assert len(rows) == len(set(rows)) == count, kind


def test_times_are_from_and_up_to_but_not(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "readings.csv"
    export(
        "readings",
        "--from",
        "2026-03-01T12:00:01",
        "--to",
        "2026-03-01T13:00:03+01:00",
        "--area",
        "yard",
        "--out",
        str(out),
        data_dir=data_dir,
    )
    assert [row["measured_at_utc"][17:19] for row in lines(out)] == ["01", "02"]


def test_the_audit_as_a_list_can_be_computed_again_and_names_this_export(
    data_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "audit.jsonl"
    export("audit", "--format", "jsonl", "--out", str(out), data_dir=data_dir)
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    last = found[-1]
    assert (last["verb"], last["subject"], last["chain"]) == ("export", "audit", "command_line")
    for line in found:
        assert hashed(line) == line["hash"]
    with Store.open(data_dir / "hazard.db") as store:
        assert store.verify_audit() == (len(found), None)


def hashed(line: dict[str, Any]) -> str:
    return line_hash(
        line["previous_hash"],
        chain=line["chain"],
        at=datetime.fromisoformat(line.get("at_utc") or line["at"]),
        actor=line["actor"],
        verb=line["verb"],
        subject=line["subject"],
        details=line["details"],
    )


def test_a_failed_export_leaves_what_was_there(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "alerts.parquet"
    out.write_text("before")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = export("alerts", "--format", "parquet", "--out", str(out), data_dir=data_dir)
    assert isinstance(done.exception, StoreError)
    assert "install the extra `parquet`" in str(done.exception)
    assert out.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"data", "alerts.parquet"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("alerts", "--format", "xlsx"), "csv, jsonl, parquet"),
        (("alerts", "--from", "yesterday"), "2026-03-01"),
        (("alerts", "--area", "../etc"), "no area"),
    ],
)
def test_wrong_usage_is_told_with_what_is_wanted(
    arguments: tuple[str, ...], words: str, data_dir: Path, tmp_path: Path
) -> None:
    done = export(*arguments, "--out", str(tmp_path / "x"), data_dir=data_dir)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())


def test_a_database_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    done = export("alerts", "--out", str(tmp_path / "x.csv"), data_dir=tmp_path / "none")
    assert isinstance(done.exception, HazardError)
    assert not (tmp_path / "none").exists()


# ---------------------------------------------------------------- bundles


@pytest.fixture
def bundle(data_dir: Path, tmp_path: Path) -> Path:
    out = tmp_path / "bundle.zip"
    export("incident", "a1", "--out", str(out), data_dir=data_dir)
    return out


def content(bundle: Path, name: str) -> Any:
    with zipfile.ZipFile(bundle) as archive:
        text = archive.read(name).decode()
    return (
        [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)
    )


def test_a_bundle_holds_all_that_is_known_of_the_incident(bundle: Path) -> None:
    assert content(bundle, "incident.json")["incident_id"] == "i1"
    assert [each["revision"] for each in content(bundle, "revisions.jsonl")] == [1, 2]
    assert content(bundle, "case.json")["assignee"] == "ada"
    assert [each["incident_id"] for each in content(bundle, "assessments.jsonl")] == ["i1"]
    (request,) = content(bundle, "requests.jsonl")
    assert (request["verb"], request["outcome"]) == ("acknowledge", "acknowledged")
    assert len(content(bundle, "readings.jsonl")) == 5
    assert {each["subject"] for each in content(bundle, "audit.jsonl")} == {"a1"}
    with zipfile.ZipFile(bundle) as archive:
        assert archive.read(f"evidence/{PICTURE_ID}.jpg") == PICTURE


def test_evidence_that_is_gone_is_named(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    done = export("incident", "a1", "--out", str(out), data_dir=data_dir)
    assert done.exit_code == 1
    assert f"{1:064x} is not in it: not on this machine" in done.stdout
    (missing,) = content(out, "manifest.json")["evidence_missing"]
    assert missing["evidence_id"] == f"{1:064x}"


def test_a_damaged_picture_is_not_passed_off_as_evidence(data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "evidence" / PICTURE_ID[:2] / f"{PICTURE_ID}.jpg"
    path.write_bytes(PICTURE + b"x")
    out = tmp_path / "bundle.zip"
    export("incident", "a1", "--out", str(out), data_dir=data_dir)
    whys = {m["evidence_id"]: m["why"] for m in content(out, "manifest.json")["evidence_missing"]}
    assert whys[PICTURE_ID] == "damaged"


def test_the_audit_excerpt_can_be_checked_without_the_database(bundle: Path) -> None:
    links = {
        (link["chain"], link["previous_hash"]): link["hash"]
        for link in content(bundle, "audit-links.jsonl")
    }
    about = content(bundle, "audit.jsonl")
    assert [line["verb"] for line in about] == ["alert.raised", "alert.action", "export"]
    for line in about:
        assert hashed(line) == line["hash"] == links[line["chain"], line["previous_hash"]]
    heads = content(bundle, "audit-heads.jsonl")
    assert [(head["chain"], head["lines"]) for head in heads] == [("agent", 5), ("command_line", 1)]


def test_a_bundle_is_verified_with_the_key_that_was_printed(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    done = export("incident", "i2", "--out", str(out), data_dir=data_dir)
    key = next(line for line in done.stdout.splitlines() if "signed by" in line).split()[-1]
    done = run.invoke(app, ["export", "verify", str(out), "--key", key])
    assert done.exit_code == 0, done.output
    assert "signed by the key you gave" in done.stdout
    key_file = tmp_path / "key.txt"
    key_file.write_text(key + "\n")
    done = run.invoke(app, ["export", "verify", str(out), "--key", str(key_file)])
    assert done.exit_code == 0
    done = run.invoke(app, ["export", "verify", str(out)])
    assert done.exit_code == 0
    assert "not who signed" in done.stdout


def changed(
    bundle: Path, change: dict[str, bytes | None], *, sign_with: Path | None = None
) -> Path:
    """A copy with files replaced, added or (None) left out; perhaps signed anew by somebody."""
    out = bundle.with_name("changed.zip")
    with zipfile.ZipFile(bundle) as archive, zipfile.ZipFile(out, "w") as copy:
        files = {name: archive.read(name) for name in archive.namelist()}
        files |= {name: data for name, data in change.items() if data is not None}
        if sign_with is not None:
            sign_with.mkdir()
            key = signing_key(sign_with)
            files["manifest.sig"] = base64.b64encode(key.sign(files["manifest.json"]))
        for name, data in files.items():
            if name not in change or change[name] is not None:
                copy.writestr(name, data)
    return out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"revisions.jsonl": b"{}\n"}, "revisions.jsonl was changed"),
        ({"revisions.jsonl": None}, "revisions.jsonl is missing"),
        ({"extra.txt": b"x"}, "'extra.txt' is not in the manifest"),
        ({"../../etc/passwd": b"x"}, "is not in the manifest"),
        ({"manifest.sig": base64.b64encode(bytes(64))}, "signature"),
        ({"manifest.json": b"{}"}, "cannot be read"),
    ],
)
def test_every_change_of_a_bundle_is_told(
    change: dict[str, bytes | None], words: str, bundle: Path
) -> None:
    done = run.invoke(app, ["export", "verify", str(changed(bundle, change))])
    assert done.exit_code == 1
    assert words in done.stdout


def test_a_bundle_that_somebody_else_signed_is_told_with_the_key(
    bundle: Path, data_dir: Path, tmp_path: Path
) -> None:
    from hazard.store.export import public_text  # noqa: PLC0415 - beside its only use

    key = public_text(signing_key(data_dir).public_key())
    forged = changed(bundle, {}, sign_with=tmp_path / "forger")
    done = run.invoke(app, ["export", "verify", str(forged), "--key", key])
    assert done.exit_code == 1
    assert "not of this manifest by this key" in done.stdout


def test_a_file_that_is_no_bundle_is_told(tmp_path: Path) -> None:
    for name, data in (("no.zip", b"nothing"), ("cut.zip", b"PK\x03\x04")):
        path = tmp_path / name
        path.write_bytes(data)
        done = run.invoke(app, ["export", "verify", str(path)])
        assert isinstance(done.exception, StoreError)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bundle_of_which_a_file_cannot_be_decompressed_is_told(
    compression: int, bundle: Path
) -> None:
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(bundle, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        places = [
            entry.header_offset + HEADER_BYTES + len(entry.filename) for entry in archive.infolist()
        ]
    whole = bundle.read_bytes()
    for place in places:
        # No deflate, bzip2 or (from the fifth byte on) LZMA begins so.
        begin = b"\xff" + whole[place + 1 : place + 4] + b"\xff" * 8
        bundle.write_bytes(whole[:place] + begin + whole[place + len(begin) :])
        try:
            faults = verify_bundle(bundle).faults
        except StoreError as error:
            faults = (str(error),)
        assert faults


def test_an_id_may_be_its_beginning_if_that_is_of_one_only(data_dir: Path, tmp_path: Path) -> None:
    with Store.open(data_dir / "hazard.db") as store:
        write_alert(store, 77)
    out = tmp_path / "bundle.zip"
    export("incident", "a7", "--out", str(out), data_dir=data_dir)
    assert content(out, "manifest.json")["incident_id"] == "i77"
    for wanted, words in (
        ("a", "beginning of several"),
        ("zz", "no alert or incident"),
        ("%", "no"),
    ):
        done = export("incident", wanted, "--out", str(out), data_dir=data_dir)
        assert isinstance(done.exception, StoreError)
        assert words in str(done.exception)


def test_the_signing_key_is_private_and_stays(data_dir: Path) -> None:
    first = signing_key(data_dir)
    path = data_dir / "signing.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert signing_key(data_dir).private_bytes_raw() == first.private_bytes_raw()
    path.chmod(0o644)
    with pytest.raises(StoreError, match="may be read by others"):
        signing_key(data_dir)


def test_two_bundles_hold_the_same_files_in_the_same_order(data_dir: Path, tmp_path: Path) -> None:
    names = []
    for number in (1, 2):
        out = tmp_path / f"{number}.zip"
        export("incident", "a1", "--out", str(out), data_dir=data_dir)
        with zipfile.ZipFile(out) as archive:
            names.append([entry.filename for entry in archive.infolist()])
    assert names[0] == names[1]


def test_the_signature_is_checked_by_a_program_of_somebody_else(
    bundle: Path, tmp_path: Path
) -> None:
    """OpenSSL knows nothing of this program: manifest, signature and key are enough for it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip(
            "NOT RUN: openssl (this program is not on the machine; apt-get install openssl)"
        )
    with zipfile.ZipFile(bundle) as archive:
        (tmp_path / "m").write_bytes(archive.read("manifest.json"))
        (tmp_path / "s").write_bytes(base64.b64decode(archive.read("manifest.sig")))
        raw = base64.b64decode(archive.read("public-key.txt").decode().strip().partition(":")[2])
    prefix = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo, RFC 8410
    (tmp_path / "k").write_bytes(prefix + raw)
    command = ["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", str(tmp_path / "k")]
    command += ["-rawin", "-in", str(tmp_path / "m"), "-sigfile", str(tmp_path / "s")]
    done = subprocess.run([openssl, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_hostile_evidence_id_is_no_path(data_dir: Path, tmp_path: Path) -> None:
    (data_dir / "secret.txt").write_text("secret")
    with closing(sqlite3.connect(data_dir / "hazard.db")) as connection:
        connection.execute("UPDATE evidence SET evidence_id = '../secret' WHERE incident_id = 'i2'")
        connection.commit()
    out = tmp_path / "bundle.zip"
    export("incident", "a2", "--out", str(out), data_dir=data_dir)
    with zipfile.ZipFile(out) as archive:
        assert not any("secret" in name for name in archive.namelist())
    assert content(out, "manifest.json")["evidence_missing"][0]["evidence_id"] == "../secret"
