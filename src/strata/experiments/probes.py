"""What can be read off a layer linearly: a probe, the same in all experiments."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

MAX_ITER = 5000


def logistic_probe(h: NDArray[np.float64], y: NDArray[np.int64]) -> Pipeline:
    """Fit a logistic regression (L2, C = 1) on the standardised features h (n, d)."""
    # L-BFGS from zero has no randomness. It stops long before MAX_ITER, and warns if not.
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=MAX_ITER)).fit(h, y)
