"""The faces of a result agree, and figures are told in words."""

import html as html_module
import re

import pytest
from result_cases import made, runs, served
from synthetic_log import HOUR, SECOND

from simkit.result import html, text
from simkit.result.html import marked
from simkit.result.metrics import METRICS
from simkit.result.page import Grid, Page, Paragraph
from simkit.result.words import dollars, duration, figure, number, percent, seconds


def plain_html(source):
    source = re.sub("</?code>", "`", source)
    return re.sub(r"\s+", " ", html_module.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", source, flags=re.S)))


def test_what_stands_between_backticks_is_code_and_safe():
    assert str(marked("see `a <b>` & `c")) == "see <code>a &lt;b&gt;</code> &amp; `c"


@pytest.mark.parametrize("width", [60, 100, 200])
def test_every_text_of_the_page_is_in_both_faces(result, width):
    as_text = re.sub(r"\s+", "", result.text(width))
    as_html = re.sub(r"\s+", "", plain_html(result.html()))
    pieces = [re.sub(r"\s+", "", piece) for piece in result.page().texts()]
    assert len(pieces) > 150
    assert not [piece for piece in pieces if piece not in as_html]
    if width >= 200:  # narrower, a cell's words wrap within its column
        assert not [piece for piece in pieces if piece not in as_text]
    figures_of = [piece for piece in pieces if re.fullmatch(r"[$\d.,%]+", piece)]
    assert len(figures_of) > 30
    assert max(map(len, result.text(width).splitlines())) <= width


def grid(found, first):
    return next(block for block in found.page().blocks if isinstance(block, Grid) and block.columns[0] == first)


def test_the_page_shows_the_figures_of_the_tables(result):
    for row, (name, one) in zip(grid(result, "metric").rows, result.metrics.items(), strict=True):
        unit = METRICS[name].unit
        assert row[:2] == (name, figure(one.value, unit))
        assert row[3:] == (unit, one.note)
        if one.low is not None and one.high is not None:
            assert row[2] == f"{figure(one.low, unit)} to {figure(one.high, unit)}"
    for row, (_, one) in zip(grid(result, "objective").rows, result.slo.iterrows(), strict=True):
        said = (
            one["text"],
            percent(one["compliance"]),
            percent(one["error_budget_left"]),
            number(one["burn_rate"]),
            one["verdict"],
        )
        assert (row[0], row[1], *row[3:]) == said
    for row, (_, one) in zip(grid(result, "limit").rows, result.bottlenecks.iterrows(), strict=True):
        assert row[:4] == (one["limit"], one["text"], percent(one["peak_use"]), percent(one["busiest_hour_use"]))
        assert row[5:7] == (number(one["delayed"]), number(one["refused"]))
    shown = {(by, name): cost for by, name, cost, _ in grid(result, "by").rows}
    for one in result.costs.itertuples():
        if one.by in ("total", "model", "call", "outcome") and one.cost_usd > 0:
            assert shown[one.by, one.name] == dollars(one.cost_usd)
    reasons = [
        (one.outcome, one.reason, number(one.actions), percent(one.share)) for one in result.reasons.itertuples()
    ]
    assert list(grid(result, "outcome").rows) == reasons[:8]


def test_an_interval_that_passes_the_data_says_so(scenario):
    found = made(scenario(), runs([served(i, 1 + i / 100) for i in range(30)]))
    row = next(row for row in grid(found, "metric").rows if row[0] == "latency_p99")
    assert row[2].endswith(" to beyond")


def test_no_figure_is_in_one_face_only(result):
    digits = re.compile(r"\d[\d,.]*")
    in_text = set(digits.findall(result.text(250)))
    in_html = set(digits.findall(plain_html(result.html())))
    assert in_text == in_html


def test_repr_is_the_text_and_the_card_the_html(result):
    assert repr(result).split("\n")[0] == "A <small> product & more"
    assert result._repr_html_() == result.html()
    assert "<small>" not in result.html()
    assert "A &lt;small&gt; product &amp; more" in result.html()


def test_the_card_needs_nothing_from_elsewhere_and_is_light(result):
    assert not re.search(r"https?:|src=|<script|@import|url\(", result.html())
    assert "background:#fff" in result.html()


def test_colour_only_where_asked_for(result):
    assert "\x1b[" not in result.text(100)
    assert "\x1b[" in result.text(100, colour=True)


def test_a_page_is_rendered_as_it_is():
    page = Page(
        "T",
        "s",
        (Paragraph("[not markup]", "Lead:", "bad"), Grid(("a", "b"), (("x", "1"), ("y", "22")), frozenset({1}))),
    )
    assert text.render(page, 60).splitlines() == ["T", "s", "", "Lead: [not markup]", "", "a   b", "x   1", "y  22"]
    assert '<b class="bad">Lead:</b> [not markup]' in html.render(page)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (percent(0.0612), "6.12 %"), (percent(0.99954), "99.954 %"), (percent(0.995), "99.5 %"),
        (percent(1.0), "100 %"),
        (percent(0.0), "0 %"), (percent(2.1234), "212 %"), (percent(-0.5), "-50 %"), (percent(0.000012), "0.0012 %"),
        (percent(4.9e-10), "under 0.001 %"), (percent(-4.9e-10), "about 0 %"),
        (percent(0.999999), "99.9999 %"), (percent(0.9999999), "99.99999 %"),
        (seconds(0.25), "250 ms"), (seconds(1.234), "1.23 s"), (seconds(100), "100 s"), (seconds(5400), "90 min"),
        (seconds(7200), "2 h"),
        (seconds(0), "0 s"), (seconds(2.5e-5), "25 µs"), (seconds(5e-9), "5 ns"), (seconds(600), "10 min"),
        (seconds(3 * 86400), "3 d"), (seconds(0.9999), "1 s"),
        (dollars(0.00234), "$0.00234"), (dollars(1234.5), "$1,234.50"), (dollars(0), "$0.00"), (dollars(-3), "-$3.00"),
        (dollars(123456.7), "$123,457"), (dollars(0.5), "$0.50"), (dollars(2.34e-10), "$0.000000000234"),
        (number(12345.6), "12,346"), (number(1.2345), "1.23"), (number(0), "0"), (number(0.0123), "0.0123"),
        (figure(None, "s"), "–"), (figure(0.5, "1/s"), "0.5/s"), (figure(3.0, "count"), "3"),
        (figure(float("inf"), "s"), "–"),
        (duration(7 * 24 * HOUR), "7 d"), (duration(90 * 60 * SECOND), "1 h 30 min"), (duration(5 * SECOND), "5 s"),
        (duration(0), "0 s"),
    ],
)  # fmt: skip
def test_words(shown, said):
    assert shown == said
