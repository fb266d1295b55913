"""Code blocks of the README and of the pages in ``docs/``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELL = ("", "sh")
"""What a fence of command lines is called; output and synopses are ``text``."""


@dataclass(frozen=True)
class Code:
    """A fenced block; ``line`` is that of its fence, counted from 1."""

    page: Path
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Code]:
    """Fenced blocks of a page, in order."""
    return [
        Code(page, token.info.strip(), token.content, token.map[0] + 1)
        for token in MarkdownIt().parse(page.read_text("utf-8"))
        if token.type == "fence" and token.map is not None
    ]
