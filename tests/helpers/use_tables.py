"""Made-up tables of what components are good for, as `component_use_tables.table` gives them."""

import numpy as np
import pandas as pd

SEEDS, DEPTHS, SAMPLES, ORDERS = range(5), (4, 8, 16), (50, 150, 450, 1200), (1, 2, 4, 7, 13)
SHAPE = (len(SEEDS), len(DEPTHS), len(SAMPLES), len(ORDERS))
PLACES = np.indices(SHAPE)


def table(data: str = "a", shape: tuple[int, ...] = SHAPE, **columns: np.ndarray) -> pd.DataFrame:
    """All nets of one data set; columns are arrays that fit (seeds, depths, samples, orders)."""
    seeds, depths, samples, orders = (axis.ravel() for axis in np.indices(shape))
    rows = {
        "data": data,
        "seed": seeds,
        "depth": np.array(DEPTHS)[depths],
        "relus": np.array(DEPTHS)[depths],
        "samples": np.array(SAMPLES)[samples],
        "order": np.array(ORDERS)[orders],
    }
    return pd.DataFrame(
        rows | {name: np.broadcast_to(values, shape).ravel() for name, values in columns.items()}
    )
