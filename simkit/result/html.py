"""The HTML face: the same page as a self-contained card, light on white, for a notebook or a report."""

import re
from html import escape

from simkit.result.page import Grid, Heading, Page, Paragraph

TEMPLATE = """\
<div class="simkit-card{{ '' if page.title else ' part' }}"><style>
.simkit-card{font:14px/1.45 system-ui,sans-serif;color:#1f2933;background:#fff;max-width:60em;padding:1em 1.2em;
border:1px solid #e4e8ec;border-radius:6px}.simkit-card.part{border:0;padding:0}
.simkit-card h2{font-size:1.3em;margin:0}.simkit-card h3{font-size:1em;margin:1.2em 0 .3em}
.simkit-card p{margin:.35em 0}.simkit-card .sub{color:#6b7680}
.simkit-card .good{color:#00704f}.simkit-card .bad{color:#b3261e}.simkit-card .warn{color:#8a5a00}
.simkit-card .wide{overflow-x:auto}
.simkit-card table{border-collapse:collapse;background:#fff;color:#1f2933;font-size:.93em}
.simkit-card th{color:#6b7680;font-weight:600;border-bottom:1px solid #c9cfd4}
.simkit-card th,.simkit-card td{text-align:left;padding:.15em .9em .15em 0;vertical-align:top;background:#fff}
.simkit-card .r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.simkit-card th{vertical-align:bottom}.simkit-card th.r{white-space:normal}
.simkit-card code{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.92em}
</style>
{% if page.title %}<h2>{{ page.title }}</h2><p class="sub">{{ page.subtitle }}</p>{% endif %}
{% for kind, block in blocks %}
{%- if kind == "heading" %}<h3>{{ block.text|marked }}</h3>
{%- elif kind == "paragraph" %}<p>
{%- if block.lead %}<b class="{{ block.tone }}">{{ block.lead|marked }}</b> {% endif %}{{ block.text|marked }}</p>
{%- else %}<div class="wide"><table><thead><tr>
{%- for name in block.columns %}
<th{% if loop.index0 in block.right %} class="r"{% endif %}>{{ name|marked }}</th>{% endfor -%}
</tr></thead><tbody>
{%- for row in block.rows %}<tr>
{%- for cell in row %}<td{% if loop.index0 in block.right %} class="r"{% endif %}>{{ cell|marked }}</td>{% endfor -%}
</tr>{% endfor %}</tbody></table></div>
{%- endif %}
{% endfor %}</div>
"""


def render(page: Page) -> str:
    """The page as an HTML fragment that needs nothing from elsewhere; without a title it is a part of another."""
    from jinja2 import Environment

    engine = Environment(autoescape=True)
    engine.filters["marked"] = marked
    kinds = {Heading: "heading", Paragraph: "paragraph", Grid: "grid"}
    blocks = [(kinds[type(block)], block) for block in page.blocks]
    return engine.from_string(TEMPLATE).render(page=page, blocks=blocks)


def marked(text: str) -> str:
    """A text as safe HTML; what stands between backticks is code."""
    from markupsafe import Markup

    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(text)))
