"""What the paper's own setting would need: the study's counts, by hand, and how they grow."""

from functools import cache

import pytest
from pydantic import ValidationError

from strata.experiments.component_costs import FEATURE, requirements
from strata.experiments.component_setting import PaperSetting, Schedule
from strata.experiments.costs import Speeds
from strata.nets.cifar_resnet import cifar_resnet
from strata.nets.counting import cost

SMALL = {"depths": (8,), "exemplar_depth": 14, "blocks": (1, 2), "base": 4, "task_blocks": 3}
SMALL |= {"samples": (20, 50), "pool": 100, "test": 30, "drawn": 40, "size": 8, "tasks": (0, 3)}
SMALL |= {
    name: Schedule(epochs=3, last_rate=1e-5)
    for name in ("plain", "shared", "inverse", "task_plain")
}


@cache
def paper():
    return requirements(PaperSetting())


def work(needs):
    return {stage.stage: stage.multiply_adds for stage in needs.stages}


def small(**change):
    return {s.stage: s for s in requirements(PaperSetting(**(SMALL | change))).stages}


def test_the_counts_of_the_study():
    found = work(paper())
    assert f"{found['disentangling'] / 25:.1e}" == "8.3e+16"
    assert found["reliability"] == found["disentangling"]
    assert f"{found['inverse maps'] / 25:.1e}" == "5.5e+16"
    assert f"{found['targets']:.1e}" == "1.9e+15"
    assert f"{found['exemplars']:.1e}" == "8.7e+15"
    assert (
        f"{found['disentangling'] + found['reliability'] + found['inverse maps']:.1e}" == "5.5e+18"
    )
    # The study leaves the tasks out of its sum.
    tasks = found["task nets"] + found["task disentangling"]
    assert f"{sum(found.values()) - tasks:.1e}" == "5.7e+18"
    assert 0.05 < tasks / sum(found.values()) < 0.1


def test_stopping_at_order_25_divides_the_work_by_four_and_a_half():
    short = PaperSetting(
        blocks=(1, 2, 4, 8),
        **{name: Schedule(epochs=500, last_rate=1e-5) for name in ("plain", "shared")},
        inverse=Schedule(epochs=100, last_rate=1e-4, phases=10),
        task_plain=Schedule(epochs=500, last_rate=1e-5),
    )
    assert work(paper())["disentangling"] / work(requirements(short))["disentangling"] == (
        pytest.approx(4.5, abs=0.05)
    )


def test_the_steps_of_the_recipe():
    setting = PaperSetting()
    assert [setting.target.steps(n) for n in setting.samples] == [
        (600,),
        (1200,),
        (2400,),
        (4800,),
        (12_000,),
    ]
    assert setting.exemplar.steps(setting.pool) == (117_300,)
    assert setting.plain.steps(setting.drawn) == (8000,) * 3 + (16_000,) * 2 + (31_500,)
    assert setting.shared.steps(setting.drawn) == (16_000,) * 4 + (31_500,) * 2
    assert setting.inverse.steps(setting.drawn) == (32_000,) * 4 + (63_000,) * 2
    assert setting.task.steps(setting.drawn) == (4800,)
    assert setting.task_plain == setting.plain
    assert setting.plain.seen(setting.drawn) == 1_000_000
    assert setting.inverse.seen(setting.drawn) == 2_000_000
    orders = [3 * blocks + 1 for blocks in setting.blocks]
    assert orders == [4, 7, 13, 25, 49, 97]
    assert setting.targets == 25


def test_the_feature_of_a_target_has_these_channels():
    found = cost(cifar_resnet(8, 10, generator=None), (3, 32, 32), part="features")
    assert found.outputs == (FEATURE, 8, 8)


def test_a_small_setting_by_hand():
    stages = small()
    eight, fourteen = (
        cost(cifar_resnet(depth, 10, generator=None), (3, 8, 8)).multiply_adds for depth in (8, 14)
    )
    block = 8**2 * 9 * 4**2
    ends = 8**2 * 27 * 4 + 2**2 * 16 * FEATURE
    chain = 2 * ends + (2 + 5) * block
    seen = 3 * 40
    expected = {
        "targets": 3 * 300 * 70 * eight,
        "exemplars": 3 * 300 * 2 * 100 * fourteen,
        "disentangling": 2 * 3 * seen * chain,
        "reliability": 2 * 3 * seen * chain,
        "inverse maps": 2 * seen * chain,
        # Two targets, two orders; for the reliable part with two exemplars.
        "features learned": 2 * 2 * seen * (2 * eight + 2 * fourteen),
        "evaluation": 2 * 130 * (2 * chain + eight),
        "task nets": 300
        * 40
        * (2 * 3 * (ends + 8 * block) + 2 * random_net(0) + 3 * 8**2 * 9 * 256),
        "task disentangling": 2 * seen * (3 * chain + 2 * (ends + 8 * block)),
    }
    assert {name: stage.multiply_adds for name, stage in stages.items()} == expected
    assert stages["disentangling"].count == 2 * 2 * seen
    assert stages["features learned"].count == 2 * 2 * seen * 4
    assert stages["evaluation"].count == 2 * 130 * 5


