"""MkDocs hook: formulas become MathML when the site is built, so that none needs a script."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """Replace what the extension ``arithmatex`` marked: ``\\(…\\)`` in a line, ``\\[…\\]`` alone."""

    def formula(found: re.Match[str]) -> str:
        latex = unescape(found[2]).strip()[2:-2]
        return convert(latex, display="block" if found[1] == "div" else "inline")

    return FORMULA.sub(formula, html)
