"""Regions as a target: how they are made, and made anew."""

from dataclasses import replace

import pytest

from mmapkit.control import (
    Backing,
    Command,
    Counters,
    Lifetime,
    Method,
    MethodFlag,
    Region,
)
from mmapkit.errors import ControlError
from mmapkit.program import Change, Ready
from mmapkit.targets import regions
from mmapkit.targets.regions import SMALL_SIZE, read_small_regions

from .test_model import TARGET

BACKINGS = frozenset({Backing.PHYS, Backing.PAGES, Backing.VMALLOC})
METHOD = Method("fault", MethodFlag(0), BACKINGS, frozenset({Backing.PAGES}))
ARENA = TARGET.window("arena").base
FOLDER = "/dev/memphys/"


class Driver:
    """A driver whose memory lies elsewhere each time; a control plane to it."""

    def __init__(self):
        self.there = {}
        self.deleted = []
        self.made = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def methods(self):
        return (METHOD,)

    def message(self, command, **attributes):
        told = [f"{key}={value}" for key, value in attributes.items() if value]
        return f"{command.spelling} {' '.join(told)}".encode()

    def exchange(self, command, payload):
        assert command is Command.REGION_NEW
        self.made += 1
        name = payload[4 : payload.index(b"\0", 4)].decode()
        assert name not in self.there
        self.there[name] = self.made << 24

    def region(self, name):
        base = self.there[name]
        base = None if "vmalloc" in name else ARENA if "phys" in name else base
        counters = Counters(0, 0, 0, 0, None, 0)
        return Region(
            name, Backing.PAGES, "fault", SMALL_SIZE, Lifetime.REGION, base, counters
        )

    def region_del(self, name, *, revoke):
        assert revoke
        self.deleted.append(name)
        if self.there.pop(name, None) is None:
            raise ControlError("region-del", "no such region", errno="ENOENT")


@pytest.fixture
def driver(monkeypatch):
    driver = Driver()
    monkeypatch.setattr(regions, "Control", lambda machine: driver)
    monkeypatch.setattr(regions, "read_target", lambda machine: TARGET)
    return driver


def test_each_region_can_be_asked_for_and_windows_only_deleted(driver):
    target = read_small_regions(None)
    asked = {ask for ask, _ in target.requests}
    made = {FOLDER + name for name in driver.there}
    assert {ask.path for ask in asked if ask.change is Change.MAKE} == made
    for change in (Change.DELETE, Change.REVOKE):
        paths = {ask.path for ask in asked if ask.change is change}
        assert paths == made | {node.path for node in TARGET.nodes}
    assert [node.path for node in target.nodes if node.removable] == sorted(
        made, key=[node.path for node in target.nodes].index
    )
    revoke = target.request(Ready(Change.REVOKE, f"{FOLDER}fault-pages"))
    assert revoke == b"region-del name=fault-pages revoke=True"


def test_region_made_anew_has_its_memory_where_it_is_now(driver):
    before = read_small_regions(None)
    after = before.renew(before, frozenset({f"{FOLDER}fault-pages"}))
    assert driver.deleted == ["fault-pages"]
    base = driver.there["fault-pages"]
    assert after.node(f"{FOLDER}fault-pages").start == base
    assert after.window("fault-pages").base == base
    assert base != before.window("fault-pages").base
    moved = {f"{FOLDER}fault-pages"}
    assert [n for n in after.nodes if n.path not in moved] == [
        n for n in before.nodes if n.path not in moved
    ]


def test_regions_made_anew_that_are_nowhere_keep_their_places(driver):
    """Memory of one is not taken for that of another."""
    before = read_small_regions(None)
    every = frozenset(FOLDER + name for name in driver.there)
    after = before.renew(before, every)
    scattered = f"{FOLDER}fault-vmalloc"
    assert after.node(scattered) == before.node(scattered)
    assert after.node(f"{FOLDER}fault-phys") == before.node(f"{FOLDER}fault-phys")
    starts = [n.start for n in after.nodes if n.removable and not n.lent]
    assert len(set(starts)) == len(starts)
    assert [n.path for n in after.nodes] == [n.path for n in before.nodes]


def test_region_that_is_not_there_any_more_is_made_all_the_same(driver):
    target = read_small_regions(None)
    del driver.there["fault-pages"]
    target.renew(target, frozenset({f"{FOLDER}fault-pages"}))
    assert "fault-pages" in driver.there


def test_region_that_cannot_be_taken_away_is_an_error(driver, monkeypatch):
    target = read_small_regions(None)

    def refuse(name, *, revoke):
        raise ControlError("region-del", "never", errno="EPERM")

    monkeypatch.setattr(driver, "region_del", refuse)
    with pytest.raises(ControlError, match="never"):
        target.renew(target, frozenset({f"{FOLDER}fault-pages"}))


def test_renewal_is_no_part_of_what_a_target_is(driver):
    target = read_small_regions(None)
    assert target == replace(target, renew=None)
