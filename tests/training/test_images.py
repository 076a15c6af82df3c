"""Training on images: a plain loop gives the same, a seed fixes the bits, a stop changes none."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional as F

import strata.training.images
from strata.nets.resnet import resnet50, standardised
from strata.nets.taps import activations
from strata.seeding import torch_generator
from strata.training.epochs import flat_state, with_state
from strata.training.image_loop import ImageLoop, augmented
from strata.training.images import ImageSchedule, faster_dtype, train_images

SHORT = ImageSchedule(epochs=3, batch_size=16, lr=0.05, crop=2, flip=True, label_smoothing=0.1)
KEPT = [0, 1, 3]


@pytest.fixture(scope="module")
def net():
    return resnet50(4, stem="small", width=8, generator=torch_generator("test"))


@pytest.fixture(scope="module")
def data():
    """32 images whose class is the quarter that is brighter, in colours of chance."""
    generator = torch_generator("test")
    images = torch.randint(0, 128, (32, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.arange(32) % 4
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = 16 * (label // 2), 16 * (label % 2)
        image[:, row : row + 16, column : column + 16] += 100
    return images, labels


def _assert_identical(one, other):
    for name in ("loss", "accuracy", "kept", "states"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    mine, theirs = one.net.state_dict(), other.net.state_dict()
    assert mine.keys() == theirs.keys()
    for name in mine:
        assert torch.equal(mine[name], theirs[name]), name


def test_it_learns_32_images_by_heart(net, data):
    images, labels = data
    trained = train_images(net, *data, ImageSchedule(epochs=20, batch_size=16, lr=0.05), seed=0)
    assert trained.accuracy[-1] == 1
    assert trained.loss[-1] < 0.1 < 0.5 < trained.loss[0]
    assert not trained.net.training
    assert (activations(trained.net, images, parts=()).logits.argmax(1) == labels).all()


def test_it_is_the_plain_loop(net, data):
    schedule = ImageSchedule(
        epochs=2, batch_size=12, lr=0.02, weight_decay=0.01, label_smoothing=0.2
    )
    trained = train_images(net, *data, schedule, seed=5)
    images, labels = data
    plain, generator = copy.deepcopy(net).double().train(), torch_generator("images", 5)
    optimizer = torch.optim.SGD(
        plain.parameters(), lr=1, momentum=0.9, nesterov=True, weight_decay=0.01, foreach=False
    )
    total_steps, done, history = 2 * 3, 0, []
    for _ in range(2):
        order, total = torch.randperm(32, generator=generator), 0.0
        for part in (order[:11], order[11:22], order[22:]):
            # One step of warm-up out of six, then half a cosine over the five others.
            share = (done - 1) / (total_steps - 1)
            rate = 0.02 if done == 0 else 0.02 * (1 + math.cos(math.pi * share)) / 2
            optimizer.param_groups[0]["lr"] = rate
            logits = plain((images[part].double() / 255 - 0.5) / 0.25)
            hot = F.one_hot(labels[part], 4).double() * 0.8 + 0.05
            loss = -(hot * logits.log_softmax(1)).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, done = total + loss.item() * len(part), done + 1
        history.append(total / 32)
    np.testing.assert_allclose(trained.loss, history, rtol=1e-4)
    mine, theirs = flat_state(trained.net), flat_state(plain.float())
    start = flat_state(net)
    assert np.linalg.norm(mine - theirs) < 1e-3 * np.linalg.norm(mine - start)


def test_a_seed_fixes_every_bit_and_the_net_given_is_not_changed(net, data):
    before, state = flat_state(net), torch.get_rng_state()
    one, same, other = (
        train_images(net, *data, SHORT.model_copy(update={"epochs": 2}), seed=seed, keep=[0, 1, 2])
        for seed in (0, 0, 1)
    )
    _assert_identical(one, same)
    assert np.array_equal(one.states[0], other.states[0])
    assert not np.array_equal(one.states[1], other.states[1])
    assert one.loss[0] != other.loss[0]
    assert np.array_equal(flat_state(net), before)
    assert net.training
    assert torch.equal(torch.get_rng_state(), state)


class _Killed(Exception):
    pass


def _killer(epoch):
    def report(done, _loss, _accuracy):
        if done == epoch:
            raise _Killed

    return report


@pytest.fixture(scope="module")
def whole(net, data):
    return train_images(net, *data, SHORT, seed=0, keep=KEPT)


def _interrupted(net, data, folder, epoch):
    with pytest.raises(_Killed):
        train_images(net, *data, SHORT, seed=0, keep=KEPT, checkpoint=folder, report=_killer(epoch))


def _resumed(net, data, folder):
    reports = []
    trained = train_images(
        net,
        *data,
        SHORT,
        seed=0,
        keep=KEPT,
        checkpoint=folder,
        report=lambda *words: reports.append(words),
    )
    return trained, reports


def test_a_stop_after_any_epoch_changes_no_bit(net, data, whole, tmp_path):
    for epoch in (1, 2):
        folder = tmp_path / str(epoch)
        _interrupted(net, data, folder, epoch)
        trained, reports = _resumed(net, data, folder)
        _assert_identical(trained, whole)
        assert [done for done, _, _ in reports] == list(range(epoch + 1, 4))
        assert reports[-1] == (3, whole.loss[-1], whole.accuracy[-1])


def test_a_training_that_is_done_is_not_repeated(net, data, whole, tmp_path):
    first, reports = _resumed(net, data, tmp_path / "new" / "folder")
    assert len(reports) == 3
    again, reports = _resumed(net, data, tmp_path / "new" / "folder")
    assert reports == []
    _assert_identical(first, whole)
    _assert_identical(again, whole)
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == [*(f"epoch-000{e}.npz" for e in KEPT), "last.npz"]


@pytest.mark.parametrize(
    ("name", "damage"),
    [("last.npz", "truncated"), ("epoch-0001.npz", "altered"), ("epoch-0001.npz", "missing")],
)
def test_a_damaged_checkpoint_is_reported_and_ignored(net, data, whole, tmp_path, name, damage):
    _interrupted(net, data, tmp_path, 1)
    file = tmp_path / name
    content = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "altered":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    else:
        file.unlink()
    with pytest.warns(UserWarning, match=f"{name}.*training starts anew"):
        trained, reports = _resumed(net, data, tmp_path)
    assert len(reports) == 3
    _assert_identical(trained, whole)


def test_a_checkpoint_of_another_training_is_reported_and_ignored(net, data, whole, tmp_path):
    other = SHORT.model_copy(update={"epochs": 1})
    train_images(net, *data, other, seed=0, keep=[0, 1], checkpoint=tmp_path)
    with pytest.warns(UserWarning, match=r"last\.npz belongs to another training"):
        trained, reports = _resumed(net, data, tmp_path)
    assert len(reports) == 3
    _assert_identical(trained, whole)


def test_all_that_decides_a_training_is_in_its_identity(net, data):
    images, labels = data
    stranger = resnet50(4, stem="small", width=8, generator=torch_generator("stranger"))
    problems = [
        (net, images, labels, SHORT, 0, (1,)),
        (stranger, images, labels, SHORT, 0, (1,)),
        (net, images.flip(3), labels, SHORT, 0, (1,)),
        (net, images, labels.roll(1), SHORT, 0, (1,)),
        (net, images, labels, SHORT.model_copy(update={"dtype": "bfloat16"}), 0, (1,)),
        (net, images, labels, SHORT, 1, (1,)),
        (net, images, labels, SHORT, 0, (0, 1)),
        (net, images, labels, SHORT, 0, ()),
    ]
    names = [ImageLoop(*problem).identity(keep) for *problem, keep in problems]
    assert len(set(names)) == len(names)
    *problem, keep = problems[0]
    assert ImageLoop(*problem).identity(keep) == names[0]


@pytest.mark.filterwarnings("ignore:checkpoint .* cannot be read")
def test_a_disk_without_room_stops_nothing(net, data, tmp_path):
    (tmp_path / "file").write_text("")
    schedule = SHORT.model_copy(update={"epochs": 1})
    with pytest.warns(UserWarning, match="no checkpoint written"):
        trained = train_images(
            net, *data, schedule, seed=0, keep=[0, 1], checkpoint=tmp_path / "file" / "folder"
        )
    _assert_identical(trained, train_images(net, *data, schedule, seed=0, keep=[0, 1]))


def test_an_epoch_that_was_kept_is_the_net_of_that_epoch(net, data, whole):
    assert whole.kept.tolist() == KEPT
    assert len(whole.loss) == len(whole.accuracy) == 3
    assert whole.states.dtype == np.float32
    assert np.array_equal(whole.states[0], flat_state(net))
    x = standardised(data[0])
    with torch.no_grad():
        assert torch.equal(whole.at(0)(x), copy.deepcopy(net).eval()(x))
        stranger = resnet50(4, stem="small", width=8, generator=torch_generator("stranger"))
        assert torch.equal(with_state(stranger, whole.states[2])(x), whole.net(x))
        assert torch.equal(whole.at(3)(x), whole.net(x))
        assert not torch.equal(whole.at(1)(x), whole.net(x))
    assert not whole.at(1).training
    assert whole.at(1).bn1.num_batches_tracked == 2
    with pytest.raises(KeyError, match="epoch 2 was not kept"):
        whole.at(2)


def test_a_state_holds_parameters_statistics_and_counters(net):
    state = flat_state(net)
    assert len(state) == sum(p.numel() for p in (*net.parameters(), *net.buffers()))
    changed = state + np.arange(len(state), dtype=np.float32)
    assert np.array_equal(flat_state(with_state(net, changed)), changed)
    assert np.array_equal(flat_state(net), state)
    with pytest.raises(ValueError, match="numbers"):
        with_state(net, state[1:])
    with pytest.raises(ValueError, match="does not fit into float32"):
        flat_state(nn.Linear(2, 2, dtype=torch.float64))


def test_the_rate_warms_up_and_follows_the_cosine():
    schedule = ImageSchedule(epochs=10, batch_size=10, lr=0.8)
    rates = [schedule.rate(step, 4) for step in range(40)]
    np.testing.assert_allclose(rates[:5], [0.2, 0.4, 0.6, 0.8, 0.8])
    # 36 steps of cosine from step 4 on: thirds and halves of it are known.
    np.testing.assert_allclose([rates[16], rates[22], rates[28]], [0.6, 0.4, 0.2])
    assert all(a > b for a, b in itertools.pairwise(rates[4:]))
    assert 0 < rates[-1] < 0.002
    cold = schedule.model_copy(update={"warmup": 0.0})
    np.testing.assert_allclose([cold.rate(0, 4), cold.rate(20, 4)], [0.8, 0.4])


def test_the_rate_falls_by_ten_at_the_milestones():
    schedule = ImageSchedule(
        epochs=90, batch_size=256, lr=0.7, warmup=0, decay="step", milestones=(30, 60, 80)
    )
    steps = 5
    for epoch, rate in [(0, 0.7), (29, 0.7), (30, 0.07), (59, 0.07), (60, 0.007), (80, 0.0007)]:
        np.testing.assert_allclose(
            [schedule.rate(epoch * steps + s, steps) for s in range(steps)], rate
        )
    warm = schedule.model_copy(update={"warmup": 0.1})
    np.testing.assert_allclose([warm.rate(8, 5), warm.rate(44, 5)], [0.7 / 5, 0.7])


def test_an_epoch_sees_every_image_once_in_batches_of_nearly_equal_size(net, data, monkeypatch):
    loop = ImageLoop(net, *data, ImageSchedule(epochs=2, batch_size=15, lr=0.1), seed=0)
    batches = []

    def step(batch):
        batches.append(batch)
        return torch.tensor(1.0), torch.tensor(0)

    monkeypatch.setattr(loop, "step", step)
    loop.run_epoch()
    loop.run_epoch()
    assert [len(b) for b in batches] == [11, 11, 10] * 2
    for epoch in (batches[:3], batches[3:]):
        assert torch.equal(torch.cat(epoch).sort().values, torch.arange(32))
    assert not torch.equal(batches[0], batches[3])


def test_images_are_shifted_by_all_amounts_and_their_border_goes_on():
    images = torch.arange(6 * 5).view(1, 1, 6, 5).expand(400, 2, 6, 5)
    moved = augmented(images, 1, True, torch_generator("test"))
    assert moved.shape == images.shape
    assert torch.equal(moved[:, 0], moved[:, 1])
    padded = F.pad(images[:1, :1].float(), (1, 1, 1, 1), mode="replicate")[0, 0]
    windows = [padded[r : r + 6, c : c + 5] for r in range(3) for c in range(3)]
    windows = torch.stack([*windows, *(w.flip(1) for w in windows)])
    same = (moved[:, :1] == windows).all(dim=(2, 3))
    assert (same.sum(1) == 1).all()
    # 18 outcomes of chance 1/18: five standard deviations.
    expected = 400 / 18
    assert (same.sum(0) - expected).abs().max() < 5 * math.sqrt(expected)


def test_nothing_is_drawn_where_nothing_is_asked_for(data):
    generator = torch_generator("test")
    before = generator.get_state()
    assert augmented(data[0], 0, False, generator) is data[0]
    assert torch.equal(generator.get_state(), before)
    flipped = augmented(data[0], 0, True, generator)
    mirrored = (flipped == data[0].flip(3)).all(dim=(1, 2, 3))
    assert torch.equal(flipped[~mirrored], data[0][~mirrored])
    assert 0 < mirrored.sum() < 32


def test_bytes_floats_and_files_give_the_same_bits(net, data, tmp_path):
    images, labels = data
    schedule = SHORT.model_copy(update={"epochs": 1})
    plain = train_images(net, images, labels, schedule, seed=0)
    _assert_identical(train_images(net, images.float() / 255, labels, schedule, seed=0), plain)
    np.save(tmp_path / "images.npy", images.numpy())
    stored = torch.from_numpy(np.load(tmp_path / "images.npy", mmap_mode="r+"))
    _assert_identical(train_images(net, stored, labels, schedule, seed=0), plain)


def test_bfloat16_trains_nearly_the_same(net, data):
    schedule = ImageSchedule(epochs=2, batch_size=16, lr=0.02)
    exact = train_images(net, *data, schedule, seed=0)
    rounded, again = (
        train_images(net, *data, schedule.model_copy(update={"dtype": "bfloat16"}), seed=0)
        for _ in range(2)
    )
    _assert_identical(rounded, again)
    assert all(p.dtype == torch.float32 for p in rounded.net.parameters())
    assert 0 < np.abs(rounded.loss - exact.loss).max() < 0.1


@pytest.mark.parametrize(
    ("first", "second", "answer"), [(1.0, 2.0, "bfloat16"), (2.0, 1.0, "float32")]
)
def test_the_faster_dtype_is_that_of_the_shorter_step(
    net, data, monkeypatch, first, second, answer
):
    before = flat_state(net)
    # The clock is read before and after each step, and bfloat16 has the first turn.
    clock = itertools.accumulate(itertools.cycle([0.0, first, 0.0, second]))
    monkeypatch.setattr(strata.training.images.time, "perf_counter", lambda: next(clock))
    assert faster_dtype(net, *data, SHORT) == answer
    assert np.array_equal(flat_state(net), before)


def test_a_loss_that_explodes_is_named(net, data):
    schedule = ImageSchedule(epochs=3, batch_size=16, lr=1e20, warmup=0)
    with pytest.raises(FloatingPointError, match=r"seed 7 .* in epoch [01]: try a smaller"):
        train_images(net, *data, schedule, seed=7)


GOOD = {"epochs": 4, "batch_size": 8, "lr": 0.1}


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 1},
        {"lr": 0},
        {"lr": math.inf},
        {"momentum": 0},
        {"momentum": 1},
        {"weight_decay": -1},
        {"warmup": 1},
        {"decay": "linear"},
        {"decay": "step"},
        {"milestones": (1,)},
        {"decay": "step", "milestones": (2, 1)},
        {"decay": "step", "milestones": (1, 1)},
        {"decay": "step", "milestones": (0, 1)},
        {"decay": "step", "milestones": (4,)},
        {"label_smoothing": 1},
        {"crop": -1},
        {"dtype": "float16"},
        {"speed": 1},
    ],
)
def test_bad_schedules_are_refused(change):
    ImageSchedule(**GOOD)
    with pytest.raises(ValidationError):
        ImageSchedule(**GOOD | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(32, 1, 32, 32)}, r"\(32, 3, h, w\)"),
        ({"images": torch.zeros(31, 3, 32, 32)}, r"\(32, 3, h, w\)"),
        ({"images": torch.zeros(32, 3, 32, 32, dtype=torch.float64)}, "float64"),
        ({"images": torch.full((32, 3, 32, 32), 1.01)}, "from 0 to 1"),
        ({"images": torch.full((32, 3, 32, 32), math.nan)}, "from 0 to 1"),
        ({"labels": torch.zeros(32)}, "int64"),
        ({"labels": torch.zeros(0, dtype=torch.int64)}, "int64"),
        ({"labels": torch.full((32,), 4)}, "4 classes"),
        ({"labels": torch.full((32,), -1)}, "4 classes"),
        ({"keep": [4]}, "from 0 to 3"),
        ({"keep": [-1, 2]}, "from 0 to 3"),
    ],
)
def test_bad_problems_are_refused(net, data, change, message):
    problem = {"images": data[0], "labels": data[1], "keep": []} | change
    with pytest.raises(ValueError, match=message):
        train_images(net, schedule=SHORT, seed=0, **problem)


def test_a_batch_of_one_is_refused(net, data):
    images, labels = data
    with pytest.raises(ValueError, match="batch of one"):
        train_images(net, images[:3], labels[:3], ImageSchedule(**GOOD | {"batch_size": 2}), seed=0)
