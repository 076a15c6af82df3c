"""A map of a dictionary that the reader explores with mouse, finger or keys, without a network.

One piece of HTML holds everything: the drawing, its data, the pictures, style and script. Where
scripts do not run, the drawing stays, and each dot says its numbers in a tooltip.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.stats import rankdata

from strata.atlas.pictures import RAMP, check_images, top_images
from strata.atlas.script import SCRIPT, STYLE
from strata.atlas.sprites import Sheet, sprite_sheet

SIDE = 400
MARGIN = 16
SHADES = [to_hex(colour) for colour in colormaps[RAMP](np.linspace(0, 1, 64))]
MISSING = "#c9ccd0"
LARGEST_CLASSES = 3


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Features as dots, coloured by one of their values, with a card for the chosen one.

    The last expression of a notebook cell shows it.

    Attributes
    ----------
    places : ndarray, shape (k, 2)
        In the unit square, see `strata.atlas.places.layout`.
    values : mapping of str to ndarray, shape (k,)
        What dots are coloured by and cards list, such as K, importance, prevalence. The first is
        shown first, and the arrow keys follow the present one from low to high. What is not
        finite is drawn gray.
    by_rank : sequence of str
        Values coloured by their rank, for those with a long tail; the others on a linear scale.
    numbers : sequence of int, optional
        Numbers of the features; 0 to k - 1 by default.
    codes : ndarray, shape (n, k), optional
        Needed for pictures and classes. An image counts for a feature only with a code above 0.
    images : ndarray, shape (n, 3, h, w), uint8, optional
        Without them the card has no pictures: not every set may be copied into a book.
    labels : ndarray of int, shape (n,), optional
        Class of each image; the card says what the top images are.
    classes : sequence of str
        Names of the classes.
    shown : int
        Pictures a feature.
    counted : int
        Top images whose classes are counted.
    title : str
        What the map shows, in a few words.

    Raises
    ------
    ValueError
        Shapes do not go together, a place is not in the unit square, there is no value, images or
        labels come without codes, images are not uint8 in colour, a label has no class, or a
        number of images is out of range.
    """

    places: NDArray[np.floating]
    values: Mapping[str, NDArray[np.floating]]
    by_rank: Sequence[str] = ()
    numbers: Sequence[int] | None = None
    codes: NDArray[np.floating] | None = None
    images: NDArray[np.uint8] | None = None
    labels: NDArray[np.integer] | None = None
    classes: Sequence[str] = ()
    shown: int = 6
    counted: int = 50
    title: str = "Map of the features"

    def __post_init__(self) -> None:
        k = len(self.places)
        if k == 0 or np.shape(self.places) != (k, 2):
            raise ValueError(f"places must have the shape (k, 2), not {np.shape(self.places)}")
        if not (np.min(self.places) >= 0 and np.max(self.places) <= 1):
            raise ValueError("a place is not in the unit square")
        if not self.values:
            raise ValueError("no value to colour the features by")
        for name, value in self.values.items():
            if np.shape(value) != (k,):
                raise ValueError(f"{name} has the shape {np.shape(value)}, not ({k},)")
        if unknown := set(self.by_rank) - set(self.values):
            raise ValueError(f"by_rank names no value: {', '.join(sorted(unknown))}")
        if self.numbers is not None and len(self.numbers) != k:
            raise ValueError(f"{len(self.numbers)} numbers for {k} features")
        if self.codes is not None:
            self._check_images(self.codes)
        elif self.images is not None or self.labels is not None:
            raise ValueError("images and labels need the codes")

    def _check_images(self, codes: NDArray[np.floating]) -> None:
        k, n = len(self.places), len(codes)
        if n == 0 or np.shape(codes) != (n, k):
            raise ValueError(f"codes have the shape {np.shape(codes)}, not (n, {k})")
        if self.images is not None:
            check_images(self.images, codes)
            if not 1 <= self.shown <= n:
                raise ValueError(f"shown must be from 1 to {n}, not {self.shown}")
        if self.labels is not None:
            if np.shape(self.labels) != (n,):
                raise ValueError(f"labels have the shape {np.shape(self.labels)}, not ({n},)")
            if np.min(self.labels) < 0 or np.max(self.labels) >= len(self.classes):
                raise ValueError(f"labels go beyond the {len(self.classes)} classes")
            if self.counted < 1:
                raise ValueError(f"counted must be at least 1, not {self.counted}")

    def html(self) -> str:
        """Give the map as one piece of HTML that needs nothing else."""
        values = [_value(n, np.asarray(v), n in self.by_rank) for n, v in self.values.items()]
        sheet = self._sheet()
        composition = self._composition()
        data = {
            "numbers": self._numbers(),
            "values": values,
            "classes": composition,
            "parts": max(map(len, composition), default=0),
            "sheet": [sheet.across, sheet.down] if sheet else None,
            "ramp": SHADES,
            "missing": MISSING,
        }
        # Inside a script element only "<" can end it, or open a comment.
        text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        options = "".join(f"<option>{escape(name)}</option>" for name in self.values)
        return (
            f'<div class="strata-map" role="group" aria-label="{escape(self.title)}">'
            f"<style>{STYLE}</style>"
            f'<div class="plot"><div class="head"><span>{escape(self.title)}</span>'
            f'<label class="live" hidden>Colour: <select>{options}</select></label></div>'
            f"{self._drawing(values)}{_bar(values[0])}"
            '<p class="note">Neighbours point in similar directions; the axes mean nothing.'
            '<span class="live" hidden> Point at a dot or tap it. The arrow keys go from low to'
            " high.</span></p></div>"
            f'<div class="panel live" aria-live="polite" hidden>{self._card(sheet)}</div>'
            f'<script type="application/json" class="data">{text}</script>'
            f"<script>{SCRIPT}</script></div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        words = f"map of {len(self.places)} features, by {', '.join(self.values)}"
        return {"text/plain": words, "text/html": self.html()}

    def _numbers(self) -> list[int]:
        return [int(n) for n in (range(len(self.places)) if self.numbers is None else self.numbers)]

    def _drawing(self, values: list[dict[str, Any]]) -> str:
        """The dots, each with its numbers as a title."""
        radius = float(np.clip(60 / np.sqrt(len(self.places)), 3, 8))
        inner = SIDE - 2 * MARGIN
        dots = []
        for i, (number, (x, y)) in enumerate(zip(self._numbers(), self.places, strict=True)):
            words = ", ".join(f"{value['name']} {value['texts'][i]}" for value in values)
            fraction = values[0]["fractions"][i]
            fill = MISSING if fraction is None else SHADES[round(fraction * (len(SHADES) - 1))]
            dots.append(
                f'<circle class="dot" role="option" cx="{MARGIN + inner * x:.1f}" '
                f'cy="{SIDE - MARGIN - inner * y:.1f}" r="{radius:.1f}" fill="{fill}">'
                f"<title>feature {number}: {escape(words)}</title></circle>"
            )
        return (
            f'<svg viewBox="0 0 {SIDE} {SIDE}" role="listbox" '
            f'aria-label="{escape(self.title)}, one dot a feature">{"".join(dots)}'
            f'<circle class="ring" r="{radius + 3:.1f}" cx="-50" cy="-50"/></svg>'
        )

    def _card(self, sheet: Sheet | None) -> str:
        parts = ['<p class="name"></p>']
        if sheet:
            parts.append(
                f'<div class="pictures" role="img" aria-label="the {self.shown} images with the '
                f'largest codes" style="aspect-ratio:{sheet.width}/{sheet.height};'
                f"background-size:{100 * sheet.across}% {100 * sheet.down}%;"
                f'background-image:url({sheet.uri})"></div>'
                f'<p class="note">The {self.shown} images with the largest codes.</p>'
            )
        parts.append('<div class="rows facts"></div>')
        if self.labels is not None:
            parts.append(f'<p class="note">Classes of its top images, at most {self.counted}:</p>')
            parts.append('<div class="rows classes"></div>')
        return "".join(parts)

    def _sheet(self) -> Sheet | None:
        if self.images is None or self.codes is None:
            return None
        return sprite_sheet(self.images, self.codes, self.shown)

    def _composition(self) -> list[list[tuple[str, float]]]:
        """Shares of the most frequent classes among the top images of each feature."""
        if self.labels is None or self.codes is None:
            return []
        best = top_images(self.codes, min(self.counted, len(self.codes)))
        rows = []
        for feature, images in enumerate(best):
            active = [i for i in images if self.codes[i, feature] > 0]
            counts = Counter(int(self.labels[i]) for i in active)
            ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            shares = [(self.classes[c], n / len(active)) for c, n in ranked[:LARGEST_CLASSES]]
            if rest := ranked[LARGEST_CLASSES:]:
                others = f"{len(rest)} more" if len(rest) > 1 else self.classes[rest[0][0]]
                shares.append((others, sum(n for _, n in rest) / len(active)))
            rows.append(shares)
        return rows


def _value(name: str, value: NDArray[np.floating], by_rank: bool) -> dict[str, Any]:
    """One value as the script reads it: texts, places on the colour bar, ticks."""
    known = np.isfinite(value)
    found = np.sort(value[known])
    low, high = (float(found[0]), float(found[-1])) if len(found) else (0.0, 0.0)
    fractions = np.full(len(value), 0.5)
    if by_rank and high > low:
        fractions[known] = (rankdata(value[known]) - 1) / (len(found) - 1)
        quarters = np.linspace(0, 1, 5)
        ticks = [(float(q), f"{np.quantile(found, q):.2g}") for q in quarters]
    elif high > low:
        fractions[known] = (value[known] - low) / (high - low)
        round_numbers = MaxNLocator(5).tick_values(low, high)
        inside = [t if abs(t) > 1e-9 * (high - low) else 0.0 for t in round_numbers]
        ticks = [((t - low) / (high - low), f"{t:g}") for t in inside if low <= t <= high]
    else:
        ticks = [(0.5, f"{low:.3g}")] if len(found) else []
    scale = f"{name}, from the lowest to the highest rank" if by_rank else name
    return {
        "name": name,
        "texts": [f"{v:.3g}" if ok else "none" for v, ok in zip(value, known, strict=True)],
        "fractions": [
            round(float(f), 6) if ok else None for f, ok in zip(fractions, known, strict=True)
        ],
        "ticks": ticks,
        "scale": scale if known.all() else f"{scale} (gray: none)",
    }


def _bar(value: dict[str, Any]) -> str:
    """The colour bar with its ticks and its name."""
    ticks = "".join(
        f'<span style="left:{100 * place:.1f}%">{text}</span>' for place, text in value["ticks"]
    )
    return (
        f'<div class="bar"><div class="strip" '
        f'style="background:linear-gradient(to right,{",".join(SHADES[::3])})"></div>'
        f'<div class="ticks">{ticks}</div><div class="scale">{escape(value["scale"])}</div></div>'
    )
