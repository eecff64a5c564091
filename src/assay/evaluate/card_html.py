"""A model card as one HTML file: no script, nothing fetched, readable on a phone, light and dark."""

from __future__ import annotations

import base64
import re
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from assay.gates import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

_PLOT = re.compile(r"plots/[a-z-]+\.png")
# names from the data cannot be bold, so none of them can pass for a verdict
_VERDICTS = {f"**{verdict}**": verdict.replace(" ", "-") for verdict in Verdict}


def html(markdown: str, folder: Path) -> str:
    """The page for a card.

    HTML in the card is shown as text, and plots become part of the page: it needs no other file and no network.

    Args:
        markdown: The card, as `Card.render` gives it.
        folder: Where its folder `plots` is; a plot that is missing there is told by its description.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    for token, rule in _RULES.items():
        parser.add_render_rule(token, rule)
    style = files("assay.evaluate").joinpath("card.css").read_text(encoding="utf-8")
    heading = re.match(r"# (.*)", markdown)
    title = re.sub(r"\\(.)", r"\1", heading[1]) if heading else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>\n"
        f"{parser.render(markdown, {'folder': folder})}</main></body></html>\n"
    )


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    token = tokens[index]
    says = escape(renderer.renderInlineAsText(token.children, options, env))
    source = str(token.attrs.get("src", ""))
    path = env["folder"] / source
    if not _PLOT.fullmatch(source) or not path.is_file():
        return says
    return f'<img alt="{says}" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode("ascii")}">'


def _table(_: RendererHTML, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    end = next(place for place in range(index, len(tokens)) if tokens[place].type == "table_close")
    _label(tokens[index:end])
    return '<div class="scroll"><table>\n'


def _label(tokens: Sequence[Token]) -> None:
    """Numbers beside a verdict carry the heading of their column: on a phone such a row is a block without one."""
    heads = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "th_open"]
    if "verdict" not in heads:
        return
    cells = [token for token in tokens if token.type == "td_open"]
    for place, cell in enumerate(cells):
        if "style" in cell.attrs:
            cell.attrSet("data-label", heads[place % len(heads)])


def _table_end(*_: object) -> str:
    return "</table></div>\n"


def _cell(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    if verdict := _VERDICTS.get(tokens[index + 1].content):
        tokens[index].attrJoin("class", f"verdict {verdict}")
    return renderer.renderToken(tokens, index, options, env)


_RULES: dict[str, Callable[..., str]] = {
    "image": _image,
    "table_open": _table,
    "table_close": _table_end,
    "td_open": _cell,
}
