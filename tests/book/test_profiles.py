"""Parameters are refused before anything runs, by name and with what is allowed."""

from pathlib import Path

import pytest

from strata.book.profiles import (
    ParameterError,
    check_complete,
    load_notebooks,
    points,
    resolve,
    select,
)

ROOT = Path(__file__).parents[2]
NOTEBOOKS = load_notebooks(ROOT)
NTK = NOTEBOOKS["ntk-depth"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_profile_of_every_notebook_is_complete_and_allowed(name):
    assert check_complete(NOTEBOOKS[name], ROOT) == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebooks_own_values_are_those_of_the_quick_profile(name):
    import nbformat

    notebook = NOTEBOOKS[name]
    node = nbformat.read(notebook.source(ROOT), as_version=4)
    first = next(cell for cell in node.cells if cell.cell_type == "code")
    assert "parameters" in first.metadata["tags"]
    values: dict = {}
    exec(first.source, values)
    expected = resolve(notebook, "quick", ROOT)
    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"depth": [1]}, ["'depth'", "did you mean 'depths'"]),
        ({"colour": 1}, ["'colour'", "it has: tasks, depths"]),
        ({"seeds": "many"}, ["'seeds'", "'many'", "valid integer"]),
        ({"seeds": 3.0}, ["'seeds'", "valid integer"]),
        ({"seeds": True}, ["'seeds'", "valid integer"]),
        ({"seeds": 1}, ["'seeds'", "greater than or equal to 2"]),
        ({"depths": [1, 99]}, ["'depths[1]'", "less than or equal to 32"]),
        ({"depths": [6, 1]}, ["'depths'", "must grow"]),
        ({"tasks": ["moons"]}, ["'tasks[0]'", "'disk'", "'yin-yang'"]),
        ({"optimizer": "lbfgs"}, ["'optimizer'", "'adam' or 'sgd'"]),
        ({"learning_rate": -1.0}, ["'learning_rate'", "greater than 0"]),
        ({"profile": "full"}, ["'profile'"]),
    ],
)
def test_a_bad_parameter_is_refused_with_its_name_and_what_is_allowed(overrides, words):
    with pytest.raises(ParameterError) as refused:
        resolve(NTK, "smoke", ROOT, overrides)
    for word in words:
        assert word in str(refused.value)


def test_changed_parameters_make_a_custom_run():
    assert resolve(NTK, "smoke", ROOT)["profile"] == "smoke"
    assert resolve(NTK, "smoke", ROOT, {"seeds": 3})["profile"] == "custom"


def test_unknown_names_are_refused_with_a_hint():
    with pytest.raises(ParameterError, match="did you mean 'ntk-depth'"):
        select({"ntk-depth": NTK}, ["ntk-dept"])
    with pytest.raises(ParameterError, match="no profile 'huge'"):
        resolve(NTK, "huge", ROOT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("notebooks: {good: null}", "profiles.yml, good: "),
        ("notebooks: {good: {stdy: C}}", "profiles.yml, good: study: Field required"),
        ("notebooks: null", "profiles.yml: "),
        ("notebooks: {", "profiles.yml: "),
    ],
)
def test_a_damaged_entry_is_named_in_one_line(tiny_project, text, said):
    root = tiny_project(good=["1"])
    (root / "book" / "profiles.yml").write_text(text)
    with pytest.raises(ValueError, match=f"^{said}[^\n]+$"):
        load_notebooks(root)


def test_the_seeds_asked_for_are_kept_at_every_profile():
    counts = {p: NTK.profiles[p].parameters["seeds"] for p in NTK.profiles}
    assert counts["smoke"] >= 2
    assert counts["quick"] >= 3
    assert counts["full"] >= 8


def test_the_points_are_the_product_of_tasks_depths_and_seeds():
    parameters = resolve(NTK, "quick", ROOT)
    found = {
        module.__name__.rpartition(".")[2]: configs for module, configs in points(NTK, parameters)
    }
    expected = len(parameters["tasks"]) * len(parameters["depths"]) * parameters["seeds"]
    assert len(found["ntk_depth"]) == len(set(found["ntk_depth"])) == expected
