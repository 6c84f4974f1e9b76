"""Which module of mmapkit may know which: the arrows run one way."""

import ast
import re

import pytest

from mmapkit.setup import ROOT

KIT = ROOT / "selftests" / "mmapkit"

# Everything may use the exceptions.
MAY = {
    "errors": "",
    "content": "",
    "verdict": "",
    "grades": "",
    "program": "program.mappings program.operations program.vocabulary",
    "program.vocabulary": "",
    "program.operations": "program.vocabulary",
    "program.mappings": "program.operations program.vocabulary",
    "build": "",
    "provision": "build",
    "source": "build",
    "debug_kernel": "build kernel source",
    "words": "program",
    "forms_space": "program words",
    "forms": "forms_space program words",
    "grammar": "forms program words",
    "text": "program",
    "case": "grammar program verdict",
    "target": "program content",
    "model": "grades model.access model.address_space model.advice model.blocks "
    "model.covered model.files model.lifetime model.look model.mapping model.memory "
    "model.outside model.processes model.races model.residence model.state "
    "model.surgery program target verdict",
    "model.races": "model.memory model.state model.vma program",
    "model.blocks": "model.races model.state program verdict",
    "model.covered": "model.vma",
    "model.memory": "target",
    "model.vma": "model.memory program",
    "model.mapping": "model.memory model.vma program",
    "model.state": "grades model.covered model.mapping model.memory model.vma program "
    "target verdict",
    "model.processes": "model.state model.vma program verdict",
    "model.files": "content model.access model.mapping model.memory model.state "
    "program target verdict",
    "model.lifetime": "model.residence model.state model.vma program target verdict",
    "model.residence": "grades model.mapping model.state model.vma program verdict",
    "model.advice": "grades model.mapping model.residence model.state model.vma "
    "program verdict",
    "model.address_space": "grades model.mapping model.residence model.state model.vma "
    "program target verdict",
    "model.surgery": "grades model.mapping model.state model.vma program verdict",
    "model.access": "content model.faulting model.mapping model.memory model.state "
    "program verdict",
    "model.faulting": "model.covered model.mapping model.memory model.residence "
    "model.state model.vma program",
    "model.columns": "model.vma",
    "model.frames": "model.memory model.state model.vma",
    "model.look": "grades model.columns model.frames model.mapping model.memory "
    "model.residence model.state model.vma program verdict",
    "model.outside": "grades model.access model.mapping model.memory model.state "
    "model.vma program verdict",
    "strategies": "program strategies.blocks strategies.dials strategies.operations",
    "strategies.dials": "program",
    "strategies.blocks": "program strategies.dials",
    "strategies.operations": "program strategies.dials",
    "strategies.surgery": "program strategies.dials strategies.operations",
    "submission": "",
    "submission.layout": "build submission",
    "submission.series": "submission submission.layout",
    "submission.mail": "build submission submission.layout submission.series",
    "submission.tree": "build debug_kernel submission submission.layout "
    "submission.series",
    "submission.checks": "build submission submission.layout submission.tree",
    "submission.gate": "build provision setup source submission submission.checks "
    "submission.mail submission.tree",
    "submission.__main__": "setup submission submission.mail",
    "console": "verdict",
    "ktap": "console",
    "stream": "",
    "agent": "program stream text verdict",
    "kernel": "build",
    "report": "",
    "report.text": "text verdict",
    "machine": "agent console program verdict",
    "machine.session": "agent console machine program verdict",
    "machine.local": "agent machine machine.session program stream verdict",
    "machine.image": "build kernel",
    "machine.command": "",
    "machine.launcher": "machine.command machine.qemu",
    "machine.qemu": "agent console machine machine.command machine.image "
    "machine.session program stream verdict",
    "control": "control.client control.events control.family control.sockets "
    "control.values control.wire",
    "control.family": "",
    "control.wire": "control.family",
    "control.refusal": "control.wire",
    "control.sockets": "control.refusal control.wire machine",
    "control.values": "control.family control.wire",
    "control.events": "control.family control.sockets control.wire machine",
    "control.client": "control.family control.sockets control.values control.wire "
    "machine program",
    "files": "machine program verdict",
    "targets": "",
    "targets.memphys": "files grammar machine program target verdict",
    "targets.subjects": "control target",
    "targets.regions": "control machine program target targets.memphys "
    "targets.subjects",
    "journal": "",
    "tally": "grades program verdict",
    "account": "tally",
    "leaks": "console files machine verdict",
    "coverage": "build files kernel machine",
    "restore": "program target",
    "lab": "agent grades journal machine model model.covered program report.text "
    "restore tally target text verdict",
    "installed": "build kernel",
    "setup": "account build coverage debug_kernel installed kernel leaks machine "
    "machine.image machine.command machine.launcher machine.local machine.qemu "
    "provision verdict",
    "shrink": "program simpler verdict",
    "simpler": "program",
    "alarms": "report.text verdict",
    "plugin": "account build journal lab machine plugin_subjects report.text setup "
    "target targets.regions targets.subjects verdict",
    "plugin_subjects": "machine target targets.subjects",
    "plugin_grades": "grades plugin",
    "plugin_alarms": "alarms lab plugin program shrink verdict",
}


def module_name(path):
    parts = path.relative_to(KIT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(KIT.rglob("*.py"))}


def imports(path):
    """Return the modules of mmapkit that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            name = name.removeprefix("mmapkit.")
            if name in MODULES:
                found.add(name)
    return found - {""}


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_module_knows_only_what_it_may(name):
    allowed = {*MAY[name].split(), "errors"}
    # A package comes along with each of its modules.
    allowed |= {module.split(".")[0] for module in allowed}
    assert imports(MODULES[name]) <= allowed


def test_every_module_has_its_place():
    assert set(MAY) == set(MODULES) - {""}


def test_walk_sees_a_forbidden_import(tmp_path):
    file = tmp_path / "model.py"
    file.write_text("def f():\n    from mmapkit.machine import qemu\n")
    assert imports(file) == {"machine", "machine.qemu"}


def sources(*patterns):
    return [
        path
        for pattern in patterns
        for path in ROOT.glob(pattern)
        if ".tox" not in path.parts
    ]


def places(pattern, paths):
    """Return the files in which a pattern occurs, relative to the repository."""
    return {
        str(path.relative_to(ROOT))
        for path in paths
        if re.search(pattern, path.read_text())
    }


def test_only_the_machine_knows_qemu():
    found = places(r"(?m)^\s*(from|import) qemu\b", MODULES.values())
    assert found == {"selftests/mmapkit/machine/qemu.py"}


def test_only_the_control_plane_knows_netlink():
    found = places(r"(?m)^\s*(from|import) pyroute2\b", MODULES.values())
    assert found
    assert all(path.startswith("selftests/mmapkit/control/") for path in found)


def test_only_compat_knows_kernel_versions():
    files = sources("driver/**/*.[ch]", "selftests/agent/*.[ch]")
    found = places(r"LINUX_VERSION_CODE|KERNEL_VERSION", files)
    assert found
    assert all(path.startswith("driver/compat/") for path in found)


@pytest.mark.parametrize(
    "pattern",
    [r"time\.sleep\(", r"shell=True", r"except (Base)?Exception\b", r"(?m)^\s*print\("],
)
def test_library_keeps_house_rules(pattern):
    assert places(pattern, MODULES.values()) == set()
