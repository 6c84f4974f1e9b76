"""Writes what the model expects behind the operations of cases.

    python selftests/expected.py selftests/cases/*.case

For whoever writes a case, or changes one. What kernels differ in comes out with
"|" between; a case whose nodes differ is two cases. Whether it is what the man
page says is for the writer to judge.
"""

import sys
from dataclasses import replace
from pathlib import Path

from mmapkit.case import ANY_NODE, format_case, nodes_of
from mmapkit.errors import MmapkitError
from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.program import Program
from mmapkit.target import SLAB, Node, Patterned, Target, Traits, Window
from mmapkit.targets.memphys import NODES
from mmapkit.verdict import Result

# Regions as targets/regions.py has them, of pages and of the kinds of the question.
_SIZE = 512 << 10
_REGIONS = tuple(
    replace(node, start=(1 << 50) + (number << 30), size=_SIZE)
    for number, node in enumerate(
        (
            Node("/dev/memphys/fault-page-pages", "fault-page", pages=True),
            Node("/dev/memphys/insert-pages", "insert", eager=True, pages=True),
            Node(
                "/dev/memphys/insert-batch-pages",
                "insert-batch",
                eager=True,
                pages=True,
            ),
            Node(
                "/dev/memphys/remap-kmalloc",
                "remap",
                tracked=True,
                eager=True,
                uses=SLAB,
            ),
            Node("/dev/memphys/insert-vmalloc", "insert", eager=True, pages=True),
        )
    )
)

#: a machine on paper; where memory lies in it changes no result
TARGET = Target(
    (*NODES, *_REGIONS),
    (
        Window("arena", 0x6400000, 4 << 20, Patterned(), writable=True),
        *(
            Window(node.method, node.start, _SIZE, Patterned(), True, node.path)
            for node in _REGIONS
        ),
    ),
    1 << 40,
)

#: kernels differ in these
TRAITS = (Traits(), Traits(tracked_forks=False), Traits(moves_many=True))


def results_on(program: Program, node: str) -> list[list[Result]]:
    """Return what each operation may come to on a node, on any kernel."""
    there = program.retarget(lambda path: node if path == ANY_NODE else path)
    found: list[list[Result]] = [[] for _ in program]
    for traits in TRAITS:
        for outcome in Model(replace(TARGET, traits=traits)).expect(there).outcomes:
            for results, result in zip(found, outcome.results, strict=True):
                if result not in results:
                    results.append(result)
    return found


def expected(text: str) -> str:
    """Return the text of a case with what the model expects."""
    program = parse_program(text)
    nodes, _ = nodes_of(text)
    ways = [results_on(program, node) for node in nodes or ("",)]
    for node, way in zip(nodes, ways, strict=False):
        for op, one, other in zip(program, ways[0], way, strict=True):
            if one != other:
                raise MmapkitError(f"{op.word} differs on {nodes[0]} and {node}")
    return format_case(text, ways[0])


def main(paths: list[str]) -> int:
    """Rewrite the cases of these files."""
    for path in map(Path, paths):
        try:
            path.write_text(expected(path.read_text()))
        except MmapkitError as err:
            sys.stderr.write(f"{path}: {err}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
