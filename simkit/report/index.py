"""`index.html`: all reports in a folder with their headline figures, newest first within each scenario."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from simkit.report.folder import summaries, write
from simkit.report.html import page
from simkit.report.reports import PAGE
from simkit.result.html import marked
from simkit.result.words import figure

SHOWN = (
    ("success_rate", "succeed", "share"), ("latency_p95", "p95", "s"), ("cost_per_action", "an action", "USD"),
    ("cost_per_month", "a month", "USD"),
)  # fmt: skip
HOLD = "Will it hold?"
BODY = """\
<h1>Reports</h1><p class="sub">{{ count }} in this folder
{%- if failed %}, <b class="bad">{{ failed }} failed</b>{% endif %}.
Figures are of simulations; each report names its seed, its version and where its assumptions come from.</p>
<div class="wide"><table><thead><tr><th>scenario</th><th>report</th><th>will it hold?</th>
{%- for _, name, _ in shown %}<th class="r">{{ name }}</th>{% endfor %}<th>expectations</th><th>made</th></tr></thead>
<tbody>
{%- for row in rows %}<tr>
<td>{% if row.first %}<b>{{ row.scenario }}</b>{% endif %}</td>
<td><a href="{{ row.link }}">{{ row.notebook }}</a>{% if row.changed %} <b class="warn">{{ row.changed }}</b>\
{% endif %}</td>
{%- if row.error %}<td class="bad" colspan="{{ shown|length + 2 }}"><b>failed</b>: {{ row.error|marked }}</td>
{%- elif row.words %}<td colspan="{{ shown|length + 2 }}">{{ row.words|marked }}</td>
{%- else %}<td class="{{ row.tone }}">{{ row.hold|marked }}</td>
{%- for text in row.figures %}<td class="r">{{ text }}</td>{% endfor %}<td>{{ row.expectations }}</td>
{%- endif %}<td class="r">{{ row.made }}</td></tr>
{%- endfor %}</tbody></table></div>
"""


def write_index(root: Path) -> Path:
    """Write the index of all reports below a folder.

    Raises:
        OSError: it cannot be written.
    """
    from jinja2 import Environment

    rows = index_rows(root)
    failed = sum(bool(row["error"]) for row in rows)
    engine = Environment(autoescape=True)
    engine.filters["marked"] = marked
    body = engine.from_string(BODY).render(rows=rows, count=len(rows), failed=failed, shown=SHOWN)
    write(root / "index.html", page("Reports", body))
    return root / "index.html"


def index_rows(root: Path) -> list[dict[str, Any]]:
    """What the index says of each report."""
    found = [(folder, _row(root, folder, summary)) for folder, summary in present(summaries(root))]
    order = list(dict.fromkeys(folder.parent.name for folder, _ in found))
    rows = [row for name in order for folder, row in found if folder.parent.name == name]
    before = ""
    for row in rows:
        row["first"], before = row["place"] != before, row["place"]
    return rows


def present(reports: Iterable[tuple[Path, dict[str, Any]]]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The reports without those that failed and were made again since; the last made come first."""
    seen = set()
    for folder, summary in reports:
        same = folder.parent.name, str(summary.get("notebook", "report")), _changed(summary)
        if summary.get("status") != "failed" or same not in seen:
            yield folder, summary
        seen.add(same)


def _changed(summary: dict[str, Any]) -> str:
    """The parameters that are not the notebook's own: `fast, replications 5`."""
    return ", ".join(name if value is True else f"{name} {value}" for name, value in _part(summary, "changed").items())


def _row(root: Path, folder: Path, summary: dict[str, Any]) -> dict[str, Any]:
    metrics = _part(_part(summary, "result"), "metrics")
    hold: dict[str, Any] = next((one for one in summary.get("answers", []) if one.get("question") == HOLD), {})
    counts = _part(summary, "expectations")
    return {
        "place": folder.parent.name,
        "scenario": str(summary.get("scenario", folder.parent.name)),
        "notebook": str(summary.get("notebook", "report")),
        "changed": _changed(summary),
        "link": quote(f"{folder.relative_to(root).as_posix()}/{PAGE}"),
        "error": str(summary.get("error", "")) if summary.get("status") == "failed" else "",
        "words": " ".join(summary.get("headlines", [])) or ("" if metrics else "made"),
        "hold": str(hold.get("text", "–")).split(":")[0].split(".")[0],
        "tone": hold.get("tone") if hold.get("tone") in ("good", "bad", "warn") else "",
        "figures": [figure(_part(metrics, name).get("value"), unit) for name, _, unit in SHOWN],
        "expectations": ", ".join(f"{number} {verdict}" for verdict, number in counts.items()) or "–",
        "made": str(summary.get("made", "")).replace("T", " ")[:16],
    }


def _part(of: dict[str, Any], name: str) -> dict[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}
