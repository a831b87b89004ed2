"""The picture of the ratios: a dot a budget, on a logarithmic scale, as SVG for light and dark."""

from __future__ import annotations

import math
from html import escape

from judged import Line, times

ROW, LEFT, PLOT, WIDTH, TOP = 26, 400, 330, 830, 44
MOST = 4
"""The right end of the scale: four times what the peer takes."""
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.faint { fill: #57606a } .grid { stroke: #d0d7de } .one { stroke: #57606a }
.card { fill: #ffffff; stroke: #d0d7de } .met { fill: #0f766e } .over { fill: #c2410c }
.most { stroke: #24292f; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .faint { fill: #9198a1 } .grid { stroke: #30363d } .one { stroke: #9198a1 }
  .card { fill: #151b23; stroke: #30363d } .met { fill: #2dd4bf } .over { fill: #fb923c }
  .most { stroke: #e6edf3 }
}"""


def picture(lines: list[Line]) -> str:
    """Return the SVG of the lines that have a ratio."""
    drawn = [line for line in lines if line.ratio and line.most]
    least = min((min(line.ratio or 1, line.most or 1) for line in drawn), default=0.1)
    powers = range(math.floor(math.log10(least)), 1)
    height = TOP + ROW * len(drawn) + 34

    def at(ratio: float) -> float:
        return LEFT + PLOT * (math.log10(ratio) - powers[0]) / (math.log10(MOST) - powers[0])

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>What Flowstone takes, as a part of what its peer takes</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
    ]
    for power in powers:
        x, name = at(10.0**power), f"1/{10**-power:,}" if power else "as much"
        parts.append(_upright("grid" if power else "one", x, TOP - 8, height - 30))
        parts.append(f'<text class="faint" x="{x:.1f}" y="24" text-anchor="middle">{name}</text>')
    for number, line in enumerate(drawn):
        parts += _row(line, TOP + ROW * number, at(line.ratio or 1), at(line.most or 1), at(1))
    parts.append(
        f'<text class="faint" x="16" y="{height - 12}">'
        "What ours takes of what its peer takes. A dot left of its stroke keeps the budget.</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(line: Line, y: float, dot: float, most: float, one: float) -> list[str]:
    kind = "met" if line.is_met else "over"
    title = escape(f"{line.what} · {line.peer}".replace("`", ""))
    said = times(line.ratio or 1) + ("" if line.is_met else ", over")
    left, width = min(dot, one), abs(one - dot)
    return [
        f'<text x="{LEFT - 14}" y="{y + 14}" text-anchor="end">{title}</text>',
        f'<rect class="{kind}" x="{left:.1f}" y="{y + 9}" width="{width:.1f}" height="2"/>',
        f'<circle class="{kind}" cx="{dot:.1f}" cy="{y + 10}" r="5"/>',
        _upright("most", most, y + 2, y + 18),
        f'<text x="{LEFT + PLOT + 12}" y="{y + 14}">{said}</text>',
    ]


def _upright(kind: str, x: float, top: float, bottom: float) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
