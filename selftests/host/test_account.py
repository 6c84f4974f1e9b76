"""What several processes have done adds up."""

import json
from pathlib import Path

import pytest

from mmapkit.account import Account
from mmapkit.grammar import parse_program
from mmapkit.verdict import Ok


@pytest.fixture
def account():
    """What one process has done."""
    account = Account(3, 1, modules=Path("/modules"), counts=[Path("/r/gw0/1")])
    account.tally.add(parse_program("open f0 /dev/x rdwr\n"), (Ok(),))
    return account


def travelled(account):
    """Return what arrives in another process."""
    return json.loads(json.dumps(account.packed()))


def test_account_that_travels_is_the_same(account):
    arrived = Account()
    arrived.add(travelled(account))
    assert arrived.packed() == account.packed()


def test_accounts_add_up(account):
    account.add(travelled(account))
    assert (account.programs, account.machines) == (6, 2)
    assert account.counts == [Path("/r/gw0/1")] * 2
    assert account.tally.sorts["open", "ok"] == 2


def test_process_without_counts_leaves_those_of_others(account):
    account.add(travelled(Account()))
    assert account.modules == Path("/modules")
