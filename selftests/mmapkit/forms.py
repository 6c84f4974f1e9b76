"""What the line of each operation looks like; forms_space.py has more of them."""

from collections.abc import Callable

from mmapkit import forms_space
from mmapkit.program import (
    CAPABILITIES,
    MAX_DATA,
    MAX_MODULE,
    MAX_NTH,
    MAX_PATH,
    MAX_TRANSFER,
    PEEK_WAYS,
    POKE_WAYS,
    WORD,
    Change,
    Close,
    Digest,
    Drop,
    FailNth,
    Fill,
    Fork,
    Insmod,
    Load,
    Lseek,
    Mknod,
    Mode,
    Open,
    Operation,
    Peek,
    Poke,
    Pread,
    Pwrite,
    Ready,
    Request,
    Rmmod,
    Store,
    Thread,
    Via,
    Wait,
    Whence,
)
from mmapkit.words import Line, Token, by_value


def _path(line: Line) -> str:
    path = line.next("path")
    if len(path.text.encode()) > MAX_PATH:
        line.fail(path.column, f"a path of 1 to {MAX_PATH} bytes is due")
    return path.text


def _mode(line: Line) -> Mode:
    return line.choice(line.next("mode"), "mode", by_value(Mode))


def _parse_open(line: Line) -> Operation:
    return Open(line.file(), _path(line), _mode(line))


def _parse_mknod(line: Line) -> Operation:
    return Mknod(line.file(), line.file(), _mode(line))


def _parse_lseek(line: Line) -> Operation:
    file = line.file()
    whence = line.choice(line.next("set, cur or end"), "whence", by_value(Whence))
    return Lseek(file, whence, line.number_in(line.next("number")))


def _parse_close(line: Line) -> Operation:
    return Close(line.file())


def _parse_load(line: Line) -> Operation:
    return Load(**line.place(), width=line.width(line.next("width")))


def _parse_store(line: Line) -> Operation:
    return Store(
        **line.place(),
        width=line.width(line.next("width")),
        value=line.number_in(line.next("value")),
    )


def _whole_accesses(line: Line, op: Fill | Digest) -> Operation:
    if op.len is not None and op.len % op.width:
        line.fail(line.end, f"len is not a multiple of width={op.width}")
    return op


def _parse_fill(line: Line) -> Operation:
    op = Fill(**line.place(), **line.pairs(may="len width seed order"))
    return _whole_accesses(line, op)


def _parse_digest(line: Line) -> Operation:
    op = Digest(**line.place(), **line.pairs(may="len width order"))
    return _whole_accesses(line, op)


def _transfer(line: Line, op: Pread | Pwrite) -> Operation:
    if op.len > MAX_TRANSFER:
        line.fail(line.end, f"len is at most {MAX_TRANSFER} here")
    return op


def _parse_pread(line: Line) -> Operation:
    return _transfer(line, Pread(line.file(), **line.pairs(must="off len", may="at")))


def _parse_peek(line: Line) -> Operation:
    place, via = line.place(), _via(line, PEEK_WAYS)
    op = Peek(**place, **line.pairs(must="len", may="via", via=via))
    if not 0 < op.len <= MAX_DATA:
        line.fail(line.end, f"len is 1 to {MAX_DATA} here")
    return _whole_words(line, op, op.len)


def _parse_poke(line: Line) -> Operation:
    place, via = line.place(), _via(line, POKE_WAYS)
    op = Poke(**place, **line.pairs(must="data", may="via", via=via))
    return _whole_words(line, op, len(op.data))


def _via(line: Line, ways: tuple[Via, ...]) -> Callable[[Token], Via]:
    """Return what reads one of some ways of the kernel."""
    return lambda token: line.name(token, "via", {way.value: way for way in ways})


def _whole_words(line: Line, op: Peek | Poke, length: int) -> Operation:
    if op.via is Via.PTRACE and length % WORD:
        line.fail(line.end, f"via=ptrace takes whole words of {WORD} bytes")
    return op


def _parse_pwrite(line: Line) -> Operation:
    file = line.file()
    found = line.pairs(must="off", may="len seed data")
    if "len" not in found and "data" not in found:
        line.fail(line.end, "missing len= or data=")
    if "data" in found:
        if "seed" in found:
            line.fail(line.end, "seed= and data= exclude one another")
        if found.setdefault("len", len(found["data"])) != len(found["data"]):
            line.fail(line.end, "len= and data= differ")
    return _transfer(line, Pwrite(file, **found))


def _parse_fork(line: Line) -> Operation:
    return Fork(line.peer())


def _parse_thread(line: Line) -> Operation:
    return Thread(line.peer())


def _parse_wait(line: Line) -> Operation:
    return Wait(line.peer())


def _parse_drop(line: Line) -> Operation:
    token = line.next("capability")
    return Drop(line.choice(token, "capability", {name: name for name in CAPABILITIES}))


def _parse_request(line: Line) -> Operation:
    token = line.next("=HEX")
    if token.text.startswith("="):
        return Request(line.data(Token(token.text[1:], token.column + 1)))
    change = line.choice(token, "a request", by_value(Change))
    return Request(Ready(change, _path(line)))


def _parse_insmod(line: Line) -> Operation:
    path = _path(line)
    if not line.tokens:
        return Insmod(path)
    options = line.next("options")
    if len(options.text.encode()) >= MAX_DATA:
        line.fail(options.column, f"options of at most {MAX_DATA - 1} bytes are due")
    return Insmod(path, options.text)


def _parse_rmmod(line: Line) -> Operation:
    token = line.next("module")
    if len(token.text.encode()) > MAX_MODULE:
        line.fail(token.column, f"a name of 1 to {MAX_MODULE} bytes is due")
    return Rmmod(token.text)


def _parse_fail_nth(line: Line) -> Operation:
    token = line.next("number")
    nth = line.number_in(token)
    if nth > MAX_NTH:
        line.fail(token.column, f"a number up to {MAX_NTH} is due")
    return FailNth(nth)


FORMS: dict[type[Operation], Callable[[Line], Operation]] = {
    Open: _parse_open,
    Close: _parse_close,
    Mknod: _parse_mknod,
    Lseek: _parse_lseek,
    **forms_space.FORMS,
    Load: _parse_load,
    Store: _parse_store,
    Fill: _parse_fill,
    Digest: _parse_digest,
    Peek: _parse_peek,
    Poke: _parse_poke,
    Pread: _parse_pread,
    Pwrite: _parse_pwrite,
    Fork: _parse_fork,
    Thread: _parse_thread,
    Wait: _parse_wait,
    Drop: _parse_drop,
    Request: _parse_request,
    Insmod: _parse_insmod,
    Rmmod: _parse_rmmod,
    FailNth: _parse_fail_nth,
}
