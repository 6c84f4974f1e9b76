"""Kernel sources by apt: what is asked for, what is chosen, what is remembered."""

import os
import time

import pytest

from mmapkit import source
from mmapkit.build import command
from mmapkit.errors import MmapkitError, ProvisionError
from mmapkit.source import Package, Repository

BOOKWORM = "http://mirror.test/debian/"
TARGETS = f"""\
{BOOKWORM}|bookworm|main|Debian|Debian|a.sources:1
{BOOKWORM}|bookworm|contrib|Debian|Debian|a.sources:1
{BOOKWORM}|bookworm-updates|main|Debian|Debian|a.sources:1
http://mirror.test/debian-security/|bookworm-security|main|Debian|Debian-Security|a.sources:2
http://other.test/apt/|stable|main|Other|Other|other.list:3
"""

DEB822 = """\
# what the installer wrote
Types: deb
# an old mirror
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/archive.gpg

# a comment between stanzas

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY
 -----END PGP PUBLIC KEY BLOCK-----
Trusted: no
"""

ONE_LINE = """\
# comment
deb http://mirror.test/debian bookworm main
deb [arch=amd64 signed-by=/etc/apt/a.gpg,/etc/apt/b.gpg trusted=yes] http://x.test y m
"""

MADISON = """\
linux-source-6.1 |  6.1.170-1 | http://mirror.test/debian bookworm/main amd64 Packages
linux-source-7.2 | 7.2.13-1~bpo13+1 | http://mirror.test/debian b/main amd64 Packages
linux-source-7.10 | 7.10.2-1~bpo13+1 | http://mirror.test/debian b/main amd64 Packages
linux-source-7.10 | 7.10.2-0~bpo13+1 | http://mirror.test/debian b/main amd64 Packages
linux-source-7.11 | 7.11~rc7-1~exp1 | http://mirror.test/debian e/main amd64 Packages
linux-source-7.9 | 7.9.14-1~bpo13+1 | http://mirror.test/debian b/main amd64 Packages
"""


def test_repositories_are_those_that_hold_main_under_their_own_label(monkeypatch):
    monkeypatch.setattr(source, "trust_of", lambda entry: (f"Signed-By: {entry}",))
    assert source.repositories(TARGETS) == [
        Repository(
            BOOKWORM,
            ("bookworm", "bookworm-updates"),
            ("Signed-By: a.sources:1",),
            debian=True,
        ),
        Repository(
            "http://other.test/apt/",
            ("stable",),
            ("Signed-By: other.list:3",),
            debian=False,
        ),
    ]


@pytest.mark.parametrize(
    ("name", "text", "number", "trust"),
    [
        ("d.sources", DEB822, 1, ("Signed-By: /usr/share/keyrings/archive.gpg",)),
        (
            "d.sources",
            DEB822,
            2,
            (
                "signed-by:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY\n"
                " -----END PGP PUBLIC KEY BLOCK-----",
                "Trusted: no",
            ),
        ),
        ("s.list", ONE_LINE, 2, ()),
        (
            "s.list",
            ONE_LINE,
            3,
            ("Signed-By: /etc/apt/a.gpg /etc/apt/b.gpg", "Trusted: yes"),
        ),
    ],
    ids=["key file", "key inline", "line without options", "line with options"],
)
def test_trust_is_what_the_entry_of_the_machine_says(
    tmp_path, name, text, number, trust
):
    (tmp_path / name).write_text(text)
    assert source.trust_of(f"{tmp_path / name}:{number}") == trust


def test_entry_for_apt_carries_the_trust():
    repository = Repository(BOOKWORM, (), ("Signed-By: /k.gpg",), debian=True)
    assert source.stanza(repository, ["a", "b"], "Packages") == (
        f"Types: deb\nURIs: {BOOKWORM}\nSuites: a b\nComponents: main\n"
        "Targets: Packages\nSigned-By: /k.gpg\n"
    )


def test_code_name_is_that_of_the_stable_release(tmp_path):
    (tmp_path / "x_InRelease").write_text(
        "Origin: Debian\nSuite: stable\nCodename: trixie\n"
    )
    (tmp_path / "y_InRelease").write_text("Suite: oldstable\nCodename: bookworm\n")
    (tmp_path / "z_Release").write_text("Suite: stable\n")
    assert source.codenames(tmp_path) == ["trixie"]


def test_newest_goes_by_numbers_and_leaves_candidates_out():
    assert source.newest_of(MADISON) == Package("linux-source-7.10", "7.10.2-1~bpo13+1")


def test_nothing_listed_has_no_newest():
    assert source.newest_of("") is None


def test_upstream_version_is_what_debian_started_from():
    assert Package("x", "7.3.4-1~bpo13+1").upstream == "7.3.4"


# ------------------------------------------------------------------ memory


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "newest"


