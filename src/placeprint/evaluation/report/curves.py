"""Draw the figures of a report with matplotlib, as inline SVG.

Colors are those of Okabe and Ito, which color-blind people can distinguish; methods beyond eight repeat them with other
dashes and marks. Points are labeled by the method's number in the table. Text stays text.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from placeprint.evaluation.measures import scaled, unit_of
from placeprint.evaluation.metrics import recall_at
from placeprint.evaluation.report.differences import Comparison, Row

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5D5D5D", "#8C510A")
DASHES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "^", "D")
MAX_RANK = 20
LABEL = 0.05, 0.03
"""Width and height of a label, as shares of the figure."""
SIZE = (5.6, 3.9)
"""Size of a figure in inches."""
COLUMNS, LINE = 2, 0.18
"""Columns of a legend, and the height of its lines in inches."""
NO_ORIGIN = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def recall_figure(comparison: Comparison) -> str:
    """Return recall@k of every method, k from 1 to 20."""

    def draw(axes: Any) -> None:
        ks = np.arange(1, MAX_RANK + 1)
        for row in comparison.measured:
            ranks = (query.first_hit for query in row.result.queries if query.expected)
            hits = np.array([np.inf if rank is None else rank for rank in ranks], np.float64)
            axes.plot(ks, [100 * recall_at(hits, int(k)) for k in ks], label=_label(row), **_style(row))
        axes.set(xlabel="k", ylabel="recall@k, %", xlim=(1, MAX_RANK), xticks=[1, 5, 10, 15, 20])

    return _figure(draw, legend=len(comparison.measured))


def precision_recall_figure(comparison: Comparison) -> str:
    """Return precision against recall of the queries' first answers, by decreasing score."""

    def draw(axes: Any) -> None:
        for row in comparison.measured:
            curve = row.precision_recall
            if curve is not None and len(curve.recall):
                line = _style(row) | {"marker": ""}
                axes.plot(100 * curve.recall, 100 * curve.precision, drawstyle="steps-post", label=_label(row), **line)
        axes.set(xlabel="recall, %", ylabel="precision, %", xlim=(0, 100), ylim=(0, 102))

    return _figure(draw, legend=len(comparison.measured))


def trade_figure(comparison: Comparison, cost: str, label: str, factor: float = 1.0) -> str:
    """Return the metric against a cost, with the Pareto front; empty if no method has a cost.

    Methods at the same point share a label.

    Args:
        comparison: the comparison of the methods.
        cost: one of `differences.COSTS`.
        label: the label of the axis.
        factor: the factor of the costs.
    """
    metric = comparison.metric
    found = [(row, row.value(cost), row.value(metric)) for row in comparison.measured]
    points = [
        (row, factor * price, scaled(metric, value)) for row, price, value in found if price and value is not None
    ]
    if not points:
        return ""

    def draw(axes: Any) -> None:
        from placeprint.evaluation.pareto import pareto_front

        on_front = pareto_front([price for _, price, _ in points], [value for _, _, value in points])
        front = sorted((price, value) for (_, price, value), on_it in zip(points, on_front, strict=True) if on_it)
        axes.step(*zip(*front, strict=True), where="post", color="#9AA0A6", linewidth=1, zorder=1)
        axes.set(xlabel=label, ylabel=", ".join(filter(None, (metric, unit_of(metric)))), xscale="log")
        axes.margins(0.08, 0.1)
        for row, price, value in points:
            style = _style(row)
            axes.scatter([price], [value], s=46, color=style["color"], marker=style["marker"], zorder=2)
        _plain_ticks(axes, [price for _, price, _ in points])
        for numbers, place in _together(axes, [(row.number, price, value) for row, price, value in points]):
            axes.annotate(", ".join(map(str, numbers)), place, (5, 4), textcoords="offset points", fontsize=9)

    return _figure(draw)


def _together(axes: Any, points: Sequence[tuple[int, float, float]]) -> list[tuple[list[int], tuple[float, float]]]:
    """Return the numbers of methods whose labels would overlap, and the position of the rightmost."""
    groups: list[list[tuple[int, float, float]]] = []
    width, height = axes.figure.bbox.size
    for point in points:
        x, y = axes.transData.transform(point[1:])
        for group in groups:
            other = axes.transData.transform(group[0][1:])
            if abs(x - other[0]) < LABEL[0] * width and abs(y - other[1]) < LABEL[1] * height:
                group.append(point)
                break
        else:
            groups.append([point])
    rightmost = (max(group, key=lambda point: point[1])[1:] for group in groups)
    return [([number for number, *_ in group], place) for group, place in zip(groups, rightmost, strict=True)]


def _plain_ticks(axes: Any, prices: Sequence[float]) -> None:
    """Label a logarithmic axis with a few plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    ratio = max(prices) / min(prices)
    locator = LogLocator(subs=(1,) if ratio > 30 else (1, 2, 5)) if ratio > 5 else MaxNLocator(5)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _figure(draw: Callable[[Any], None], *, legend: int = 0) -> str:
    """Return the drawing, with a legend of a number of methods below it."""
    text = rendered(draw, "svg", legend=legend, metadata=NO_ORIGIN).decode()
    return text[text.index("<svg") :]


def rendered(draw: Callable[[Any], None], kind: str, *, legend: int = 0, **options: Any) -> bytes:
    """Return a picture of a drawing in the style of the report.

    Args:
        draw: draws on the axes.
        kind: format of the picture, such as ``"svg"``.
        legend: methods named in a legend below it.
        **options: of matplotlib's `savefig`.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": "placeprint",
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#E3E6EA",
        "axes.edgecolor": "#5F6368",
        "axes.axisbelow": True,
    }
    with mpl.rc_context(settings):
        width, height = SIZE
        figure = Figure(figsize=(width, height + LINE * -(-legend // COLUMNS)), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        if legend:
            figure.legend(loc="outside lower center", ncols=COLUMNS, fontsize=8, frameon=False)
        stream = io.BytesIO()
        figure.savefig(stream, format=kind, **options)
    return stream.getvalue()


def _style(row: Row) -> dict[str, Any]:
    """Return color, dash and mark of a method, by its number."""
    index, turn = (row.number - 1) % len(COLORS), (row.number - 1) // len(COLORS)
    dash, mark = DASHES[turn % len(DASHES)], MARKS[turn % len(MARKS)]
    return {"color": COLORS[index], "linestyle": dash, "marker": mark, "markersize": 3.5, "linewidth": 1.6}


def _label(row: Row) -> str:
    return f"{row.number}  {row.method}"
