"""Seeds: the same everywhere, different by name, and no state but the one asked for."""

import hashlib
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from strata.seeding import numpy_generator, seed_everything, torch_generator


@pytest.fixture
def _global_state():
    """Leave the global random states and the determinism switch as they were."""
    python, torch_state = random.getstate(), torch.get_rng_state()
    numpy_state = np.random.get_state()  # noqa: NPY002 - the subject of the test
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield
    random.setstate(python)
    np.random.set_state(numpy_state)  # noqa: NPY002 - as above
    torch.set_rng_state(torch_state)
    torch.use_deterministic_algorithms(deterministic)


def _draws():
    return random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002 - as above


@pytest.mark.usefixtures("_global_state")
def test_seed_everything_repeats_all_three_states():
    seed_everything(7)
    first = _draws()
    assert _draws() != first
    seed_everything(7)
    assert _draws() == first
    assert torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match="seed must be"):
        seed_everything(seed)


def test_generators_are_the_same_in_another_process_and_version():
    # The rule by hand: it may never change, or every stored result would.
    parts = b"".join(len(p).to_bytes(8, "little") + p for p in (b"str:init", b"int:0"))
    seed = int.from_bytes(hashlib.sha256(parts).digest()[:8], "little")
    assert torch_generator("init", 0).initial_seed() == seed
    code = "from strata.seeding import *; print(numpy_generator('data', 3).integers(2**62))"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(there.stdout) == numpy_generator("data", 3).integers(2**62)


def test_a_family_of_seeds_is_another_draw_of_everything(monkeypatch):
    usual = torch_generator("init", 0).initial_seed()
    drawn = {usual}
    for family in ("1", "2"):
        monkeypatch.setenv("STRATA_SEEDS", family)
        drawn.add(torch_generator("init", 0).initial_seed())
        assert torch_generator("init", 0).initial_seed() in drawn
    assert len(drawn) == 3
    monkeypatch.setenv("STRATA_SEEDS", "0")
    assert torch_generator("init", 0).initial_seed() == usual
    monkeypatch.setenv("STRATA_SEEDS", "one")
    with pytest.raises(ValueError, match="STRATA_SEEDS"):
        torch_generator("init", 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [((1,), ("1",)), (("a", "b"), ("ab",)), (("a", 1), (1, "a")), (("a",), ("a", ""))],
)
def test_different_parts_give_different_streams(one, other):
    assert torch_generator(*one).initial_seed() != torch_generator(*other).initial_seed()
    assert numpy_generator(*one).random() != numpy_generator(*other).random()


def test_generators_leave_the_global_state_alone():
    before = torch.get_rng_state()
    torch.rand(3, generator=torch_generator(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("make", [torch_generator, numpy_generator])
def test_bad_parts_are_refused(make):
    with pytest.raises(ValueError, match="at least one part"):
        make()
    for part in (True, 1.0, None):
        with pytest.raises(TypeError, match="int and str"):
            make(part)
