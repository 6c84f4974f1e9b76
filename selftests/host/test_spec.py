"""Generated files and their spec do not drift apart unseen."""

import pytest

import lint
import spec
from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT

TEXT = (ROOT / spec.SPEC).read_text()

# Does what the real one does with its arguments, and takes the same root.
GENERATOR = """\
import argparse, pathlib, sys
parser = argparse.ArgumentParser()
for name in ("--spec", "--mode", "-o"):
    parser.add_argument(name, required=True)
parser.add_argument("--header", action="store_true")
parser.add_argument("--source", action="store_true")
args = parser.parse_args()
assert pathlib.Path("MAINTAINERS").exists()
assert pathlib.Path("Documentation/netlink/genetlink.yaml").exists()
text = pathlib.Path(args.spec).read_text()
if "protocol" not in text:
    sys.exit("no protocol")
kind = args.mode + (" header" if args.header else " source")
pathlib.Path(args.o).write_text(f"/* {kind} */\\n{HINT}\\n{text}")
"""


@pytest.fixture(params=spec.GENERATORS)
def tree(request, tmp_path):
    """A kernel tree whose generator copies the spec, in either place."""
    generator = tmp_path / "tree" / request.param
    generator.parent.mkdir(parents=True)
    generator.write_text(GENERATOR.replace("{HINT}", f"{spec.HINT} here */"))
    schemas = tmp_path / "tree" / "Documentation" / "netlink"
    schemas.mkdir(parents=True)
    (schemas / "genetlink.yaml").touch()
    return tmp_path / "tree"


@pytest.fixture
def root(tree, tmp_path):
    """A repository in which everything is as it should be."""
    made = spec.generate(tree, TEXT)
    for file, text in made.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        # Older generators leave this line out.
        lines = [line for line in text.splitlines() if spec.HINT not in line]
        (tmp_path / file).write_text("\n".join(lines) + "\n")
    return tmp_path


def test_each_file_is_asked_for_in_its_way(tree):
    first = {
        file: text.splitlines()[0] for file, text in spec.generate(tree, TEXT).items()
    }
    assert first == {
        "driver/uapi/linux/memphys.h": "/* uapi header */",
        "driver/netlink_gen.c": "/* kernel source */",
        "driver/netlink_gen.h": "/* kernel header */",
    }


def test_files_that_agree_are_no_finding(tree, root):
    assert spec.drift(spec.generate(tree, TEXT), root) == []


def test_spec_that_has_changed_is_found_in_each_file(tree, root):
    found = spec.drift(spec.generate(tree, TEXT.replace("31", "32")), root)
    assert [line[4:] for line in found if line.startswith("---")] == list(spec.FILES)


@pytest.mark.parametrize("file", spec.FILES)
def test_file_that_has_changed_is_found(tree, root, file):
    (root / file).write_text((root / file).read_text() + "int x;\n")
    assert "-int x;" in spec.drift(spec.generate(tree, TEXT), root)


@pytest.mark.parametrize("file", spec.FILES)
def test_file_that_is_missing_is_found(tree, root, file):
    (root / file).unlink()
    assert spec.drift(spec.generate(tree, TEXT), root)[0] == f"--- {file}"


def test_spec_that_the_generator_refuses_is_told(tree):
    with pytest.raises(MmapkitError, match="the generator said: no protocol"):
        spec.generate(tree, "")


def test_tree_without_a_generator_is_told(tmp_path):
    with pytest.raises(MmapkitError, match=r"6\.12 is the first"):
        spec.generate(tmp_path, TEXT)


@pytest.fixture(scope="module")
def scripts():
    """What lint takes from the kernel source package."""
    try:
        return lint.kernel_scripts()
    except MmapkitError as err:
        pytest.skip(str(err))


def test_generated_files_are_what_the_spec_makes(scripts):
    assert lint.spec_findings(scripts, TEXT) == []


@pytest.mark.parametrize(
    ("old", "new", "file"),
    [
        ("value: 31", "value: 30", "driver/uapi/linux/memphys.h"),
        ("max-len: name-max", "max-len: 15", "driver/netlink_gen.c"),
        ("name: cow-linear", "name: cow", "driver/uapi/linux/memphys.h"),
        ("name: region-del\n", "name: region-drop\n", "driver/netlink_gen.h"),
        ("            - lifetime\n            - base\n", "", "driver/netlink_gen.c"),
    ],
)
def test_spec_that_says_something_else_is_drift(scripts, old, new, file):
    assert old in TEXT
    found = lint.spec_findings(scripts, TEXT.replace(old, new, 1))
    assert f"--- {file}" in found
