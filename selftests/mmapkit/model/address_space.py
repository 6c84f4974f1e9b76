"""New mappings: mmap, memfd, and how much a process may map."""

from mmapkit.errors import ModelError
from mmapkit.grades import LATE_ERROR, PAST_THE_END
from mmapkit.model import residence
from mmapkit.model.mapping import Mapping
from mmapkit.model.state import File, Process, State
from mmapkit.model.vma import UNKNOWN, Island, Kind, Vma
from mmapkit.program import U64, Limit, MapFlag, Memfd, Mmap, Mode, Prot, Sharing
from mmapkit.target import Node
from mmapkit.verdict import Errno, Ok, Result, Void

#: the kernel's own objects
_OBJECT = Kind(object=True, file=True)


def memfd(state: State, process: Process, op: Memfd) -> Result:
    """Make a file of zeros in memory; memfd_create(2), ftruncate(2)."""
    node = Node("memfd", "memfd", start=state.memory.own(), size=op.len)
    process.files[op.file] = File(node, Mode.RDWR, object=True)
    return Ok()


def limit(state: State, process: Process, op: Limit) -> Result:
    """Allow so many bytes more than are mapped now; setrlimit(2), RLIMIT_AS."""
    if [task.process for task in state.tasks.values()].count(process) > 1:
        raise ModelError("limit: nobody knows what threads take of it")
    process.limit = process.pages + op.bytes // state.page
    return Ok()


def mmap(state: State, process: Process, op: Mmap) -> Result:
    """Map a file, or memory of nobody; mmap(2)."""
    if op.at is not None and op.at.map not in process.maps:
        return Void()
    place = None if op.at is None else process.maps[op.at.map]
    if place is not None and op.at is not None:
        place.check(op.at.off, op.len)
    target = 0 if op.at is None or place is None else place.at * state.page + op.at.off
    refusal = _refuse(state, process, op, place, target)
    # What was under that handle stays mapped, and cannot be named any more.
    process.maps.pop(op.map, None)
    if refusal is not None:
        return refusal

    size = state.page_up(op.len)
    count = size // state.page
    island, first = _room(state, process, op, place, target, count)
    if MapFlag.FIXED in op.extra:
        # do_mmap(), MAP_FIXED: whatever was there is unmapped.
        island.remove(first, first + count, state.page)
    vma = _vma(state, process, op, first, count)
    island.insert(vma)
    process.maps[op.map] = Mapping(op.map, island, first, size, state.page)
    if op.extra & (MapFlag.POPULATE | MapFlag.LOCKED):
        # mm_populate(): errors are nobody's business, and end it.
        residence.populate(state, island, first, first + count)
    return Ok()


def mmap_begin(state: State, op: Mmap) -> Result | None:
    """Have the driver map; mm makes the VMA known afterwards: mmap_region().

    vma_link() puts it where a revoke looks for mappings of the object.
    """
    process = state.tasks[op.proc].process
    result = mmap(state, process, op)
    if result != Ok():
        return result
    vma = process.maps[op.map].vma(0)
    assert vma is not None
    vma.flags |= {UNKNOWN}
    return None


def mmap_end(state: State, op: Mmap) -> Result:
    """Make the VMA known."""
    vma = state.tasks[op.proc].process.maps[op.map].vma(0)
    assert vma is not None
    vma.flags -= {UNKNOWN}
    return Ok()


def _room(
    state: State,
    process: Process,
    op: Mmap,
    place: Mapping | None,
    target: int,
    count: int,
) -> tuple[Island, int]:
    """Return where a mapping goes: an island, and a page of it."""
    first = target // state.page
    if place is not None and (
        op.extra & (MapFlag.FIXED | MapFlag.NOREPLACE)
        or not any(place.island.within(first, first + count))
    ):
        # get_unmapped_area(): a hint is taken where that is free.
        return place.island, first
    island = Island(pages=None if place is None else count)
    process.islands.append(island)
    return island, 0


def _vma(state: State, process: Process, op: Mmap, first: int, count: int) -> Vma:
    shared = op.flags is Sharing.SHARED
    may = Prot.R | Prot.W | Prot.X
    flags = frozenset({"locked"} if MapFlag.LOCKED in op.extra else ())
    file = None if op.file is None else process.files[op.file]
    # do_mmap(): a shared mapping of a file that is not open for writing
    # loses VM_MAYWRITE; a private one keeps it.
    if file is not None and shared and not file.writable:
        may &= ~Prot.W
    if file is not None and state.traits.noexec and not file.object:
        may &= ~Prot.X
    off = state.target.resolve(op.off)
    if file is None or file.zero:
        # shmem_zero_setup(): an object as large as the mapping.
        memory = state.memory.own()
        kind = _OBJECT if shared else Kind(file=file is not None)
        start = memory + off if shared else None
        end = memory + state.page_up(op.len) if shared else None
        return Vma(first, count, start, end, kind, shared, op.prot, may, flags)

    if file.object:
        assert file.node.size is not None
        end = file.node.start + state.page_up(file.node.size)
        start = file.node.start + off
        return Vma(first, count, start, end, _OBJECT, shared, op.prot, may, flags)
    start = state.memory.own() if file.node.owns else file.node.start
    kind = kind_of(file.node, cow=not shared)
    # mmap_region(): VM_SPECIAL mappings are never locked.
    limit = None if file.node.size is None else start + file.node.size
    start += off
    origin = file.origin
    return Vma(first, count, start, limit, kind, shared, op.prot, may, origin=origin)


