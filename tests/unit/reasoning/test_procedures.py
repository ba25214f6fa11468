"""Citations of a site's procedures: word for word, from the right clause, or none."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from hazard.catalogue import catalogue
from hazard.types import Citation
from models.reasoning import documents
from models.reasoning.clauses import markdown, pages, sentences
from models.reasoning.procedures import LOOK_AGAIN_S, MAX_QUOTE, Procedures
from tests.unit.reasoning.pdfs import a_pdf, encrypted

PLAN = """---
title: evacuation plan
---
# Emergency plan

## 4 Gas

### 4.2 Gas alarm

- Evacuate the compressor hall **crosswind** to gate 3 and account for everybody
  at the lists there.
- Nobody enters without self-contained breathing apparatus.
- Close valve V-12 from the control room to isolate the source of the gas.

```
evacuate the area and account for everybody at the assembly point
```

4.3 Fire
--------

In case of fire raise the fire alarm at the nearest call point and call the fire service on 112.
Evacuate to the assembly point behind building B.
"""
GERMAN = """# Notfallplan

## 3 Gasalarm

Räumen Sie die Halle quer zum Wind und prüfen Sie am Sammelplatz die Vollzähligkeit.
"""
UNRELATED = """# House rules

## Canteen
Check the power supply of the coffee machine every Monday. Isolate yourself when you have a cold.
The network of friends is open on Friday, and the source of the soup is a secret.

## Parking
Vehicles stand in the marked places. Have the driver pay at the barrier. Keep the receipt.
Call the porter by phone, and restart the engine in person. Stop at the gate of the zone.

## Minutes
The fire at the summer party was small. Everybody met at the point where the camera hangs.
Holders of a permit work on the roof. Ventilation was quiet. The alarm level of the budget is low.

