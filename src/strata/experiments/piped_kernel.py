"""The piped kernel: a net cut in two, its second half replaced by regression with that half's NTK.

The study left this experiment unfinished. If the second half of a net is a tunnel, a kernel machine
in its place loses nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge

from strata.data.toy import Toy
from strata.experiments.probes import logistic_probe
from strata.measures.ntk import empirical_ntk
from strata.nets.mlp import MLP

LOGIT = 0
RIDGE = 1e-4
"""Ridge of the regression, as a share of the kernel's mean diagonal."""


def tunnel_of(net: MLP, cut: int) -> MLP:
    """Copy the maps from ``cut`` on into a net of their own: from h_cut to the logits.

    Raises
    ------
    ValueError
        If ``cut`` is not the index of a map of the net.
    """
    if not 0 <= cut < len(net.layers):
        raise ValueError(f"the net has the maps 0..{len(net.layers) - 1}, not {cut}")
    tunnel = _fresh(net, cut, torch.Generator())
    for layer, source in zip(tunnel.layers, net.layers[cut:], strict=True):
        layer.load_state_dict(source.state_dict())
    return tunnel


def piped_accuracies(
    net: MLP, train_set: Toy, test_set: Toy, *, points: int, generator: torch.Generator
) -> dict[str, list[float]]:
    """Accuracy on the test set of what replaces the maps from each cut on.

    Parameters
    ----------
    net
        In float64. Cut l keeps its maps 0..l-1, so that h_l is what the replacement sees.
    train_set, test_set
        The replacements are fitted on the first `points` of the training set.
    points
        Number of them.
    generator
        Of the weights of the fresh tunnels.

    Returns
    -------
    dict
        A list over the cuts 0..L each: ``piped_fresh`` (ridge regression of the signs with the NTK
        of a tunnel drawn anew), ``piped_trained`` (with the NTK of the trained tunnel) and
        ``probe`` (logistic regression on h_l, standardised).
    """
    y, truth = train_set.y[:points], test_set.y
    with torch.no_grad():
        seen = net.representations(torch.tensor(train_set.x[:points]))
        asked = net.representations(torch.tensor(test_set.x))
    found: dict[str, list[float]] = {"piped_fresh": [], "piped_trained": [], "probe": []}
    for cut, (h, h_test) in enumerate(zip(seen, asked, strict=True)):
        tunnels = {
            "piped_fresh": _fresh(net, cut, generator),
            "piped_trained": tunnel_of(net, cut),
        }
        for name, tunnel in tunnels.items():
            answers = _regression(tunnel, h, y, h_test)
            found[name].append(float((np.sign(answers) == truth).mean()))
        probe = logistic_probe(h.numpy(), y)
        found["probe"].append(float((probe.predict(h_test.numpy()) == truth).mean()))
    return found


def _fresh(net: MLP, cut: int, generator: torch.Generator) -> MLP:
    return MLP(
        net.widths[cut:],
        generator=generator,
        activation=net.activation,
        dtype=net.layers[0].weight.dtype,
    )


def _regression(
    tunnel: MLP, h: torch.Tensor, y: NDArray[np.int64], h_test: torch.Tensor
) -> NDArray[np.float64]:
    kernel = empirical_ntk(tunnel, h, output=LOGIT)
    ridge = RIDGE * float(kernel.diagonal().mean())
    fitted = KernelRidge(alpha=ridge, kernel="precomputed").fit(kernel.numpy(), y)
    return fitted.predict(empirical_ntk(tunnel, h_test, h, output=LOGIT).numpy())
