"""Program text: what is written is read again, what is malformed is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmapkit.errors import ProgramError
from mmapkit.grammar import parse_operation, parse_program
from mmapkit.program import (
    ADVICES,
    CAPABILITIES,
    CHANGES_TASKS,
    MAX_DATA,
    MAX_FILES,
    MAX_MAPS,
    MAX_NTH,
    MAX_OPERATIONS,
    MAX_PROCS,
    MAX_TRANSFER,
    PEEK_WAYS,
    POKE_WAYS,
    WIDTHS,
    WORD,
    Answer,
    Change,
    Close,
    Digest,
    Drop,
    FailNth,
    Faults,
    Fill,
    Fork,
    Insmod,
    Kpagecount,
    Kpageflags,
    Limit,
    Load,
    Lseek,
    Madvise,
    MapFlag,
    Memfd,
    Mincore,
    Mknod,
    Mlock,
    Mmap,
    Mode,
    Mprotect,
    Mremap,
    Msync,
    Munlock,
    Munmap,
    Offset,
    Open,
    Order,
    Pagemap,
    Peek,
    Place,
    Poke,
    Pread,
    Program,
    Prot,
    Pwrite,
    Ready,
    RemapFlag,
    Request,
    Rmmod,
    Sharing,
    Smaps,
    Store,
    SyncFlag,
    Thread,
    Userfault,
    Via,
    Wait,
    Whence,
)
from mmapkit.text import format_program

U64 = st.integers(0, (1 << 64) - 1)
PLACES = st.integers(-(1 << 63), (1 << 63) - 1)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,14}", fullmatch=True)
OFFSETS = st.builds(Offset, U64) | st.builds(Offset, PLACES, NAMES)
PATHS = st.from_regex(r"/[!-~]{1,40}", fullmatch=True).filter(
    lambda path: not path.startswith("=>")
)
FILES = st.integers(0, MAX_FILES - 1)
MAPS = st.integers(0, MAX_MAPS - 1)
PEERS = st.integers(1, MAX_PROCS - 1)
PROCS = st.integers(0, MAX_PROCS - 1)
WIDTH = st.sampled_from(WIDTHS)
PROT = st.integers(0, 7).map(Prot)
ORDER = st.sampled_from(list(Order))
LENGTHS = st.none() | U64.map(lambda n: n & ~7)
SPELLED = st.binary(min_size=1, max_size=MAX_DATA)
MODULES = st.from_regex(r"[a-z0-9_-]{1,55}", fullmatch=True)
TRANSFERS = st.integers(0, MAX_TRANSFER)


def written(proc, file, off, data):
    return Pwrite(file, off, len(data), data=data, proc=proc)


EXTRA = st.integers(0, 31).map(MapFlag)
REMAP = st.integers(0, 7).map(RemapFlag)
AT = st.builds(Place, MAPS, PLACES)
ADVICE = st.sampled_from(ADVICES)


def new_mapping(proc, number, file, length, extra, at):
    """A mapping with all that may be said of one."""
    fixed = extra & (MapFlag.FIXED | MapFlag.NOREPLACE)
    off = Offset(0 if file is None else length)
    place = at if fixed or length % 2 else None
    flags = Sharing.PRIVATE
    return Mmap(number, file, off, length, Prot.R, flags, extra, place, proc=proc)


def moved_mapping(proc, to, number, off, length, flags, at):
    at = at if RemapFlag.FIXED in flags else None
    return Mremap(number, off, to=to, len=length, new=7, flags=flags, at=at, proc=proc)


def visit(proc, number, off, via, data, kind):
    """A peek or a poke; data as long as what is asked for, at least a word."""
    if via is Via.PTRACE:
        data = data[: len(data) - len(data) % WORD] or bytes(WORD)
    what = {"len": len(data)} if kind is Peek else {"data": data}
    return kind(number, off, **what, via=via, proc=proc)


OPERATIONS = st.one_of(
    st.builds(Open, FILES, PATHS, st.sampled_from(list(Mode)), proc=PROCS),
    st.builds(Close, FILES, proc=PROCS),
    st.builds(Mknod, FILES, FILES, st.sampled_from(list(Mode)), proc=PROCS),
    st.builds(Lseek, FILES, st.sampled_from(list(Whence)), U64, proc=PROCS),
    st.builds(
        Mmap, MAPS, FILES, OFFSETS, U64, PROT, st.sampled_from(Sharing), proc=PROCS
    ),
    st.builds(new_mapping, PROCS, MAPS, st.none() | FILES, U64, EXTRA, AT),
    st.builds(Memfd, FILES, U64, proc=PROCS),
    st.builds(moved_mapping, PROCS, MAPS, MAPS, PLACES, U64, REMAP, AT),
    st.builds(Munmap, MAPS, PLACES, LENGTHS, proc=PROCS),
    st.builds(Madvise, MAPS, PLACES, LENGTHS, advice=ADVICE, proc=PROCS),
    st.builds(
        Msync,
        *(MAPS, PLACES, LENGTHS),
        flags=st.frozensets(st.sampled_from(SyncFlag), min_size=1),
        proc=PROCS,
    ),
    st.builds(Mlock, MAPS, PLACES, LENGTHS, proc=PROCS),
    st.builds(Munlock, MAPS, PLACES, LENGTHS, proc=PROCS),
    st.builds(Mincore, MAPS, PLACES, LENGTHS, proc=PROCS),
    st.builds(Pagemap, MAPS, PLACES, LENGTHS, proc=PROCS),
    st.builds(Kpageflags, MAPS, PLACES, LENGTHS, proc=PROCS),
    st.builds(Kpagecount, MAPS, PLACES, LENGTHS, proc=PROCS),
    st.builds(Smaps, MAPS, PLACES, proc=PROCS),
    st.builds(Faults, proc=PROCS),
    st.builds(Limit, U64, proc=PROCS),
    st.builds(
        Userfault, MAPS, PLACES, LENGTHS, answer=st.sampled_from(Answer), proc=PROCS
    ),
    st.builds(Mprotect, MAPS, PLACES, LENGTHS, prot=PROT, proc=PROCS),
    st.builds(Load, MAPS, PLACES, width=WIDTH, proc=PROCS),
    st.builds(Store, MAPS, PLACES, width=WIDTH, value=U64, proc=PROCS),
    st.builds(
        Fill, MAPS, PLACES, LENGTHS, width=WIDTH, seed=U64, order=ORDER, proc=PROCS
    ),
    st.builds(Digest, MAPS, PLACES, LENGTHS, width=WIDTH, order=ORDER, proc=PROCS),
    *(
        st.builds(
            visit, PROCS, MAPS, PLACES, st.sampled_from(ways), SPELLED, st.just(kind)
        )
        for kind, ways in ((Peek, PEEK_WAYS), (Poke, POKE_WAYS))
    ),
    st.builds(Pread, FILES, OFFSETS, TRANSFERS, st.none() | AT, proc=PROCS),
    st.builds(Pwrite, FILES, OFFSETS, TRANSFERS, U64, proc=PROCS),
    st.builds(written, PROCS, FILES, OFFSETS, SPELLED),
    st.builds(Fork, PEERS, proc=PROCS),
    st.builds(Thread, PEERS, proc=PROCS),
    st.builds(Wait, PEERS, proc=PROCS),
    st.builds(Drop, st.sampled_from(CAPABILITIES), proc=PROCS),
    st.builds(Request, SPELLED, proc=PROCS),
    st.builds(Request, st.builds(Ready, st.sampled_from(Change), PATHS), proc=PROCS),
    st.builds(Insmod, PATHS, st.just("") | MODULES, proc=PROCS),
    st.builds(Rmmod, MODULES, proc=PROCS),
    st.builds(FailNth, st.integers(0, MAX_NTH), proc=PROCS),
)


INSIDE = OPERATIONS.filter(lambda op: not isinstance(op, CHANGES_TASKS))
PARTS = st.tuples(st.just(False), st.lists(OPERATIONS, max_size=2)) | st.tuples(
    st.just(True), st.lists(INSIDE, min_size=1, max_size=2)
)


def joined(parts):
    """Return the program of parts: whether they are blocks, and operations."""
    operations, blocks = (), ()
    for is_block, part in parts:
        if is_block:
            blocks += ((len(operations), len(operations) + len(part)),)
        operations += tuple(part)
    return Program(operations, blocks)


PROGRAMS = st.lists(PARTS, max_size=3).map(joined)


@given(PROGRAMS)
def test_text_of_a_program_is_read_as_that_program(program):
    assert parse_program(format_program(program)) == program


def test_block_is_told_apart_by_the_lines_around_it():
    text = "close f0\ntogether\n  p0: close f1\n  p1: close f2\nend\nclose f3\n"
    program = parse_program(text)
    assert program.blocks == ((1, 3),)
    assert [op.proc for op in program] == [0, 0, 1, 0]
    assert format_program(program) == text


def test_comments_and_expected_results_are_passed_over():
    program = parse_program("# nothing\n\n  close f1   # the file\nclose f2 => EBADF\n")
    assert program == Program((Close(1), Close(2)))


def test_keys_may_come_in_any_order():
    one = parse_operation("mmap m1 f2 off=arena+0x10 len=8 prot=rw flags=shared")
    two = parse_operation("mmap m1 f2 flags=shared prot=wr len=0x8 off=arena+16")
    assert one == two


# Text, and the column of what is wrong. agent/parse.c has to agree.
MALFORMED = [
    ("lod m0 4", 1),
    ("p1:", 4),
    ("p16: close f0", 1),
    ("p: close f0", 1),
    ("open", 5),
    ("open f0", 8),
    ("open f32 /dev/x rdonly", 6),
    ("open f0 /dev/x", 15),
    ("open f0 /dev/x rw", 16),
    ("open f0 /dev/x rdonly more", 23),
    ("close m0", 7),
    ("close f0 f1", 10),
    ("close f100", 7),
    ("close f", 7),
    ("mknod f0", 9),
    ("mknod f0 /dev/x rdonly", 10),
    ("mknod f0 f1", 12),
    ("mknod f0 f1 rw", 13),
    ("lseek f0", 9),
    ("lseek f0 begin 0", 10),
    ("lseek f0 set", 13),
    ("lseek f0 set -1", 14),
    ("mmap m0 f0 off=0 len=1 prot=r", 30),
    ("mmap m0 f0 off=0 len=1 prot=r flags=fixed", 37),
    ("mmap m0 f0 off=0 len=1 prot=q flags=shared", 29),
    ("mmap m0 f0 off=0 len=1 prot=rr flags=shared", 29),
    ("mmap m0 f0 off=0 len=1 len=2 prot=r flags=shared", 24),
    ("mmap m0 f0 off=0 size=1 prot=r flags=shared", 18),
    ("mmap m0 f0 off= len=1 prot=r flags=shared", 16),
    ("mmap m0 f0 off=0 len=0x prot=r flags=shared", 22),
    ("mmap m0 f0 off=0 len=18446744073709551616 prot=r flags=shared", 22),
    ("mmap m0 f0 0x1000 len=1 prot=r flags=shared", 12),
    ("mmap m0 - off=0 len=1 prot=r flags=shared", 11),
    ("mmap m0 x off=0 len=1 prot=r flags=shared", 9),
    ("mmap m0 f0 off=0 len=1 prot=r flags=", 37),
    ("mmap m0 f0 off=0 len=1 prot=r flags=shared,", 44),
    ("mmap m0 f0 off=0 len=1 prot=r flags=shared,private", 37),
    ("mmap m0 f0 off=0 len=1 prot=r flags=shared,locked,locked", 51),
    ("mmap m0 f0 off=0 len=1 prot=r flags=shared,fixed", 49),
    ("mmap m0 - len=1 prot=r flags=shared at=m64", 40),
    ("memfd f0", 9),
    ("mremap m0", 10),
    ("mremap m0 m1 len=1", 19),
    ("mremap m0 m1 len=1 new=2 flags=fixed", 37),
    ("mremap m0 m1 len=1 new=2 at=m1", 31),
    ("mremap m0 m1 len=1 new=2 flags=maymove,big", 40),
    ("madvise m0", 11),
    ("madvise m0 better", 12),
    ("madvise m0 cold off=1", 17),
    ("msync m0", 9),
    ("msync m0 sync,sync", 15),
    ("mincore", 8),
    ("pagemap", 8),
    ("kpageflags m0 4", 15),
    ("kpagecount m0 width=4", 15),
    ("smaps", 6),
    ("smaps m0 len=4", 10),
    ("faults m0", 8),
    ("limit", 6),
    ("userfault m0", 13),
    ("userfault m0 sleep", 14),
    ("userfault m0 wake off=1", 19),
    ("munmap m64", 8),
    ("munmap m0+", 11),
    ("munmap m0+x", 11),
    ("munmap m0 width=4", 11),
    ("mprotect m0", 12),
    ("load m0", 8),
    ("load m0 3", 9),
    ("load m0+0x10000000000000000 4", 9),
    ("load +4 4", 6),
    ("store m0 4", 11),
    ("store m0 4 x", 12),
    ("fill m0 len=3", 14),
    ("fill m0 len=4 width=8   ", 25),
    ("fill m0 order=random", 15),
    ("digest m0 seed=1", 11),
    ("peek m0", 8),
    ("peek m0 len=0", 14),
    ("peek m0 len=257", 16),
    ("poke m0", 8),
    ("poke m0 data=", 14),
    ("poke m0 data=00zz", 14),
    ("peek m0 len=8 via=", 19),
    ("peek m0 len=8 via=read", 19),
    ("peek m0 len=8 via=mem via=mem", 23),
    ("peek m0 via=splice", 19),
    ("peek m0 len=12 via=ptrace", 26),
    ("peek m0 len=0 via=ptrace", 25),
    ("poke m0 data=00 via=write", 21),
    ("poke m0 data=00 via=splice", 21),
    ("poke m0 data=00 via=ptrace", 27),
    ("load m0 4 via=mem", 11),
    ("fill m0 via=mem", 9),
    ("request", 8),
    ("request 00", 9),
    ("request =", 10),
    ("request =0", 10),
    ("request =00 =00", 13),
    ("request take /x", 9),
    ("request revoke", 15),
    ("request make " + 128 * "a", 14),
    ("request delete /x =00", 19),
    ("insmod", 7),
    ("insmod /" + 127 * "a", 8),
    ("insmod /a " + 256 * "b", 11),
    ("insmod /a b c", 13),
    ("rmmod", 6),
    ("rmmod " + 56 * "a", 7),
    ("rmmod a b", 9),
    ("fail-nth", 9),
    ("fail-nth x", 10),
    ("fail-nth 2147483648", 10),
    ("fail-nth 1 2", 12),
    ("pread f0 off=0", 15),
    ("pread f0 off=0 len=4194305", 27),
    ("pread f0 off=0 len=1 at=f0", 25),
    ("pwrite f0 off=0", 16),
    ("pwrite f0 off=0 data=0", 22),
    ("pwrite f0 off=0 data=0g", 22),
    ("pwrite f0 off=0 data=00 len=2", 30),
    ("pwrite f0 off=0 data=00 seed=2", 31),
    ("pwrite f0 off=0 seed=2 # pattern", 24),
    ("thread p0", 8),
    ("thread", 7),
    ("end", 1),
    (" end => ok", 2),
    ("end of it", 1),
    ("together now", 10),
    ("p1: together", 5),
    ("p1: end", 5),
    ("  together  # never ended", 3),
    ("fork p0", 6),
    ("fork p16", 6),
    ("wait p0", 6),
    ("drop root", 6),
    ("drop", 5),
]


@pytest.mark.parametrize(("text", "column"), MALFORMED, ids=[m[0] for m in MALFORMED])
def test_malformed_line_is_refused_with_its_place(text, column):
    with pytest.raises(ProgramError) as caught:
        parse_program(f"close f0\n{text}\n")
    assert (caught.value.line, caught.value.column) == (2, column)
    assert caught.value.message


# Text, and line and column of what is wrong.
MALFORMED_BLOCKS = {
    "a block in a block": ("together\nclose f0\n together\nend\nend", 3, 2),
    "an empty block": ("together\n# nothing\n\nend\n", 4, 1),
    "a second end": ("together\nclose f0\nend\nend", 4, 1),
    "words behind the end": ("together\nclose f0\nend  p1", 3, 6),
    "fork": ("together\np2: fork p1\nend", 2, 5),
    "thread": ("together\nthread p1\nend", 2, 1),
    "wait": ("together\nwait p0\nend", 2, 1),
    "drop": ("together\ndrop\nend", 2, 1),
    "an operation of nobody": ("together\nfrok p1\nend", 2, 1),
    "no end": ("close f0\n\ntogether # here\nclose f1\n\n", 3, 1),
}


@pytest.mark.parametrize("what", MALFORMED_BLOCKS)
def test_malformed_block_is_refused_with_its_place(what):
    text, line, column = MALFORMED_BLOCKS[what]
    with pytest.raises(ProgramError) as caught:
        parse_program(text)
    assert (caught.value.line, caught.value.column) == (line, column)


LONGEST = "close f0\n" * (MAX_OPERATIONS - 1) + "together\nclose f0\nend\n# end\n"


def test_program_that_is_too_long_is_refused():
    assert len(parse_program(LONGEST)) == MAX_OPERATIONS
    with pytest.raises(ProgramError, match="at most"):
        parse_program(f"{LONGEST}close f0\n")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        parse_program(text)
    except ProgramError as err:
        assert err.line >= 1
        assert err.column >= 1
