"""Reading YAML: the same values as by the plain loader, and always those of the file as it is."""

import pytest
import yaml

from strata.yaml_files import read_yaml


def test_values_are_those_of_the_plain_loader(tmp_path):
    path = tmp_path / "some.yml"
    path.write_text(
        "a: [1, 2.5, 1e-3, ~, yes, '1', 2026-11-22]\nb: &b {c: é}\nd:\n  <<: *b\n", encoding="utf-8"
    )
    assert read_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "some.yml"
    path.write_text("a: 1\n")
    assert read_yaml(path) == {"a": 1}
    path.write_text("a: 1\nb: 2\n")
    assert read_yaml(path) == {"a": 1, "b": 2}


def test_objects_are_not_built(tmp_path):
    path = tmp_path / "some.yml"
    path.write_text("!!python/object/apply:os.getcwd []\n")
    with pytest.raises(yaml.YAMLError):
        read_yaml(path)