@pytest.fixture
def looks(monkeypatch):
    """The answers of mirrors, one by one."""
    answers = []

    def look(apt):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(source, "_look", look)
    return answers


def test_mirror_is_asked_once_a_day(memory, looks):
    looks += [Package("linux-source-7.3", "7.3.4-1"), Package("x", "7.3.5-1")]
    for _ in range(2):
        assert source._newest(None, memory, print).version == "7.3.4-1"
    yesterday = time.time() - source.FRESH - 1
    os.utime(memory, (yesterday, yesterday))
    assert source._newest(None, memory, print).version == "7.3.5-1"


def test_without_net_the_last_answer_holds(memory, looks):
    memory.write_text("linux-source-7.3 7.3.4-1\n")
    os.utime(memory, (0, 0))
    looks.append(MmapkitError("no route"))
    said = []
    assert source._newest(None, memory, said.append).version == "7.3.4-1"
    assert any("no route" in line for line in said)


def test_without_net_and_answer_there_is_an_error(memory, looks):
    looks.append(MmapkitError("no route"))
    with pytest.raises(MmapkitError, match="no route"):
        source._newest(None, memory, print)


# --------------------------------------------------------------- with apt

APT_GET = """\
#!/bin/sh
echo "apt-get $@" >> {log}
case "$*" in
*indextargets*) printf '%s' "$TARGETS_TOLD" ;;
*update*)
    grep -h . {lists}/../kernel.sources >> {log}
    echo 'Suite: stable
Codename: trixie' > {lists}/m_InRelease
    exit $UPDATE_EXIT ;;
*download*) cp {deb} . ;;
esac
"""
APT_CACHE = """\
#!/bin/sh
case "$*" in
*search*) [ -z "$MADISON_TOLD" ] || echo 'linux-source-7.3 - source' ;;
*madison*) echo "$MADISON_TOLD" ;;
esac
"""


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """An apt with one mirror and one package, which writes down what it did."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    home = tmp_path / "pack"
    (home / "DEBIAN").mkdir(parents=True)
    (home / "DEBIAN/control").write_text(
        "Package: linux-source-7.3\nVersion: 7.3.4-1\nArchitecture: all\n"
        "Maintainer: me <me@me.test>\nDescription: source\n"
    )
    inside = tmp_path / "linux-source-7.3"
    for name in ("Makefile", "arch/arm/boot/dts/x.dts", "arch/x86/boot/main.c"):
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).write_text(name)
    (home / "usr/src").mkdir(parents=True)
    packed = home / "usr/src/linux-source-7.3.tar.xz"
    command(["tar", "-C", tmp_path, "-cJf", packed, inside.name])
    deb = tmp_path / "linux-source-7.3.deb"
    command(["dpkg-deb", "-b", home, deb])

    log = tmp_path / "log"
    lists = cache / "memphys/apt/lists"
    for name, text in (("apt-get", APT_GET), ("apt-cache", APT_CACHE)):
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace("{log}", str(log)).replace("{deb}", str(deb)))
        file.write_text(file.read_text().replace("{lists}", str(lists)))
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("TARGETS_TOLD", f"{BOOKWORM}|bookworm|main|Debian|Debian|e\n")
    monkeypatch.setenv("MADISON_TOLD", "linux-source-7.3 | 7.3.4-1 | m")
    monkeypatch.setenv("UPDATE_EXIT", "0")
    monkeypatch.setattr(source, "trust_of", {"e": ("Signed-By: /key.gpg",)}.get)
    return log


def test_newest_source_is_fetched_from_the_backports_and_unpacked_once(apt):
    said = []
    got = source.fetch(said.append)
    assert got.package == Package("linux-source-7.3", "7.3.4-1")
    names = {str(p.relative_to(got.folder)) for p in got.folder.rglob("*.*")}
    assert names == {"arch/x86/boot/main.c"}
    assert (got.folder / "Makefile").is_file()
    calls = apt.read_text()
    assert "Suites: bookworm trixie-backports\n" in calls
    assert calls.count("Signed-By: /key.gpg") == 2
    assert calls.count("download linux-source-7.3=7.3.4-1") == 1
    assert source.fetch(said.append) == got
    assert apt.read_text() == calls


def test_suite_that_is_missing_does_not_stop_the_others(apt, monkeypatch):
    monkeypatch.setenv("UPDATE_EXIT", "100")
    assert source.fetch(print).package.version == "7.3.4-1"


def test_machine_without_lists_is_told_to_get_them(apt, monkeypatch):
    monkeypatch.setenv("TARGETS_TOLD", "")
    with pytest.raises(ProvisionError, match="apt-get update"):
        source.fetch(print)


def test_mirrors_without_a_source_are_told(apt, monkeypatch):
    monkeypatch.setenv("MADISON_TOLD", "")
    with pytest.raises(ProvisionError, match="no mirror"):
        source.fetch(print)
