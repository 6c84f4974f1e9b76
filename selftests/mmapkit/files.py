"""Files of the machine under test, read by programs like everything else."""

from mmapkit.errors import TargetError
from mmapkit.machine import Machine
from mmapkit.program import MAX_DATA, Mode, Offset, Open, Pread, Program
from mmapkit.verdict import Data, Errno, Verdict

#: pread()s of the first program on a file, and of those that follow
_FEW, _MANY = 16, 256


def read_bytes(machine: Machine, path: str, offset: int, length: int) -> bytes:
    """Return bytes of a file; fewer where it ends before."""
    found = bytearray()
    limit = _FEW
    while len(found) < length:
        reads: list[Pread] = []
        at = offset + len(found)
        end = offset + length
        while at < end and len(reads) < limit:
            count = min(MAX_DATA, end - at)
            reads.append(Pread(0, Offset(at), count))
            at += count
        program = Program((Open(0, path, Mode.RDONLY), *reads))
        outcome = machine.run(program)
        opened, *results = outcome.results
        if outcome.verdict is not Verdict.OK or isinstance(opened, Errno):
            raise TargetError(f"{path}: {opened}, {outcome.verdict.value}")
        for read, result in zip(reads, results, strict=True):
            if not isinstance(result, Data):
                raise TargetError(f"{path}: pread at {read.off.delta:#x}: {result}")
            found += result.data
            if len(result.data) < read.len:
                return bytes(found)
        limit = _MANY
    return bytes(found)


def read_text(machine: Machine, path: str) -> str:
    """Return the text of a file of at most 256 KiB, as in /proc and /sys."""
    return read_bytes(machine, path, 0, 256 << 10).decode(errors="replace")
