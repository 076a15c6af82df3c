"""The project and its store are found from every folder."""

import pytest

from strata.paths import ProjectNotFoundError, project_root
from strata.store import default_store


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = (tmp_path / "project").resolve()
    (folder / "book").mkdir(parents=True)
    (folder / "_config.yml").write_text("")
    (folder / "deep" / "down").mkdir(parents=True)
    for name in ("STRATA_STORE", "STRATA_ROOT"):
        monkeypatch.delenv(name, raising=False)
    return folder


def test_the_store_is_found_from_every_folder_of_the_project(project, monkeypatch):
    for folder in (project, project / "book", project / "deep" / "down"):
        monkeypatch.chdir(folder)
        assert project_root() == project
        assert default_store().root == project / "_store"


def test_from_elsewhere_the_package_leads_to_its_project(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = project / "src" / "strata" / "paths.py"
    monkeypatch.setattr("strata.paths.__file__", str(package))
    assert project_root() == project
    monkeypatch.setattr("strata.paths.__file__", str(tmp_path / "site-packages" / "paths.py"))
    with pytest.raises(ProjectNotFoundError, match="STRATA_ROOT"):
        default_store()


def test_the_environment_decides(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRATA_ROOT", str(project))
    assert project_root() == project
    monkeypatch.setenv("STRATA_STORE", "other")
    assert default_store().root == project / "other"
    monkeypatch.setenv("STRATA_STORE", str(tmp_path / "mine"))
    assert default_store().root == tmp_path / "mine"
    monkeypatch.setenv("STRATA_ROOT", str(tmp_path))
    with pytest.raises(ProjectNotFoundError, match=r"_config\.yml"):
        project_root()
