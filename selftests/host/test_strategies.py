"""Generated programs: that they make sense, vary, and shrink."""

from collections import Counter
from itertools import pairwise

from hypothesis import HealthCheck, Phase, find, given, settings

from mmapkit.model import Model
from mmapkit.program import (
    MAX_OPERATIONS,
    PEEK_WAYS,
    POKE_WAYS,
    Digest,
    Mmap,
    Order,
    Peek,
    Poke,
    Sharing,
)
from mmapkit.strategies import Shape, large, programs, refused
from mmapkit.verdict import Errno, Ok, Void

from .test_model import PATHS, TARGET

MANY = settings(
    max_examples=800,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def sample(strategy):
    found = []

    @given(strategy)
    @MANY
    def gather(program):
        found.append(program)

    gather()
    return found


def test_programs_make_sense_more_often_than_not():
    results = Counter()
    for program in sample(programs(PATHS)):
        results.update(type(r) for r in Model(TARGET).run(program).results)
    assert results[Void] < sum(results.values()) / 3
    assert results[Ok] > sum(results.values()) / 4


def test_programs_vary_in_what_they_do():
    kinds = Counter()
    flags = Counter()
    for program in sample(programs(PATHS)):
        assert len(program) <= MAX_OPERATIONS
        kinds.update(op.word for op in program)
        flags.update((op.flags, op.prot) for op in program if isinstance(op, Mmap))
    looks = {"pagemap", "kpageflags", "kpagecount", "smaps", "faults"}
    assert kinds.keys() - looks == {
        *("open", "close", "mmap", "munmap", "mprotect", "load", "store"),
        *("fill", "digest", "pread", "pwrite", "fork", "wait", "peek", "poke"),
    }
    # A look is rare: one of them may be missing.
    assert len(kinds.keys() & looks) >= len(looks) - 1
    assert len(flags) >= 16


def test_kernel_has_access_only_after_the_program_itself():
    ways = set()
    for program in sample(programs(PATHS)):
        for before, op in pairwise(program):
            if not isinstance(op, Peek | Poke):
                continue
            length = op.len if isinstance(op, Peek) else len(op.data)
            touch = Digest(op.map, op.off, length, width=1, proc=op.proc)
            assert before == touch
            ways.add((op.word, op.via))
    assert ways == {
        *(("peek", way) for way in PEEK_WAYS),
        *(("poke", way) for way in POKE_WAYS),
    }


MANY_PAGES = {10, 17, 63, 64, 65, 127, 255, 256, 511}


def test_mappings_have_few_pages_and_at_times_as_many_as_batches_have():
    pages = Counter()
    for program in sample(programs(PATHS)):
        pages.update(-(-op.len // 4096) for op in program if isinstance(op, Mmap))
    assert set(range(1, 10)) | MANY_PAGES <= set(pages)
    assert sum(pages[n] for n in MANY_PAGES) < sum(pages.values()) / 3


def test_mappings_end_where_the_window_does():
    shape = Shape()
    for program in sample(programs(PATHS)):
        for op in program:
            if isinstance(op, Mmap):
                assert 0 < op.len <= shape.size - op.off.delta


def test_refused_mappings_are_refused_more_often_than_not():
    answers = Counter(
        Model(TARGET).run(program).results[1] for program in sample(refused(PATHS))
    )
    for name in ("EINVAL", "EOVERFLOW", "ENOMEM", "EACCES"):
        assert answers[Errno(name)] > 0
    assert answers[Ok()] < sum(answers.values()) / 3


def test_large_mappings_reach_across_a_pmd():
    shape = Shape()
    lengths = {p[1].len for p in sample(large(PATHS))}
    assert min(lengths) < shape.huge < max(lengths)
    assert {length // shape.page for length in lengths} >= MANY_PAGES


def test_failing_program_shrinks_to_its_cause():
    """A bug of private mappings that are digested backwards, say."""

    def fails(program):
        private = {
            op.map
            for op in program
            if isinstance(op, Mmap) and op.flags is Sharing.PRIVATE
        }
        return any(
            isinstance(op, Digest) and op.order is Order.BACKWARD and op.map in private
            for op in program
        )

    smallest = find(programs(PATHS), fails, settings=settings(max_examples=3000))
    assert len(smallest) <= 4
