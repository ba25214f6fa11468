"""Every text of the pages is in all five languages, with the same placeholders."""

from __future__ import annotations

import pytest

from dashboard.i18n import LANGUAGES
from scripts.catalogues import LANGUAGES as TRANSLATED
from scripts.catalogues import faults, wanted


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    found = [str(fault) for fault in faults(language)]
    assert not found, "run `python -m scripts.catalogues`, then add to dashboard/locale:\n" + (
        "\n".join(found[:40])
    )


def test_the_texts_are_found_in_templates_and_in_code() -> None:
    texts = wanted()
    assert "Skip to content" in texts
    assert "Latched, unacknowledged" in texts
    assert set(LANGUAGES) == {"en", *TRANSLATED}
