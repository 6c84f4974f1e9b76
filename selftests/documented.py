"""What stands in the documentation and can be run: commands and programs.

Commands are in blocks of "code-block:: console", behind the prompt that the block
begins with, "$" or "#"; what is below one is its output, in which "..." stands for
anything, and on a line of its own for lines. A literal block that begins with an
operation is a program, and what stands behind "=>" has to come of it; a line
"# verdict: retry-loop" says that it does not end well.

selftests/documented.toml names the commands that are not run where the others are, on
this machine, with the reason.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from mmapkit.errors import MmapkitError, ProgramError
from mmapkit.grammar import parse_program
from mmapkit.program import Open, Program
from mmapkit.setup import ROOT
from mmapkit.verdict import Outcome, Verdict

PAGES = (ROOT / "README.rst", *sorted((ROOT / "Documentation").glob("*.rst")))
LIST = ROOT / "selftests" / "documented.toml"

CONSOLE = "console"
_DIRECTIVE = re.compile(r"( *)\.\. code-block:: *(\S*)$")
# What a paragraph is indented by, the mark of a list's item with it.
_PARAGRAPH = re.compile(r" *(?:(?:[-*]|\w[.)]) +)?")
_PROMPTS = ("$ ", "# ")
_VERDICT = re.compile(r"(?m)^# verdict: (\S+)$")
_NOT_FIRST = ("#", "together")


@dataclass(frozen=True, slots=True)
class Block:
    """A literal block: its page, the line that it begins in, its language, its text."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command with the output that it has to have, in lines; none: any."""

    place: str
    words: str
    output: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Apart:
    """Commands that are not run on this machine.

    command may have wildcards. test: the file of the test that runs them elsewhere, ""
    if none does.
    """

    command: str
    why: str
    test: str


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _body(lines: list[str], start: int, outer: int) -> tuple[int, list[str]]:
    """Return where what is indented deeper begins, and its lines, outdented."""
    at = start
    while at < len(lines) and (not lines[at].strip() or lines[at].strip()[0] == ":"):
        at += 1
    end = at
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > outer):
        end += 1
    body = lines[at:end]
    while body and not body[-1].strip():
        body.pop()
    depth = min((_indent(line) for line in body if line.strip()), default=0)
    return at, [line[depth:] for line in body]


def blocks_of(text: str, page: Path) -> Iterator[Block]:
    """Return the literal blocks of a page."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if found := _DIRECTIVE.match(line):
            language, outer = found[2], len(found[1])
        elif line.rstrip().endswith("::") and not line.lstrip().startswith(".. "):
            found = _PARAGRAPH.match(line)
            language, outer = "", len(found[0]) if found else 0
        else:
            continue
        first, body = _body(lines, at, outer)
        if body:
            yield Block(page, first + 1, language, "\n".join(body) + "\n")
        at = first + len(body)


def blocks(pages: tuple[Path, ...] = PAGES) -> tuple[Block, ...]:
    """Return the literal blocks of all pages."""
    return tuple(b for page in pages for b in blocks_of(page.read_text(), page))


def _plain(line: str) -> str:
    """Return a line of a command without blanks and the comment behind it."""
    return re.sub(r"\s+# .*$", "", line).strip()


def commands_of(block: Block) -> Iterator[Command]:
    """Return the commands of a block; MmapkitError for a text before the first."""
    words, place, output = "", block.place, list[str]()
    prompt = block.text[:2]
    if prompt not in _PROMPTS:
        raise MmapkitError(f"{block.place}: output without a command")
    for number, line in enumerate(block.text.splitlines(), start=block.line):
        if words.endswith("\\"):
            words = f"{words[:-1].rstrip()} {_plain(line)}"
        elif line.startswith(prompt):
            if words:
                yield Command(place, words, tuple(output))
            words, output = _plain(line[2:]), []
            place = f"{block.page.name}:{number}"
        else:
            output.append(line)
    yield Command(place, words, tuple(output))


def commands(pages: tuple[Path, ...] = PAGES) -> tuple[Command, ...]:
    """Return the commands of all pages."""
    consoles = (b for b in blocks(pages) if b.language == CONSOLE)
    return tuple(command for block in consoles for command in commands_of(block))


def apart() -> tuple[Apart, ...]:
    """Return the commands that are not run on this machine."""
    rows = tomllib.loads(LIST.read_text())["apart"]
    return tuple(Apart(r["command"], r["why"], r.get("test", "")) for r in rows)


def reason(command: Command) -> Apart | None:
    """Return why a command is not run on this machine, or None if it is."""
    return next((a for a in apart() if fnmatchcase(command.words, a.command)), None)


def commands_run_by(test: str) -> tuple[Command, ...]:
    """Return the commands that a file of tests runs, by its path."""
    here = str(Path(test).relative_to(ROOT))
    return tuple(c for c in commands() if (row := reason(c)) and row.test == here)


def fits(expected: tuple[str, ...], output: str) -> bool:
    """Tell whether an output is what a page says; nothing said: any is."""
    if not expected:
        return True
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += re.escape(line.rstrip()).replace(r"\.\.\.", ".*") + r"\s*\n"
    return re.fullmatch(pattern, output.rstrip("\n") + "\n") is not None


def program_of(block: Block) -> Program | None:
    """Return the program that a block is; None for a text that begins like none.

    MmapkitError for one that begins like a program, and is none.
    """
    lines = (line.strip() for line in block.text.splitlines())
    first = next((ln for ln in lines if ln and not ln.startswith(_NOT_FIRST)), "")
    if block.language or not first:
        return None
    try:
        parse_program(first)
    except ProgramError:
        return None
    try:
        return parse_program(block.text)
    except ProgramError as err:
        raise MmapkitError(f"{block.place}: {err}") from err


def nodes_in(program: Program) -> frozenset[str]:
    """Return the paths that a program opens."""
    return frozenset(op.path for op in program if isinstance(op, Open))


def due_of(block: Block) -> list[tuple[str, ...] | None]:
    """Return what a page says of each operation of its program; None for nothing."""
    told: list[tuple[str, ...] | None] = []
    for line in block.text.splitlines():
        operation, _, results = line.strip().partition("=>")
        words = operation.split()
        if not words or words[0].startswith("#") or words in (["together"], ["end"]):
            continue
        results = re.split(r"\s#(?:\s|$)", results)[0].strip()
        told.append(tuple(results.split(" | ")) if results else None)
    return told


def verdict_of(block: Block) -> Verdict:
    """Return the verdict that a program has to get."""
    found = _VERDICT.search(block.text)
    return Verdict(found[1]) if found else Verdict.OK


def programs() -> tuple[tuple[Block, Program], ...]:
    """Return the programs of all pages."""
    return tuple((b, p) for b in blocks() if (p := program_of(b)) is not None)


def differences(block: Block, outcome: Outcome) -> list[str]:
    """Return what an outcome has that the page has not, in lines."""
    told = [
        f"{block.place}: operation {number}: due {' | '.join(due)}, came {came}"
        for number, (due, came) in enumerate(
            zip(due_of(block), outcome.results, strict=True)
        )
        if due is not None and str(came) not in due
    ]
    if outcome.verdict is not verdict_of(block):
        told.append(f"{block.place}: verdict {outcome.verdict.value}")
    return told
