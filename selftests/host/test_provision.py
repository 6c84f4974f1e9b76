"""System packages: what is missing is told, and installed only where allowed."""

import os

import pytest

from mmapkit import provision
from mmapkit.errors import ProvisionError
from mmapkit.setup import ROOT

OPTIONS = "-q -y -o Dpkg::Use-Pty=0"


@pytest.fixture
def bindep_file(tmp_path):
    file = tmp_path / "bindep.txt"
    file.write_text(
        "no-such-package [selftest]\nnone-either [selftest]\nx-lint [lint]\n"
    )
    return file


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """An apt-get that writes down how it was called; root, as far as we know."""
    log = tmp_path / "calls"
    file = tmp_path / "bin" / "apt-get"
    file.parent.mkdir()
    file.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\necho Unpacking\nexit ${{APT_EXIT:-0}}\n'
    )
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{file.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv(provision.SWITCH, raising=False)
    return log


def test_missing_packages_of_a_profile_are_listed(bindep_file):
    assert provision.missing(bindep_file, "selftest") == [
        "no-such-package",
        "none-either",
    ]
    assert provision.missing(bindep_file, "host") == []


def test_missing_packages_are_installed_and_told_line_by_line(bindep_file, apt):
    said = []
    provision.ensure(bindep_file, "selftest", said.append)
    assert apt.read_text().splitlines() == [
        f"{OPTIONS} update",
        f"{OPTIONS} install --no-install-recommends no-such-package none-either",
    ]
    assert "  Unpacking" in said


def test_nothing_is_done_when_nothing_is_missing(bindep_file, apt):
    provision.ensure(bindep_file, "host", pytest.fail)
    assert not apt.exists()


def test_who_is_not_root_gets_the_line_to_type(bindep_file, apt, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ProvisionError, match=r"apt-get install .*no-such-package none"):
        provision.ensure(bindep_file, "selftest", pytest.fail)
    assert not apt.exists()


def test_variable_forbids_installing(bindep_file, apt, monkeypatch):
    monkeypatch.setenv(provision.SWITCH, "no")
    with pytest.raises(ProvisionError, match="apt-get install"):
        provision.ensure(bindep_file, "selftest", pytest.fail)
    assert not apt.exists()


def test_installing_that_fails_is_told(bindep_file, apt, monkeypatch):
    monkeypatch.setenv("APT_EXIT", "100")
    with pytest.raises(ProvisionError, match="update failed: Unpacking"):
        provision.ensure(bindep_file, "selftest", lambda line: None)


def test_list_of_the_repository_can_be_read():
    for profile in ("selftest", "host", "lint"):
        provision.missing(ROOT / "bindep.txt", profile)


def test_list_that_is_malformed_is_told(tmp_path):
    file = tmp_path / "bindep.txt"
    file.write_text("[[[\n")
    with pytest.raises(ProvisionError, match="bindep"):
        provision.missing(file, "selftest")
