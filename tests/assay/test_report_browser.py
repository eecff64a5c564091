"""report.html in a real browser: on a phone and a desk, light and dark, nothing fetched, nothing complained of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import browser
import pytest
from reportkit import HOSTILE, failed, keep, moved, run
from test_card import card

from assay.gates import GateResult, Verdict
from assay.render.html import run_html
from assay.render.trend import STYLE, sparkline
from assay.reports import Entry, StageReport, Status, skipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not browser.PROGRAM, reason="no chromium is installed")
LONG = "a-name-that-nobody-would-give-a-column" * 5
CARD = (
    "<style>td{white-space:nowrap}.scroll{overflow-x:auto}</style><main><h1>Card</h1><div class='scroll'><table><tr>"
    f"<td>{'wide ' * 100}</td></tr></table></div><script>document.title = 'taken over'</script>"
    "<img src='http://127.0.0.1:9/x.png'></main>"
)
DARKNESS = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).every(part => part < 60)"


@pytest.fixture(scope="module")
def page() -> Iterator[browser.Page]:
    with browser.browser() as tab:
        yield tab


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red run with everything that may be wide."""
    broken = StageReport(stage="package", status=Status.ERROR, exit_code=4, message=f"{HOSTILE}\n{LONG * 3}")
    entries = (
        moved({"column": LONG, "psi": 0.3, "why": HOSTILE}),
        failed(f"model.{LONG}", HOSTILE),
        Entry(report=broken, why=HOSTILE),
        Entry(report=skipped("deploy", LONG), why=LONG),
    )
    folder = keep(tmp_path_factory.mktemp("runs"), run(*entries))
    (folder / "model-validate/evaluation").mkdir(parents=True)
    (folder / "model-validate/evaluation/model_card.html").write_text(CARD)
    (folder / "report.html").write_text(run_html(run(*entries), folder), encoding="utf-8")
    return folder / "report.html"


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1200, False), (1200, True)])
def test_it_fits_and_stays_by_itself(page: browser.Page, report: Path, width: int, *, dark: bool) -> None:
    page.show(report, width, dark=dark)
    page.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value(DARKNESS) == dark
    assert page.value("document.title").startswith("tiny: ")
    assert page.value("document.querySelector('template') === null"), "the card is shown, in a root of its own"
    assert not page.events("Runtime.exceptionThrown")
    blocked = {e["requestId"] for e in page.events("Network.loadingFailed") if e.get("blockedReason") == "csp"}
    asked = {e["requestId"]: e["request"]["url"] for e in page.events("Network.requestWillBeSent")}
    fetched = [url for number, url in asked.items() if number not in blocked]
    assert [url for url in fetched if not url.startswith("data:")] == [report.as_uri()]
    assert len(blocked) == 1, "what the card would have fetched"


def test_on_a_phone_the_real_card_wraps_its_digests_and_stacks_its_gates(page: browser.Page, tmp_path: Path) -> None:
    one = run(failed())
    folder = keep(tmp_path, one)
    evaluation = folder / "model-validate/evaluation"
    evaluation.mkdir(parents=True)
    gates = [GateResult(f"model.{LONG}", 0.9, ">=", 0.85, Verdict.PASS, "a note that tells more than fits " * 3)]
    card(gates=gates).write(evaluation)
    (folder / "report.html").write_text(run_html(one, folder), encoding="utf-8")
    page.show(folder / "report.html", 390)
    page.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    inside = "[...document.querySelector('.part > div').shadowRoot.querySelectorAll('SELECTED')]"
    for selected in ("li code", ".verdict ~ td", ".scroll:has(.verdict)"):
        found = inside.replace("SELECTED", selected)
        assert page.value(f"{found}.length")
        assert page.value(f"{found}.every(one => one.getBoundingClientRect().right <= 390)"), selected
    assert page.value(inside.replace("SELECTED", ".scroll:has(.verdict)") + "[0].scrollWidth") <= 390


def test_a_limit_that_changed_is_a_line_and_no_area(page: browser.Page, tmp_path: Path) -> None:
    gates = [GateResult("model.f1", 0.6, ">=", limit, Verdict.PASS) for limit in (0.5, 0.7)]
    file = tmp_path / "trend.html"
    file.write_text(f"<style>{STYLE}</style>{sparkline(gates)}", encoding="utf-8")
    page.show(file, 390)
    assert page.value("getComputedStyle(document.querySelector('.trend path')).fill") == "none"


def test_headings_and_tables_can_be_read_aloud(page: browser.Page, report: Path) -> None:
    page.show(report, 1200)
    assert page.value("document.querySelectorAll('h1').length") == 1
    assert page.value("[...document.querySelectorAll('table')].every(one => one.caption && one.tHead)")
    assert page.value("document.documentElement.lang") == "en"


def test_a_page_without_a_hostile_card_has_no_complaint(page: browser.Page, report: Path) -> None:
    (report.parent / "model-validate/evaluation/model_card.html").unlink()
    plain = report.with_name("plain.html")
    plain.write_text(run_html(run(failed(), moved()), report.parent), encoding="utf-8")
    page.show(plain, 360)
    assert not page.events("Log.entryAdded")
