"""What a profile would need: by hand for the study's own sizes, and as small ones really are."""

import math

import pytest
import torch

from strata.experiments import features
from strata.experiments.costs import Speeds
from strata.experiments.feature_costs import ITERATIONS, atoms_of, requirements
from strata.measures.codes import nnls
from strata.measures.dictionary import classwise_nmf, nmf
from strata.nets.resnet import resnet50
from strata.nets.taps import activations
from strata.training.images import flat_state

SMALL = {
    "data": ["shapes"],
    "seeds": 2,
    "size": 32,
    "stem": "small",
    "width": 8,
    "training_images": 512,
    "held_out_images": 240,
    "epochs": 3,
    "batch_size": 32,
    "learning_rate": 0.1,
    "milestones": [],
    "dtype": "float32",
    "checkpoints": [0, 1, 3],
    "larger": None,
    "atoms": 16,
    "atoms_per_class": 1,
    "dictionaries": ["joint"],
    "dictionary_seeds": 1,
    "rows": 400,
    "grids": [1, 2],
}
PAPER = SMALL | {
    "data": ["imagenet"],
    "seeds": 1,
    "size": 224,
    "stem": "standard",
    "width": 64,
    "training_images": 1_200_000,
    "held_out_images": 20_000,
    "epochs": 90,
    "batch_size": 256,
    "learning_rate": 0.7,
    "milestones": [30, 60, 80],
    "dtype": "bfloat16",
    "checkpoints": [0, 1, 90],
    "atoms": 10_000,
    "atoms_per_class": 10,
    "rows": 58_800_000,
    "grids": [1],
}
"""One net of the study, with dictionaries at three epochs."""
LARGER = {
    "width": 16,
    "training_images": 1000,
    "held_out_images": 300,
    "epochs": 4,
    "batch_size": 32,
    "learning_rate": 0.1,
    "dtype": "float32",
    "checkpoints": [0, 2, 4],
}


def found(settings, change=None, **options):
    parameters = features.Parameters(**(settings | (change or {})))
    return {stage.stage: stage for stage in requirements(parameters, **options).stages}


def test_the_sizes_of_the_study_by_hand():
    stages = found(PAPER)
    d, k, rows, n = 2048, 10_000, 58_800_000, 20_000
    assert stages["training"].count == 90 * 1_200_000
    assert stages["training"].multiply_adds == pytest.approx(3 * 90 * 1.2e6 * 4.09e9, rel=1e-3)
    assert stages["dictionaries"].count == 3
    assert stages["dictionaries"].multiply_adds == 3 * ITERATIONS * rows * k * (3 * d + 2 * k)
    assert stages["dictionaries"].memory_gb == 4 * rows * (d + k) / 1e9
    # 2.8 terabytes at once, and a few gigabytes when the rows come in batches.
    assert 2500 < stages["dictionaries"].memory_gb < 3000
    assert stages["dictionaries"].streamed_gb < 2
    assert stages["images"].memory_gb == 3 * 224**2 * 1_220_000 / 1e9
    assert stages["codes"].count == 3 * n
    assert stages["codes"].disk_gb == 3 * (4 * (n * k + k * d) + 8 * k * 1000) / 1e9
    assert stages["probes"].count == 3 * 16 * 2
    # Forward passes: accuracy, images for the dictionary, and their codes.
    assert stages["activations"].count == 3 * (n + 1_200_000 + n)
    assert stages["activations"].memory_gb == 4 * 15_104 * n / 1e9


def test_hours_are_twice_the_work_over_the_speed():
    speeds = Speeds(bfloat16=2e12, float32=1e12, float64=1e10)
    stages = found(PAPER, speeds=speeds)
    for name, speed in (("training", 2e12), ("dictionaries", 1e12), ("probes", 1e10)):
        stage = stages[name]
        assert stage.gpu_hours == pytest.approx(2 * stage.multiply_adds / speed / 3600)
    fast = found(PAPER, {"dtype": "float32"}, speeds=speeds)["training"]
    assert fast.gpu_hours == pytest.approx(2 * stages["training"].gpu_hours)
    assert fast.multiply_adds == stages["training"].multiply_adds


