"""Images of the set `shapes` a second on one core, against a drawing library's way."""

import numpy as np
import pytest
from benching import in_turns
from PIL import Image, ImageDraw

from strata.data.shapes import make_shapes
from strata.data.shapes.rendering import ARM, REACH, STEP

pytestmark = pytest.mark.benchmark

ENOUGH = 3000
"""Images of 32 px a second, on a slow machine."""
FINE = 4
"""The library has no soft edges: it draws 4 times as large and averages."""


def drawn(shapes, i, size):
    """The objects of image i on its gray, without texture and pattern: a part of the work."""
    f = {name: values[i] for name, values in shapes.factors.items()}
    scale = FINE * size
    turns = np.radians(f["hue_angle"] - np.array([0, 120, 240]))
    colour = tuple(int(255 * (0.42 + 0.33 * c)) for c in np.cos(turns))
    gray = (int(255 * f["level"]),) * 3
    picture = Image.new("RGB", (scale, scale), gray)
    brush, r = ImageDraw.Draw(picture), f["radius"] * scale
    step = (2 * f["order"] - 1) * STEP * r * np.array([1 - f["axis"], f["axis"]])
    centre = np.array([f["x"], f["y"]]) * scale

    def box(middle, half_x, half_y):
        half = np.array([half_x, half_y])
        return [*(middle - half), *(middle + half)]

    main, ring = centre + step, centre - step
    match shapes.names["shape"][f["shape"]]:
        case "disc":
            brush.ellipse(box(main, r, r), fill=colour)
        case "square":
            brush.rectangle(box(main, r * np.sqrt(np.pi) / 2, r * np.sqrt(np.pi) / 2), fill=colour)
        case "triangle":
            across = REACH * r * np.sqrt(0.75)
            (x, y), half = main, REACH * r / 2
            corners = [(x, y - 2 * half), (x + across, y + half), (x - across, y + half)]
            brush.polygon(corners, fill=colour)
        case "cross":
            brush.rectangle(box(main, ARM * r, ARM / 3 * r), fill=colour)
            brush.rectangle(box(main, ARM / 3 * r, ARM * r), fill=colour)
    outer = r * np.sqrt(4 / 3)
    brush.ellipse(box(ring, outer, outer), fill=colour)
    brush.ellipse(box(ring, outer / 2, outer / 2), fill=gray)
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX)).transpose(2, 0, 1)


@pytest.mark.parametrize("size", [32, 64])
def test_a_core_draws_thousands_of_images_a_second(size, bench_record, bench_compare):
    n, few = 4000, 300
    plain = {"texture": ("plain",), "background": ("plain",)}
    same = make_shapes(few, np.random.default_rng(0), size=size, partner="ring", levels=plain)
    least, results = in_turns(
        2,
        ours=lambda: make_shapes(n, np.random.default_rng(0), size=size),
        library=lambda: np.stack([drawn(same, i, size) for i in range(few)]),
    )
    ours, library = least["ours"] / n, least["library"] / few
    difference = np.abs(results["library"] - same.images.astype(float)).mean() / 255
    bench_compare(
        f"shapes-{size}",
        size=f"a thousand images of {size} px",
        dtype="float32",
        ours=1000 * ours,
        theirs=1000 * library,
        difference=difference,
    )
    bench_record(
        f"image set shapes, {size} px",
        **{
            "library's way, drawn one by one without patterns (images/s)": 1 / library,
            "in batches, complete (images/s)": 1 / ours,
            "times faster": library / ours,
            "mean difference of the pictures, without patterns": difference,
        },
    )
    assert difference < 0.01
    assert 1 / ours >= ENOUGH * (32 / size) ** 2
    assert library / ours >= 1.3
