"""The one figure style of the book, and the drawing functions that chapters share."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from strata.statistics import mean_interval

_OKABE_ITO = sns.color_palette("colorblind").as_hex()

COLOURS = {
    "trained": _OKABE_ITO[0],
    "initial": _OKABE_ITO[1],
    "second task": _OKABE_ITO[2],
    "third task": _OKABE_ITO[5],
    "early": _OKABE_ITO[4],
    "kernel": _OKABE_ITO[9],
    "probe": _OKABE_ITO[3],
    "simple": _OKABE_ITO[0],
    "complex": _OKABE_ITO[3],
    "all": "#222222",
    "important": _OKABE_ITO[4],
    "null": "#8a8a8a",
    "published": "#555555",
    "chance": "#8a8a8a",
}
"""One colour for one thing, in every chapter."""

MARKERS = {
    "trained": "o",
    "initial": "s",
    "second task": "^",
    "third task": "v",
    "early": "D",
    "kernel": "X",
    "probe": "P",
    "simple": "o",
    "complex": "^",
    "all": "s",
    "important": "D",
    "null": "X",
}

COMPLEXITY = "viridis"
"""Colours from simple (dark) to complex (light), safe for colour-blind readers."""


INTERVAL = "band: 95 % t interval over seeds"

SIGNED = LinearSegmentedColormap.from_list("signed", ["#0072b2", "#f7f7f7", "#d55e00"])
"""Diverging map for fields with a sign, safe for colour-blind readers."""


def use_style() -> None:
    """Set the book's style for every figure that follows: white paper, readable at 700 px."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind")
    mpl.rcParams |= {
        "figure.figsize": (7.0, 4.2),
        "figure.dpi": 130,
        "savefig.bbox": "tight",
        "figure.constrained_layout.use": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.labelsize": 11,
        "legend.fontsize": 9,
        "legend.title_fontsize": 8,
        "legend.frameon": True,
        "svg.hashsalt": "strata",
    }


def shades(values: Sequence[float]) -> dict[float, str]:
    """Give growing values, such as depths, colours from dark to light."""
    ramp = sns.color_palette("viridis", len(values) + 1).as_hex()
    return dict(zip(values, ramp, strict=False))


def curve(
    ax: Axes, x: ArrayLike, rows: ArrayLike, *, kind: str, label: str, colour: str | None = None
) -> None:
    """Draw a mean curve with its interval over seeds and, faintly, every seed.

    Parameters
    ----------
    ax : Axes
    x : array_like, shape (places,)
    rows : array_like, shape (seeds, places)
    kind : str
        A key of ``COLOURS``; it sets colour and marker.
    label : str
        For the legend.
    colour : str, optional
        Instead of the kind's, for one of a family of curves.
    """
    values: NDArray[np.float64] = np.asarray(rows, dtype=np.float64)
    places = np.asarray(x)
    intervals = [mean_interval(column) for column in values.T]
    colour = colour or COLOURS[kind]
    ax.plot(places, values.T, color=colour, alpha=0.18, linewidth=0.8)
    ax.fill_between(
        places,
        [e.low for e in intervals],
        [e.high for e in intervals],
        color=colour,
        alpha=0.2,
        linewidth=0,
    )
    ax.plot(places, values.mean(axis=0), color=colour, marker=MARKERS[kind], label=label)


def published_curve(
    ax: Axes, x: ArrayLike, y: ArrayLike, label: str = "study, one seed", style: str = "--"
) -> None:
    """Draw a digitised curve of the study behind ours."""
    ax.plot(
        x, y, color=COLOURS["published"], linestyle=style, linewidth=1.4, label=label, zorder=1.5
    )


def count_axis(ax: Axes, label: str) -> None:
    """Make the horizontal axis one of whole numbers."""
    ax.set_xlabel(label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def field(ax: Axes, values: ArrayLike, *, title: str, contour: ArrayLike | None = None) -> None:
    """Draw a function on the square [-1, 1]^2 with its own symmetric colour scale.

    Parameters
    ----------
    values : array_like, shape (side, side)
        Row by row from x2 = -1 upwards.
    contour : array_like, shape (side, side), optional
        Labels of the task; their boundary is drawn as a thin line.
    """
    image = np.asarray(values, dtype=np.float64)
    limit = float(np.abs(image).max()) or 1.0
    extent = (-1.0, 1.0, -1.0, 1.0)
    ax.imshow(image, origin="lower", extent=extent, cmap=SIGNED, vmin=-limit, vmax=limit)
    if contour is not None:
        side = np.linspace(-1, 1, len(np.asarray(contour)))
        ax.contour(side, side, np.asarray(contour), levels=[0], colors="black", linewidths=0.7)
    ax.set_title(title, fontsize=8)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