def kind_of(node: Node, *, cow: bool) -> Kind:
    """Return what sort of VMA a driver makes; driver.rst has the table.

    A lazy one of PFNs is VM_MIXEDMAP where pages may be copied, as copies in a
    VM_PFNMAP one are told from PFNs by their linear order (vm_normal_page()).
    """
    return Kind(
        file=True,
        pfnmap=not node.pages and (node.eager or not cow),
        io=not node.pages,
        special=True,
        fixed=True,
        eager=node.eager,
        pages=node.pages,
        around=node.around,
        tracked=node.tracked,
        contiguous=node.contiguous,
        uses=node.uses,
    )


def _refuse(
    state: State, process: Process, op: Mmap, place: Mapping | None, target: int
) -> Result | None:
    """Apply the checks of sys_mmap(), do_mmap() and the driver, in order."""
    off = state.target.resolve(op.off)
    size = state.page_up(op.len)
    file = None if op.file is None else process.files.get(op.file)
    if off % state.page:
        return Errno("EINVAL")
    if op.file is not None and file is None:
        return Errno("EBADF")
    if op.len == 0:
        return Errno("EINVAL")
    if size > state.traits.address_space:
        return Errno("ENOMEM")
    # file_mmap_ok(): the last byte has to have an offset.
    if file is not None and off // state.page > (U64 - size) // state.page:
        return Errno("EOVERFLOW")
    fixed = op.extra & (MapFlag.FIXED | MapFlag.NOREPLACE)
    if fixed and target % state.page:
        return Errno("EINVAL")
    first = target // state.page
    taken = place is not None and any(
        place.island.within(first, first + size // state.page)
    )
    if MapFlag.NOREPLACE in op.extra and taken:
        return Errno("EEXIST")
    if file is not None and (refusal := _refuse_file(state, op, file)):
        return refusal
    if process.exceeds(size // state.page):
        if fixed and taken:
            raise ModelError("mmap: kernels differ in what becomes of the old mapping")
        return Errno("ENOMEM")
    refusal = _refuse_memory(state, op, file, off, size)
    if refusal is not None and fixed and taken:
        raise ModelError("mmap: kernels differ in what becomes of the old mapping")
    return refusal


def _refuse_file(state: State, op: Mmap, file: File) -> Errno | None:
    """Apply the checks of do_mmap() of what the file may be used for."""
    if op.flags is Sharing.SHARED and Prot.W in op.prot and not file.writable:
        return Errno("EACCES")
    if not file.readable:
        return Errno("EACCES")
    if state.traits.noexec and not file.object and Prot.X in op.prot:
        return Errno("EPERM")
    return None


def _refuse_memory(
    state: State, op: Mmap, file: File | None, off: int, size: int
) -> Errno | None:
    """Apply the checks of mmap_region(), and those of the driver."""
    # Memory that copies may need is accounted for before the driver is asked.
    accounted = op.flags is Sharing.PRIVATE and Prot.W in op.prot
    nobody = file is None or file.zero
    accounted = accounted or (nobody and op.flags is Sharing.SHARED)
    reserves = MapFlag.NORESERVE not in op.extra
    if accounted and reserves and size > state.traits.commit:
        return Errno("ENOMEM")
    if file is None or file.object or file.zero:
        return None
    if state.beyond(file.node, off, size):
        refusal = _past_the_end(state, file.node)
        if refusal is not None:
            return refusal
    return Errno("ENODEV") if file.origin in state.revoked else None


def _past_the_end(state: State, node: Node) -> Errno | None:
    """Refuse a mapping that leaves its object; None where a fault is to tell.

    mmap(2) has EINVAL for an offset or a length that it does not like. The driver
    of somebody else may have promised less than memphys, of which it is due.
    """
    due = Errno("EINVAL")
    if not node.foreign:
        return due
    found = state.choose(PAST_THE_END, due, Errno("ENXIO"))
    if found == due and not node.eager:
        found = state.choose(LATE_ERROR, due, Ok())
    return found if isinstance(found, Errno) else None
