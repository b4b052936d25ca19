"""The figures of `read` as a picture: requests a second, a panel a query, so that each has a scale of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from bench.report import OF_RAW, Results

_INK, _FAINT = "#1f2430", "#8a93a3"
_KITH, _RAW, _PEER = "#c2410c", "#cbd2dc", "#5b7fa6"


def draw(
    results: Results, path: Path, *, queries: Mapping[str, str], servers: Mapping[str, str], note: str
) -> None:
    """Writes a PNG. `queries` and `servers` are titles by name, in their order."""
    shown = [name for name in queries if name in results]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    plt.rcParams.update({"font.family": "sans-serif", "font.size": 10, "text.color": _INK})
    figure, axes = plt.subplots(rows, columns, figsize=(4.6 * columns, 2.75 * rows + 1.2), squeeze=False)
    flat = list(axes.flat)
    for place, name in enumerate(shown):
        _panel(flat[place], queries[name], results[name], servers, named=place % columns == 0)
    for spare in flat[len(shown) :]:
        spare.set_visible(False)
    top = 1 - 0.72 / figure.get_figheight()
    figure.suptitle(
        "Reads a second, one process a server", x=0.012, y=0.985, ha="left", size=15, weight="bold"
    )
    figure.text(0.012, 1 - 0.6 / figure.get_figheight(), note, ha="left", color=_FAINT, size=9.5)
    figure.tight_layout(rect=(0, 0, 1, top), h_pad=2.2, w_pad=1.5)
    figure.savefig(path, dpi=150, facecolor="white")
    plt.close(figure)


def _panel(
    axes: Any, title: str, row: Mapping[str, Mapping[str, float]], servers: Mapping[str, str], *, named: bool
) -> None:
    names = [name for name in servers if name in row]
    rates = [row[name]["rps"] for name in names]
    axes.barh(range(len(names)), rates, height=0.72, color=[_colour(name) for name in names], zorder=2)
    for place, (name, rate) in enumerate(zip(names, rates, strict=True)):
        _label(axes, place, name, rate, max(rates))
    if "raw" in row:
        axes.axvline(OF_RAW * row["raw"]["rps"], color=_INK, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
    axes.set_title(title, loc="left", size=11, weight="bold", pad=6)
    axes.set_xlim(0, max(rates) * 1.2)
    axes.invert_yaxis()
    axes.set_yticks(range(len(names)), [servers[name] for name in names] if named else [])
    axes.tick_params(length=0, colors=_INK)
    axes.set_xticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    _stress(axes.get_yticklabels(), names)


def _label(axes: Any, place: int, name: str, rate: float, most: float) -> None:
    weight = "bold" if name == "kith" else "normal"
    text = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}  # over the dashed line
    axes.text(rate + 0.015 * most, place, text, va="center", size=9.5, weight=weight, bbox=box, zorder=3)


def _stress(labels: Sequence[Any], names: Sequence[str]) -> None:
    for label, name in zip(labels, names, strict=False):
        if name == "kith":
            label.set(weight="bold", color=_KITH)


def _colour(name: str) -> str:
    return {"kith": _KITH, "raw": _RAW}.get(name, _PEER)