@pytest.mark.parametrize(
    ("change", "times"),
    [
        ({"seeds": 4}, dict.fromkeys(("training", "dictionaries", "codes", "probes"), 2)),
        ({"epochs": 6, "checkpoints": [0, 1, 6]}, {"training": 2, "dictionaries": 1, "codes": 1}),
        ({"training_images": 1024}, {"training": 2, "probes": 1}),
        ({"held_out_images": 480}, {"codes": 2, "dictionaries": 1}),
        ({"rows": 800}, {"dictionaries": 2, "codes": 1, "training": 1}),
        ({"dictionary_seeds": 2}, {"dictionaries": 4 / 3, "codes": 4 / 3, "training": 1}),
    ],
)
def test_work_is_linear_in_what_is_done_more_often(change, times):
    before, after = found(SMALL), found(SMALL, change)
    for name, factor in times.items():
        assert after[name].multiply_adds == pytest.approx(factor * before[name].multiply_adds)
        assert after[name].gpu_hours == pytest.approx(factor * before[name].gpu_hours)


def test_small_sizes_are_those_of_arrays_that_are_really_there():
    stages = found(SMALL)
    net = resnet50(16, stem="small", width=8, generator=torch.Generator().manual_seed(0))
    images = torch.randint(256, (240, 3, 32, 32), dtype=torch.uint8)
    held = [*activations(net, images, grid=1).stream, *activations(net, images, grid=2).stream]
    assert stages["activations"].memory_gb == sum(a.nbytes for a in held) / 1e9
    maps = activations(net, images[:100], parts=("penultimate",)).penultimate
    rows = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    dictionary = nmf(rows, 16, max_iter=1)
    assert stages["dictionaries"].memory_gb == (rows.nbytes + dictionary.codes.nbytes) / 1e9
    codes = nnls(maps.mean(dim=(2, 3)), dictionary.atoms)
    one = codes.nbytes * 240 / 100 + dictionary.atoms.nbytes + 8 * 16 * 16
    assert stages["codes"].disk_gb == pytest.approx(6 * one / 1e9)
    assert stages["training"].disk_gb == 2 * 3 * flat_state(net).nbytes / 1e9
    assert stages["images"].memory_gb == pytest.approx(images.nbytes * 752 / 240 / 1e9)


def test_a_classwise_dictionary_costs_less_work_and_as_much_memory():
    change = {"dictionaries": ["joint", "classwise"]}
    joint, both = found(SMALL)["dictionaries"], found(SMALL, change)["dictionaries"]
    assert joint.multiply_adds < both.multiply_adds < 2 * joint.multiply_adds
    assert both.count == 2 * joint.count
    assert both.memory_gb == joint.memory_gb
    config = features.Parameters(**(SMALL | change)).final_features()[1]
    rows, labels = torch.rand(64, 8), torch.arange(64) % 16
    assert atoms_of(config) == len(classwise_nmf(rows, labels, config.atoms).atoms) == 16


def test_the_larger_net_decides_memory_and_adds_its_work():
    usual, more = found(SMALL), found(SMALL, {"larger": LARGER})
    assert more["training"].count == usual["training"].count + 4 * 1000
    assert more["images"].count == 1300
    for name in ("training", "images", "activations", "probes"):
        assert more[name].memory_gb > usual[name].memory_gb


def test_noise_adds_passes_and_codes_for_each_last_epoch():
    quiet, noisy = found(SMALL), found(SMALL, noisy_images=(100, 100, 100))
    for name in ("activations", "codes"):
        assert noisy[name].count == quiet[name].count + 2 * 300
        assert noisy[name].multiply_adds > quiet[name].multiply_adds
        assert noisy[name].disk_gb == quiet[name].disk_gb


def test_no_more_images_are_taken_than_there_are():
    few, many = found(SMALL, {"rows": 4 * 512}), found(SMALL, {"rows": 10**6})
    assert few["dictionaries"] == many["dictionaries"]


def test_the_table_has_a_row_a_stage_and_the_totals_are_theirs():
    needs = requirements(features.Parameters(**PAPER))
    table = needs.table()
    assert table.index.tolist() == [
        "training",
        "images",
        "activations",
        "dictionaries",
        "codes",
        "probes",
    ]
    assert needs.gpu_hours == pytest.approx(table["gpu_hours"].sum())
    assert needs.disk_gb == pytest.approx(table["disk_gb"].sum())
    assert needs.memory_gb == table["memory_gb"].max()
    assert needs.streamed_gb == table["streamed_gb"].max()
    assert (table["streamed_gb"] <= table["memory_gb"]).all()
    assert table["multiply_adds"].map(math.isfinite).all()
