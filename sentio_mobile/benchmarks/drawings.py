"""Drawings of the report that are part of its page: points carry names, and colours are the page's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from sentio_mobile.benchmarks.charts import drawn_songs
from sentio_mobile.benchmarks.formatting import megabytes, milliseconds
from sentio_mobile.benchmarks.roofs import Roofline
from sentio_mobile.metrics.evaluation import SplitEvaluation
from sentio_mobile.spec import OUTPUTS

WIDE, NARROW = (880, 325), (350, 420)
"""Width and height of the trade-off, in CSS pixels: on a desk, and on a phone."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 70, 42
_LETTER, _LINE = 6.4, 15
"""Width of a letter and height of a line, in CSS pixels."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """An artifact, or the teacher, in the chart of size, latency and CCC.

    Attributes:
        name: What it is called.
        size: Bytes.
        latency: The p90 of its latency in milliseconds; None where it was not measured.
        ccc: Its mean CCC; None where it was not measured.
        kind: `int8`, `other` or `teacher`.
        leads: Whether it is named where there is little room.
    """

    name: str
    size: float
    latency: float | None
    ccc: float | None
    kind: str
    leads: bool = True

    @property
    def label(self) -> str:
        """Its name and its CCC."""
        return self.name if self.ccc is None else f"{self.name} {self.ccc:.2f}"

    @property
    def words(self) -> str:
        """All of it, for who points at it or hears the page."""
        latency = "latency not measured here" if self.latency is None else f"p90 {milliseconds(self.latency)}"
        ccc = "CCC not measured" if self.ccc is None else f"mean CCC {self.ccc:.2f}"
        return f"{self.name}: {megabytes(self.size)}, {latency}, {ccc}"


def trade_off(points: Sequence[Point], shape: tuple[int, int]) -> Markup:
    """Size across, latency upwards, both on logarithmic scales, and the mean CCC beside each point.

    What has no latency stands in a row above.

    Args:
        points: Artifacts and teacher, at least one.
        shape: Width and height in CSS pixels.
    """
    width, height = shape
    low, high = _decades([one.size / 1e6 for one in points])
    bottom, top = _decades([one.latency for one in points if one.latency is not None] or [10.0])
    inner_top = _TOP + _LINE

    def x_of(size: float) -> float:
        return _LEFT + (width - _LEFT - _RIGHT) * _share(size, low, high)

    def y_of(latency: float) -> float:
        return height - _BOTTOM - (height - _BOTTOM - inner_top) * _share(latency, bottom, top)

    across, upwards = [(x_of(v), v) for v in _ticks(low, high)], [(y_of(v), v) for v in _ticks(bottom, top)]
    names = ("size in MB, logarithmic", "p90 in ms; above the line: not measured here")
    line = Markup('<line class="grid strong" x1="{1}" y1="{0}" x2="{2}" y2="{0}"/>')
    parts = [
        _axes(shape, across, upwards, names=names, top=_TOP + 6),
        line.format(_TOP + 6, _LEFT, width - _RIGHT),
    ]
    order = sorted(points, key=lambda point: (point.latency is not None, point.kind != "int8", point.size))
    places = [(x_of(one.size / 1e6), _TOP - 8 if one.latency is None else y_of(one.latency)) for one in order]
    # The words of the axis and the points themselves are in no label's way.
    taken = [(0.0, 0.0, float(width), 16.0), *((x - 7, y - 5, x + 7, y + 5) for x, y in places)]
    taken.append((0.0, _TOP + 4, float(width), _TOP + 8))  # the line that divides them
    for one, (x, y) in zip(order, places, strict=True):
        named = one.leads or width >= WIDE[0]
        parts.append(
            Markup('<g class="point {}"><title>{}</title><circle cx="{:.1f}" cy="{:.1f}" r="5"/>{}</g>').format(
                one.kind, one.words, x, y, _label(one.label, x, y, width, taken) if named else ""
            )
        )
    alt = "Size, latency and mean CCC of each file and of the teacher. " + "; ".join(one.words for one in points)
    return _svg(shape, alt, parts)


def roofline(found: Roofline, shape: tuple[int, int]) -> Markup:
    """The machine's roofs and the artifacts below them: operations for each byte across, GFLOP/s upwards, logarithmic.

    Args:
        found: Roofs and artifacts.
        shape: Width and height in CSS pixels.
    """
    width, height = shape
    roofs = found.roofs
    ridge = roofs.gflops / roofs.gigabytes
    low, high = _decades([ridge, *(one.intensity for one in found.points)])
    bottom, top = _decades([roofs.gflops, roofs.at(low), *(one.gflops for one in found.points)])

    def at(intensity: float, gflops: float) -> tuple[float, float]:
        return (
            _LEFT + (width - _LEFT - _RIGHT) * _share(intensity, low, high),
            height - _BOTTOM - (height - _BOTTOM - _LINE) * _share(gflops, bottom, top),
        )

    across = [(at(value, bottom)[0], value) for value in _ticks(low, high)]
    upwards = [(at(low, value)[1], value) for value in _ticks(bottom, top)]
    line = " ".join("{:.1f},{:.1f}".format(*at(x, roofs.at(x))) for x in (low, ridge, high))
    parts = [
        _axes(shape, across, upwards, names=("operations for each byte of the file", "GFLOP/s"), top=_LINE),
        Markup('<polyline class="roof" points="{}"/>').format(line),
    ]
    order = sorted(found.points, key=lambda one: -one.gflops)
    places = [at(one.intensity, one.gflops) for one in order]
    taken = [(0.0, 0.0, float(width), 16.0), *((x - 7, y - 5, x + 7, y + 5) for x, y in places)]
    words = [f"{one.label}: {one.gflops:.3g} GFLOP/s, {one.share:.0%} of the roof" for one in order]
    for one, (x, y), told in zip(order, places, words, strict=True):
        # All of them have the form `spectrogram`, which the page says.
        name = f"{one.label.replace(' spectrogram ', ' ')}, {one.share:.0%}"
        kind = "int8" if " int8" in one.label else "other"
        parts.append(
            Markup('<g class="point {}"><title>{}</title><circle cx="{:.1f}" cy="{:.1f}" r="5"/>{}</g>').format(
                kind, told, x, y, _label(name, x, y, width, taken)
            )
        )
    alt = (
        f"Roofline: {roofs.gflops:.3g} GFLOP/s of matrix products and {roofs.gigabytes:.3g} GB/s of copies; "
        f"{'; '.join(words)}."
    )
    return _svg(shape, alt, parts)


def plane(scores: SplitEvaluation) -> Markup:
    """The valence-arousal plane with an arrow from each song's label to its prediction; each carries its song."""
    parts = [_square()]
    for i in drawn_songs(scores):
        (x, y), (to_x, to_y) = _at(*scores.labels[i]), _at(*scores.predictions[i])
        words = (
            f"{scores.songs[i]}: label {scores.labels[i][0]:+.2f}, {scores.labels[i][1]:+.2f}; "
            f"prediction {scores.predictions[i][0]:+.2f}, {scores.predictions[i][1]:+.2f}"
        )
        parts.append(
            Markup(
                '<g class="song"><title>{}</title><line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'
                '<circle class="label" cx="{:.1f}" cy="{:.1f}" r="2.5"/><circle cx="{:.1f}" cy="{:.1f}" r="3.5"/></g>'
            ).format(words, x, y, to_x, to_y, x, y, to_x, to_y)
        )
    distance = float(np.linalg.norm(scores.predictions - scores.labels, axis=1).mean())
    alt = (
        f"The plane of valence and arousal with {len(drawn_songs(scores))} songs: lines from the label to the "
        f"prediction, {distance:.2f} long on average."
    )
    return _svg((400, 400), alt, [*parts, _names("valence", "arousal")])


