"""Nets on images: which there are, what they share, what is kept of them."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from study_a import TINY, parameters, trained

from strata.data.images.location import DataError
from strata.experiments import image_nets
from strata.nets.resnet import standardised

LARGER = {
    "width": 8,
    "training_images": 200,
    "held_out_images": 100,
    "epochs": 2,
    "batch_size": 32,
    "learning_rate": 0.1,
    "dtype": "bfloat16",
    "checkpoints": [0, 1, 2],
}


def test_the_nets_are_all_data_sets_and_seeds_and_one_larger():
    nets = parameters(data=["cifar10", "shapes"], larger=LARGER).nets()
    assert [(net.data, net.seed, net.width) for net in nets] == [
        ("cifar10", 0, 4),
        ("cifar10", 1, 4),
        ("shapes", 0, 4),
        ("shapes", 1, 4),
        ("cifar10", 0, 8),
    ]
    assert [net.schedule.dtype for net in nets] == ["float32"] * 4 + ["bfloat16"]
    assert [net.schedule.flip for net in nets] == [True, True, False, False, True]


def test_steps_or_a_cosine():
    (cosine, *_), (steps, *_) = (parameters(milestones=m).nets() for m in ([], [1]))
    assert (cosine.schedule.decay, steps.schedule.decay) == ("cosine", "step")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ["shapes", "shapes"]}, "once"),
        ({"data": ["mnist"]}, "shapes"),
        ({"checkpoints": [0, 1, 3]}, "from 0 to 2"),
        ({"checkpoints": [1, 1, 2]}, "from 0 to 2"),
        ({"larger": LARGER | {"checkpoints": [0, 1, 5]}}, "from 0 to 2"),
        ({"larger": LARGER | {"depth": 3}}, "depth"),
        ({"width": 8.5}, "int"),
        ({"milestones": [7]}, "milestones"),
    ],
)
def test_parameters_out_of_range_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        parameters(**changes).nets()


def test_the_images_of_a_seed_are_the_same_for_every_width_and_differ_between_seeds():
    one, two = parameters().nets()
    wide = one.model_copy(update={"width": 16})
    assert image_nets.data_fingerprint(one) == image_nets.data_fingerprint(wide)
    assert image_nets.data_fingerprint(one) != image_nets.data_fingerprint(two)


def test_held_out_shapes_know_their_factors():
    images = image_nets.load(parameters().nets()[0])
    assert len(images.train) == TINY["training_images"]
    assert {len(values) for values in images.factors.values()} == {TINY["held_out_images"]}
    # Shape and relation are the label: 4 shapes, axis and order, the last changing fastest.
    f = images.factors
    label = 4 * f["shape"] + 2 * f["axis"] + f["order"]
    assert (label == images.held_out_labels.numpy()).all()
    assert len(images.classes) == 16


def test_a_trained_net_comes_back_as_it_was_after_each_epoch():
    config = parameters().nets()[0]
    result = trained(config)
    images = image_nets.load(config)
    assert result.arrays["kept"].tolist() == [0, 1, 2]
    assert result.metrics["source"] == "shapes"
    for epoch, accuracy in zip(config.keep, result.metrics["held_out_accuracy"], strict=True):
        net = image_nets.net_at(config, result, epoch)
        assert not net.training
        with torch.no_grad():
            right = net(standardised(images.held_out)).argmax(1) == images.held_out_labels
        assert float(right.double().mean()) == pytest.approx(accuracy, abs=0.01)
    with pytest.raises(ValueError, match="not"):
        image_nets.net_at(config, result, 7)


def test_the_initialisation_has_silent_main_branches():
    config = parameters().nets()[0]
    start = image_nets.net_at(config, trained(config), 0)
    gammas = [m.weight for name, m in start.named_modules() if name.endswith("bn3")]
    assert len(gammas) == 16
    assert not any(gamma.any() for gamma in gammas)


def test_a_killed_training_goes_on_and_gives_the_same_bits(tmp_path):
    config = parameters(seeds=1).nets()[0]
    short = config.model_copy(update={"seed": 5})
    with pytest.MonkeyPatch.context() as patch:
        kept = image_nets.train_images

        def killed(*arguments, **options):
            def stop(epoch, loss, accuracy):
                raise KeyboardInterrupt

            return kept(*arguments, **options, report=stop)

        patch.setattr(image_nets, "train_images", killed)
        with pytest.raises(KeyboardInterrupt):
            image_nets.run(short, scratch=tmp_path)
    assert (tmp_path / "training" / "last.npz").exists()
    resumed = image_nets.run(short, scratch=tmp_path)
    np.testing.assert_array_equal(resumed.arrays["states"], image_nets.run(short).arrays["states"])


def test_missing_photographs_are_an_error_and_no_other_data(monkeypatch):
    monkeypatch.delenv("STRATA_DATA", raising=False)
    with pytest.raises(DataError, match="STRATA_DATA"):
        image_nets.load(parameters(data=["cifar10"]).nets()[0])


def test_longer_wider_and_larger_costs_more():
    (config, *_) = parameters().nets()
    for changes in ({"width": 8}, {"training_images": 320}):
        assert image_nets.cost(config.model_copy(update=changes)) > image_nets.cost(config)
