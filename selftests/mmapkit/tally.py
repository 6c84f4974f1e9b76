"""What the programs of a run have covered, so that nobody believes in more.

Operations by what came of them, and which operation followed which in a process:
a driver's bugs sit where two of them meet.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mmapkit.grades import LEEWAYS, Grade
from mmapkit.program import OPERATIONS, Program
from mmapkit.verdict import Errno, NotReached, Result, Signal, Void

#: how a page was had: without a fault; by one for reading or writing; by a copy of
#: what was not there, and of what was; nobody knows; not at all
FAULTS = ("none", "read", "write", "cow", "wp", "perhaps", "SIGBUS", "SIGSEGV")

#: what a VMA had been through; one may be in several columns
SHAPES = (
    *("whole", "no head", "no tail", "middle"),
    *("moved", "grown", "inherited", "revoked"),
)

#: operations that are worth a look when they never came up
_ALL = tuple(kind.word for kind in OPERATIONS)


def _sort(result: Result) -> str:
    """Return what came of an operation, in a word."""
    match result:
        case Errno():
            return "refused"
        case Signal():
            return "signal"
        case Void() | NotReached():
            return "void"
    return "ok"


class Tally:
    """Counts programs as they come.

    sorts: operations by what came of them; errors: by the error or signal; pairs:
    one and the next of the same process. covered: what the model tells of the programs
    that came to what was due: "fault" or "shape", the sort of VMA, and which; or a
    grade, the name of a leeway, and the answer.
    """

    def __init__(self) -> None:
        self.sorts: Counter[tuple[str, str]] = Counter()
        self.errors: Counter[tuple[str, str]] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.covered: Counter[tuple[str, str, str]] = Counter()

    def add(self, program: Program, results: Sequence[Result]) -> None:
        """Count a program with its results."""
        last: dict[int, str] = {}
        for op, result in zip(program, results, strict=False):
            sort = _sort(result)
            self.sorts[op.word, sort] += 1
            if isinstance(result, Errno | Signal):
                self.errors[op.word, result.name] += 1
            if sort == "void":
                continue
            if op.proc in last:
                self.pairs[last[op.proc], op.word] += 1
            last[op.proc] = op.word

    def cover(self, covered: Mapping[tuple[str, str, str], int]) -> None:
        """Count what the model says that a program has covered."""
        self.covered.update(covered)

    def merge(self, other: "Tally") -> None:
        """Count what another has counted, too."""
        self.sorts.update(other.sorts)
        self.errors.update(other.errors)
        self.pairs.update(other.pairs)
        self.covered.update(other.covered)

    def packed(self) -> dict[str, list[tuple[tuple[str, ...], int]]]:
        """Return the counts in values that travel between processes."""
        return {name: list(counts.items()) for name, counts in vars(self).items()}

    def add_packed(
        self, packed: Mapping[str, Iterable[tuple[Iterable[str], int]]]
    ) -> None:
        """Count what another process has counted, too."""
        for name, counts in packed.items():
            for key, count in counts:
                getattr(self, name)[tuple(key)] += count

    def lines(self) -> Iterator[str]:
        """Return a table for people, a line for each operation that came up."""
        words = [word for word in _ALL if any(w == word for w, _ in self.sorts)]
        if not words:
            return
        yield f"{'operation':12} {'ok':>8} {'void':>8} refused and signals"
        for word in words:
            errors = [
                (name, count) for (w, name), count in self.errors.items() if w == word
            ]
            told = " ".join(f"{name} {count}" for name, count in sorted(errors))
            ok, void = self.sorts[word, "ok"], self.sorts[word, "void"]
            yield f"{word:12} {ok:8} {void:8} {told}".rstrip()
        never = [word for word in _ALL if word not in words]
        yield f"never: {' '.join(never) or 'none'}"
        yield f"{len(self.pairs)} of {len(words) ** 2} pairs of operations came up"
        yield from self._table("fault", "pages accessed", FAULTS)
        yield from self._table("shape", "VMAs accessed", SHAPES)

    def grades(self) -> dict[Grade, list[str]]:
        """Return what was seen where more than one answer is right.

        A line for each leeway, with its reason; warnings first.
        """
        found: dict[Grade, list[str]] = {}
        for grade in (Grade.WARN, Grade.NOTE):
            for name, leeway in LEEWAYS.items():
                answers = sorted(
                    f"{answer} {count}"
                    for (sort, known, answer), count in self.covered.items()
                    if (sort, known) == (grade.value, name)
                )
                if answers:
                    told = f"{name}: {', '.join(answers)} ({leeway.reason})"
                    found.setdefault(grade, []).append(told)
        return found

    def _table(self, what: str, title: str, columns: Sequence[str]) -> Iterator[str]:
        """Return a table of what was covered: a line for each sort of VMA."""
        found = {
            key[1:]: count for key, count in self.covered.items() if key[0] == what
        }
        if not found:
            return
        columns = (*columns, *sorted({column for _, column in found} - {*columns}))
        yield f"{title:18}" + "".join(f" {column:>9}" for column in columns)
        for sort in sorted({sort for sort, _ in found}):
            counts = (found.get((sort, column), 0) for column in columns)
            yield f"{sort:18}" + "".join(f" {count or '-':>9}" for count in counts)