def scatter(scores: SplitEvaluation, output: int) -> Markup:
    """Predictions against labels of one output; each point carries its song."""
    name = OUTPUTS[output]
    start, end = _at(-1, -1), _at(1, 1)
    parts = [
        _square(),
        Markup('<line class="equal" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(*start, *end),
    ]
    for i in drawn_songs(scores):
        label, predicted = scores.labels[i][output], scores.predictions[i][output]
        x, y = _at(label, predicted)
        words = f"{scores.songs[i]}: label {label:+.2f}, prediction {predicted:+.2f}"
        parts.append(
            Markup('<g class="song"><title>{}</title><circle cx="{:.1f}" cy="{:.1f}" r="3.5"/></g>').format(words, x, y)
        )
    alt = (
        f"Predictions against labels of {len(drawn_songs(scores))} songs for {name}; CCC {scores.ccc[name]}. The "
        "dashed line is perfect agreement."
    )
    return _svg((400, 400), alt, [*parts, _names(f"{name}: label", f"{name}: prediction")])


def _svg(shape: tuple[int, int], alt: str, parts: Sequence[Markup]) -> Markup:
    opening = Markup(
        '<svg class="drawing" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">'
    ).format(*shape, *shape, alt)
    return opening + Markup("").join(parts) + Markup("</svg>")


def _axes(
    shape: tuple[int, int],
    x: Sequence[tuple[float, float]],
    y: Sequence[tuple[float, float]],
    *,
    names: tuple[str, str],
    top: float,
) -> Markup:
    """Lines and numbers of two axes; those of the first end at `top`."""
    width, height = shape
    parts = [
        Markup('<text class="axis" x="{}" y="{}" text-anchor="end">{}</text>').format(
            width - _RIGHT, height - 6, names[0]
        ),
        Markup('<text class="axis" x="4" y="12">{}</text>').format(names[1]),
    ]
    for at, value in x:
        parts.append(
            Markup(
                '<line class="grid" x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}"/>'
                '<text class="axis" x="{0:.1f}" y="{3}" text-anchor="middle">{4:g}</text>'
            ).format(at, top, height - _BOTTOM, height - _BOTTOM + 16, value)
        )
    for at, value in y:
        parts.append(
            Markup(
                '<line class="grid" x1="{1}" y1="{0:.1f}" x2="{2}" y2="{0:.1f}"/>'
                '<text class="axis" x="{3}" y="{4:.1f}" text-anchor="end">{5:g}</text>'
            ).format(at, _LEFT, width - _RIGHT, _LEFT - 6, at + 4, value)
        )
    return Markup("").join(parts)


def _label(label: str, x: float, y: float, width: float, taken: list[tuple[float, float, float, float]]) -> Markup:
    """The label of a point, with a line to it where it had to be moved."""
    left, base = _place(label, x, y, width, taken)
    text = Markup('<text x="{:.1f}" y="{:.1f}">{}</text>').format(left, base, label)
    if abs(base - y - 4) <= _LINE:
        return text
    near = left if left > x else left + _LETTER * len(label)
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(x, y, near, base - 4) + text


def _place(
    label: str, x: float, y: float, width: float, taken: list[tuple[float, float, float, float]]
) -> tuple[float, float]:
    """Where a label begins, and its base line: beside its point, or moved down or up until no other is in its way."""
    long = _LETTER * len(label)
    left = x + 9 if x + 9 + long <= width else max(0.0, x - 9 - long)
    for step in range(40):
        base = y + 4 + (-1) ** step * (step + 1) // 2 * _LINE
        box = (left, base - _LINE + 2, left + long, base + 2)
        if base >= _LINE and not any(
            box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken
        ):
            break
    taken.append(box)
    return left, base


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Ends of a logarithmic axis: a little beyond the values, at least a factor of four apart."""
    low, high = min(values) / 1.5, max(values) * 1.5
    return (low, high) if high / low >= 4 else (math.sqrt(low * high) / 2, math.sqrt(low * high) * 2)


def _ticks(low: float, high: float) -> list[float]:
    """Numbers that are 1, 2 or 5 times a power of ten."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found = [step * 10.0**power for power in range(first, last + 1) for step in (1, 2, 5)]
    inside = [value for value in found if low <= value <= high]
    return inside if len(inside) <= 7 else [value for value in inside if f"{value:e}"[0] == "1"] or inside[::3]


def _share(value: float, low: float, high: float) -> float:
    return (math.log(max(value, low)) - math.log(low)) / (math.log(high) - math.log(low))


def _at(x: float, y: float) -> tuple[float, float]:
    """A point of the plane, from -1 to 1, in a square of 400."""
    return 40 + (x + 1) / 2 * 350, 10 + (1 - y) / 2 * 350


def _square() -> Markup:
    parts = []
    for value in (-1, -0.5, 0, 0.5, 1):
        x, y = _at(value, value)
        strong = " strong" if value == 0 else ""
        parts.append(
            Markup(
                '<line class="grid{0}" x1="{1:.1f}" y1="10" x2="{1:.1f}" y2="360"/>'
                '<line class="grid{0}" x1="40" y1="{2:.1f}" x2="390" y2="{2:.1f}"/>'
                '<text class="axis" x="{1:.1f}" y="375" text-anchor="middle">{3:g}</text>'
                '<text class="axis" x="34" y="{4:.1f}" text-anchor="end">{3:g}</text>'
            ).format(strong, x, y, value, y + 4)
        )
    return Markup("").join(parts)


def _names(x: str, y: str) -> Markup:
    return Markup(
        '<text class="axis" x="215" y="394" text-anchor="middle">{}</text>'
        '<text class="axis" transform="translate(9 185) rotate(-90)" text-anchor="middle">{}</text>'
    ).format(x, y)
