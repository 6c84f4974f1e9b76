"""The lint of the C passes over no folder."""

import pytest

import lint


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(lint, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["driver/new/a.c", "selftests/agent/new/deep/a.h"])
def test_folder_that_is_new_is_checked(root, name):
    file = root / name
    file.parent.mkdir(parents=True)
    file.touch()
    assert lint.folders() == [file.parent]


def test_folder_without_c_is_not_checked(root):
    (root / "driver").mkdir()
    (root / "driver" / "Kbuild").touch()
    assert lint.folders() == []


def test_exceptions_are_of_folders_that_exist():
    assert {lint.ROOT / name for name in lint.IGNORED} <= set(lint.folders())
