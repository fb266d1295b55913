"""The data dictionary in the docs is what the tables declare."""

from pathlib import Path

from optimizer.reading.dictionary import markdown


def test_the_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "tables.md"
    assert page.read_text(encoding="utf-8") == markdown()