def random_net(layers):
    return 8**2 * 9 * (3 * 16 + layers * 16**2) + 2**2 * 16 * FEATURE


def test_memory_and_disk_by_hand():
    stages = small()
    maps = 4 * (1 + 2 * 2) * FEATURE * 2**2  # of one image: the feature, and two chains
    evaluation = stages["evaluation"]
    assert evaluation.memory_gb == pytest.approx(maps * 130 / 1e9)
    assert evaluation.streamed_gb == pytest.approx(maps * 128 / 1e9)
    assert evaluation.disk_gb == pytest.approx(maps * (2 * 30 + 20 + 50) / 1e9)
    parameters = cost(cifar_resnet(8, 10, generator=None), (3, 8, 8)).parameters
    assert stages["targets"].disk_gb == pytest.approx(4 * 2 * parameters / 1e9)
    maps = 3 * 16 * 8**2 + 2 * 32 * 4**2 + 2 * 64 * 2**2 + 10  # what its layers put out
    held = 4 * 2 * 128 * maps + 16 * parameters
    assert stages["targets"].memory_gb == pytest.approx(held / 1e9)
    smaller = small(target=Schedule(epochs=300, last_rate=1e-4, batch_sizes=(64,)))["targets"]
    assert smaller.memory_gb == pytest.approx((held - 4 * 2 * 64 * maps) / 1e9)
    assert smaller.multiply_adds == stages["targets"].multiply_adds


@pytest.mark.parametrize(
    ("change", "times"),
    [
        ({"drawn": 80}, {"disentangling": 2, "inverse maps": 2, "task nets": 2, "targets": 1}),
        ({"plain": Schedule(epochs=6, last_rate=1e-5)}, {"disentangling": 2, "reliability": 1}),
        ({"inverse": Schedule(epochs=3, last_rate=1e-5, phases=4)}, {"inverse maps": 4}),
        ({"exemplars": 4}, {"exemplars": 2, "targets": 1}),
        ({"samples": (140,), "pool": 140}, {"targets": 2, "disentangling": 0.5}),
    ],
)
def test_work_is_linear_in_what_is_done_more_often(change, times):
    before, after = small(), small(**change)
    for name, factor in times.items():
        assert after[name].multiply_adds == factor * before[name].multiply_adds


def test_without_tasks_there_are_no_stages_of_tasks():
    assert list(small()) == [*small(tasks=()), "task nets", "task disentangling"]


def test_hours_are_twice_the_work_over_the_speed():
    needs = requirements(PaperSetting(**SMALL), speeds=Speeds(float32=1e9))
    table = needs.table()
    assert table.index.tolist() == list(small())
    for stage in needs.stages:
        assert stage.gpu_hours == pytest.approx(2 * stage.multiply_adds / 1e9 / 3600)
        assert 0 < stage.streamed_gb <= stage.memory_gb
    # Days on one GPU at the usual assumption.
    assert 48 < paper().gpu_hours < 24 * 14


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depths": (8, 10)}, r"6 n \+ 2"),
        ({"exemplar_depth": 43}, r"6 n \+ 2"),
        ({"samples": (20, 101)}, "at most the pool"),
        ({"blocks": (2, 1)}, "must grow"),
        ({"samples": (20, 20)}, "must grow"),
        ({"size": 10}, "multiple"),
        ({"base": "4"}, "integer"),
        ({"plain": Schedule(epochs=3, last_rate=1e-5, batch_sizes=(8, 8, 8))}, "plain needs one"),
        ({"target": Schedule(epochs=3, last_rate=1e-5, batch_sizes=(8, 8))}, "target needs one"),
        ({"width": 3}, "Extra"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        PaperSetting(**(SMALL | change))


@pytest.mark.parametrize(
    "bad",
    [
        {"epochs": 0, "last_rate": 1e-4},
        {"epochs": 1, "last_rate": 1e-2},
        {"epochs": 1, "last_rate": 0.0},
        {"epochs": 1, "last_rate": 1e-4, "batch_sizes": ()},
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(bad):
    with pytest.raises(ValidationError):
        Schedule(**bad)


def test_settings_are_frozen_and_can_be_keys():
    setting = PaperSetting()
    assert hash(setting) == hash(PaperSetting())
    with pytest.raises(ValidationError, match="frozen"):
        setting.pool = 3
