"""Getting ready: the kernel that was asked for is installed where that is allowed."""

import pytest

from mmapkit import kernel, provision, setup
from mmapkit.errors import KernelError, ProvisionError


@pytest.fixture
def apt(monkeypatch):
    """Kernels come into being when their packages are installed."""
    there = []

    def find(wanted):
        if wanted not in there:
            raise KernelError(f"no installed kernel {wanted}")
        return wanted

    def install(packages, report):
        there.extend(name.split("-")[2] for name in packages)

    monkeypatch.setattr(kernel, "find", find)
    monkeypatch.setattr(provision, "install", install)
    return there


def test_series_that_is_missing_is_installed_with_its_headers(apt):
    assert setup._kernel("6.12", print) == "6.12"
    assert apt == ["6.12", "6.12"]


@pytest.mark.parametrize("wanted", ["6.12.3-custom", "/no/tree", None])
def test_kernel_that_no_package_is_named_for_is_refused(apt, wanted):
    with pytest.raises(KernelError):
        setup._kernel(wanted, print)
    assert apt == []


def test_series_that_may_not_be_installed_is_told_with_the_command(monkeypatch):
    monkeypatch.setenv(provision.SWITCH, "no")
    with pytest.raises(ProvisionError, match=r"linux-image-3\.2-amd64"):
        setup._kernel("3.2", print)
