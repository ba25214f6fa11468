"""docs/site-file.md says everything that the models know."""

from __future__ import annotations

from pathlib import Path

import pytest

from hazard.site.reference import with_tables
from hazard.site.shape import models

SECRETS = {"Secret", "SecretFile"}


@pytest.fixture
def page(repo_root: Path) -> str:
    return (repo_root / "docs" / "site-file.md").read_text(encoding="utf-8")


def test_every_field_of_every_model_has_a_row_in_its_own_table(page: str) -> None:
    for model in models():
        if model.__name__ in SECRETS:
            continue
        _, found, rest = page.partition(f"<!-- table {model.__name__} -->")
        assert found, f"docs/site-file.md has no table of {model.__name__}"
        rows = rest.partition("<!-- end -->")[0]
        for name in model.model_fields:
            assert f"| `{name}` |" in rows, f"{model.__name__}.{name}"


def test_the_tables_are_those_that_the_models_give(page: str) -> None:
    assert page == with_tables(page), "run: python -m hazard.site.reference docs/site-file.md"


def test_every_link_within_the_page_leads_somewhere(page: str) -> None:
    for model in models():
        link = f"(#{model.__name__.lower()})"
        if link in page:
            assert f'<a id="{model.__name__.lower()}"></a>' in page