## Bicycles
Everyone checks light, lamp and bell. Address and password of the lending site hang in the hall.
"""


def a_folder(tmp_path: Path, **files: str | bytes) -> Path:
    folder = tmp_path / "plans"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        data = text.encode() if isinstance(text, str) else text
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


def cited(folder: Path, action: str, hazard: str, *languages: str) -> Citation | None:
    return Procedures(folder).cite(action, (hazard,), languages or ("en",))


def test_an_action_cites_the_clause_that_says_it_word_for_word(tmp_path: Path) -> None:
    found = cited(a_folder(tmp_path, plan_md=PLAN), "evacuate-upwind", "toxic_gas")
    assert found == Citation(
        document="plan.md",
        section="4.2 Gas alarm",
        quote="Evacuate the compressor hall **crosswind** to gate 3 and account for everybody at "
        "the lists there.",
    )
    assert found.quote in " ".join(PLAN.split())


@pytest.mark.parametrize(
    ("action", "hazard", "begins"),
    [
        ("no-entry-without-air", "toxic_gas", "Nobody enters without"),
        ("isolate-source", "flammable_gas", "Close valve V-12"),
        ("call-fire-service", "fire", "In case of fire raise"),
        ("evacuate", "smoke", "Evacuate to the assembly point behind"),
    ],
)
def test_each_action_finds_its_own_clause(
    tmp_path: Path, action: str, hazard: str, begins: str
) -> None:
    found = cited(a_folder(tmp_path, plan_md=PLAN), action, hazard)
    assert found is not None
    assert found.quote.startswith(begins)


def test_procedures_are_searched_in_each_of_the_sites_languages(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, plan_md=GERMAN)
    assert cited(folder, "evacuate-upwind", "toxic_gas", "en") is None
    found = cited(folder, "evacuate-upwind", "toxic_gas", "en", "de")
    assert found is not None
    assert found.quote.startswith("Räumen Sie die Halle quer zum Wind")


def test_what_has_nothing_to_do_with_an_action_is_never_cited(tmp_path: Path) -> None:
    procedures = Procedures(a_folder(tmp_path, rules_md=UNRELATED))
    wrong = {
        (kind.id, action.id): found.quote
        for kind in catalogue().values()
        for action in kind.actions
        if (found := procedures.cite(action.id, (kind.id,), ("en",))) is not None
    }
    assert wrong == {}


def test_a_pdf_is_cited_with_heading_and_page(tmp_path: Path) -> None:
    second = (
        "4.2 Gas alarm",
        "Evacuate the hall crosswind, then upwind,",
        "and account for everybody at gate 3.",
        "Nobody goes back.",
    )
    folder = a_folder(tmp_path, plan_pdf=a_pdf(("Emergency plan", "First page."), second))
    found = cited(folder, "evacuate-upwind", "toxic_gas")
    assert found is not None
    assert (found.document, found.section) == ("plan.pdf", "4.2 Gas alarm, page 2")
    assert (
        found.quote
        == "Evacuate the hall crosswind, then upwind, and account for everybody at gate 3."
    )


def test_a_long_clause_is_quoted_by_whole_sentences(tmp_path: Path) -> None:
    filler = "The shift writes down what it saw. " * 20
    text = f"# Gas\n\n{filler}Evacuate crosswind and account for everybody. {filler}"
    found = cited(a_folder(tmp_path, plan_md=text), "evacuate-upwind", "toxic_gas")
    assert found is not None
    assert found.quote == "Evacuate crosswind and account for everybody."
    endless = "# Gas\n\nEvacuate crosswind and account for everybody " + "and so on " * 60
    assert cited(a_folder(tmp_path, plan_md=endless), "evacuate-upwind", "toxic_gas") is None


def test_an_abbreviation_ends_no_sentence() -> None:
    text = "Leave the hall, e.g. by gate 3. Use no lift; take the stairs. Fin"
    assert [text[start:end] for start, end in sentences(text, MAX_QUOTE)] == [
        "Leave the hall, e.g. by gate 3.",
        "Use no lift; take the stairs.",
        "Fin",
    ]


def test_a_document_that_was_changed_since_is_not_quoted_until_it_is_read_again(
    tmp_path: Path,
) -> None:
    now = [0.0]
    folder = a_folder(tmp_path, plan_md=PLAN)
    procedures = Procedures(folder, clock=lambda: now[0])
    (folder / "plan.md").write_text("# Gas\n\nEvacuate crosswind to gate 9, account for all.")
    now[0] = LOOK_AGAIN_S - 1
    assert procedures.cite("evacuate-upwind", ("toxic_gas",), ("en",)) is None
    now[0] = LOOK_AGAIN_S + 1
    procedures.cite("evacuate-upwind", ("toxic_gas",), ("en",))
    procedures.settle()
    found = procedures.cite("evacuate-upwind", ("toxic_gas",), ("en",))
    assert found is not None
    assert "gate 9" in found.quote


def test_what_cannot_be_read_is_left_out_with_the_reason_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_MARKDOWN_BYTES", 5000)
    good = a_pdf(("Evacuate crosswind and account for everybody.",))
    folder = a_folder(
        tmp_path,
        plan_md=PLAN,
        broken_pdf=b"%PDF-1.7\n" + b"\xff\x00garbage" * 50,
        short_pdf=good[:300],
        locked_pdf=encrypted(good),
        picture_pdf=a_pdf(()),
        huge_md="x" * 6000,
        latin_md="R\u00e4umen".encode("latin-1"),
        binary_md=b"a\0b",
    )
    (tmp_path / "secret.md").write_text("# Gas\n\nEvacuate crosswind, account for the password.")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.md")
    deep = folder / "a" / "b" / "c" / "d" / "e"
    deep.mkdir(parents=True)
    (deep / "deep.md").write_text(PLAN)
    procedures = Procedures(folder)
    figures: dict[str, Any] = procedures.figures()
    assert figures["procedures_documents"] == 1
    assert figures["procedures_skipped"] == 11
    reasons = dict(documents.read_all(folder)[1])
    assert "no readable PDF" in reasons["broken.pdf"]
    assert "PDF" in reasons["short.pdf"] or "no text" in reasons["short.pdf"]
    assert "encrypted: save it without a password" in reasons["locked.pdf"]
    assert "only pictures" in reasons["picture.pdf"]
    assert "6000 bytes, allowed are 5000" in reasons["huge.md"]
    assert "save it as UTF-8" in reasons["latin.md"]
    assert "no text" in reasons["binary.md"]
    assert "link out of the folder" in reasons["link.md"]
    assert "no file that can be read" in reasons["pipe.md"]
    assert "move its files up" in reasons["loop"]
    assert "move its files up" in reasons["a/b/c/d"]
    assert "huge.md: it has 6000 bytes" in figures["procedures_skipped_why"]
    assert procedures.cite("evacuate-upwind", ("toxic_gas",), ("en",)) is not None


def test_a_pdf_that_takes_for_ever_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "PDF_S", 0.01)
    folder = a_folder(tmp_path, slow_pdf=a_pdf(("Evacuate crosswind.",)), plan_md=PLAN)
    assert "takes more than" in str(Procedures(folder).figures()["procedures_skipped_why"])


def test_a_missing_folder_is_said_and_cites_nothing(tmp_path: Path) -> None:
    procedures = Procedures(tmp_path / "nowhere")
    assert "no such folder" in str(procedures.figures()["procedures_skipped_why"])
    assert procedures.cite("evacuate", ("fire",), ("en",)) is None


def test_text_that_hides_something_is_not_quoted(tmp_path: Path) -> None:
    hidden = "# Gas\n\nEvacuate crosswind and \u202eaccount for everybody.\n"
    assert cited(a_folder(tmp_path, plan_md=hidden), "evacuate-upwind", "toxic_gas") is None


def test_a_files_name_and_heading_are_bounded_and_cleaned(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    name = "gas <script>" + "x" * 150 + ".md"
    (folder / name).write_text(f"# {'Gas ' * 200}\n\nEvacuate crosswind, account for everybody.")
    found = cited(folder, "evacuate-upwind", "toxic_gas")
    assert found is not None
    assert "<" not in found.document
    assert len(found.document) <= 120
    assert len(found.section) <= 160


def test_markdown_gives_items_paragraphs_and_rows_under_their_headings() -> None:
    text = (
        "# A\nIntro line\nsecond line\n\n1. one\n2) two\n   goes on\n\n## B\n| x | y |\n|---|---|\n"
    )
    assert [(c.path, c.text) for c in markdown(text)] == [
        ("A", "Intro line second line"),
        ("A", "one"),
        ("A", "two goes on"),
        ("A / B", "| x | y |"),
    ]


def test_a_heading_full_of_spaces_holds_nobody_up() -> None:
    """It is read in the process that decides, which must not stand still over one line."""
    started_s = time.monotonic()
    found = list(markdown(f"# Step 4{' ' * 2000}see table ## \n\nStop the fan."))
    assert time.monotonic() - started_s < 2.0
    assert [(c.section, c.text) for c in found] == [("Step 4 see table", "Stop the fan.")]


def test_a_pages_lines_are_joined_up_to_the_end_of_a_sentence() -> None:
    text = "2.1 Fire\nCall the fire\nservice.\n- Stop the fan\n- Leave\n\nEnd"
    assert [(c.section, c.text) for c in pages([text])] == [
        ("2.1 Fire, page 1", "Call the fire service."),
        ("2.1 Fire, page 1", "Stop the fan"),
        ("2.1 Fire, page 1", "Leave"),
        ("2.1 Fire, page 1", "End"),
    ]
