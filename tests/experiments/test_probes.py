"""The linear probe: a rule that is there is found, whatever the scale of the features."""

import numpy as np

from strata.experiments.probes import logistic_probe


def test_a_probe_does_not_depend_on_the_scale_of_the_features():
    rng = np.random.default_rng(0)
    h, y = rng.normal(size=(200, 3)), rng.choice([-1, 1], size=200)
    scaled = h * [1e-3, 1.0, 1e4] + [5.0, -2.0, 7.0]
    predicted = logistic_probe(h, y).predict(h)
    assert np.array_equal(logistic_probe(scaled, y).predict(scaled), predicted)


def test_a_probe_finds_a_linear_rule_and_takes_a_dead_feature():
    rng = np.random.default_rng(0)
    h = np.column_stack([rng.normal(size=(400, 2)), np.zeros(400)])
    y = np.where(h[:, 0] > 2 * h[:, 1], 1, -1)
    model = logistic_probe(h, y)
    assert np.mean(model.predict(h) == y) > 0.97
    assert model[-1].coef_[0, 2] == 0
