"""What mappings go through: munmap, mprotect, mremap."""

from mmapkit.errors import ModelError
from mmapkit.grades import MREMAP_OF_NOTHING
from mmapkit.model.mapping import Mapping
from mmapkit.model.state import Process, State
from mmapkit.model.vma import Island, Vma
from mmapkit.program import Mprotect, Mremap, Munmap, RemapFlag
from mmapkit.verdict import Errno, Ok, Result, Void


def munmap(state: State, mapping: Mapping, length: int, op: Munmap) -> Result:
    """Unmap pages; holes are no error: munmap(2), do_vmi_munmap()."""
    if op.off % state.page or length == 0:
        return Errno("EINVAL")
    first = mapping.index(op.off)
    mapping.island.remove(
        first, first + state.page_up(length) // state.page, state.page
    )
    return Ok()


def mprotect(state: State, mapping: Mapping, length: int, op: Mprotect) -> Result:
    """Change the protection of pages; mprotect(2).

    do_mprotect_pkey(): VMA by VMA; what lies before the first hole, or the
    first refusal, is changed.
    """
    if op.off % state.page:
        return Errno("EINVAL")
    island = mapping.island
    index = mapping.index(op.off)
    end = index + state.page_up(length) // state.page
    while index < end:
        vma = island.find(index)
        if vma is None:
            return Errno("ENOMEM")
        if op.prot & ~vma.may:
            return Errno("EACCES")
        stop = min(end, vma.end)
        # mprotect_fixup(): a VMA that has that protection is left alone.
        if vma.prot != op.prot:
            for part in island.carve(index, stop, state.page):
                part.prot = op.prot
        index = stop
    return Ok()


def mremap(state: State, process: Process, mapping: Mapping, op: Mremap) -> Result:
    """Shrink, grow or move a mapping; mremap(2), mm/mremap.c."""
    if op.at is not None and op.at.map not in process.maps:
        return Void()
    place = None if op.at is None else process.maps[op.at.map]
    mapping.check(op.off, max(op.len, op.new))
    if place is not None and op.at is not None:
        place.check(op.at.off, op.new)
    result = _Remap(state, process, mapping, place, op).run()
    if not isinstance(result, Ok):
        process.maps.pop(op.to, None)
    return result


class _Remap:
    """One call of mremap(); lengths and places in pages."""

    def __init__(
        self,
        state: State,
        process: Process,
        mapping: Mapping,
        place: Mapping | None,
        op: Mremap,
    ) -> None:
        self.state = state
        self.process = process
        self.island = mapping.island
        self.op = op
        self.first = mapping.index(op.off)
        self.old = state.page_up(op.len) // state.page
        self.new = state.page_up(op.new) // state.page
        self.place = place
        self.target = 0
        if place is not None and op.at is not None:
            self.target = place.at * state.page + op.at.off

    def run(self) -> Result:
        flags = self.op.flags
        refusal = self._refuse_call()
        vma = self.island.find(self.first)
        if vma is None:
            # Kernels look at the rest of the call before this, or after it.
            due = refusal or Errno("EFAULT")
            return self.state.choose(MREMAP_OF_NOTHING, due, Errno("EFAULT"))
        if refusal is not None:
            return refusal
        if RemapFlag.FIXED in flags or RemapFlag.DONTUNMAP in flags:
            return self._to(vma)
        if self.old >= self.new:
            # Always allowed, whatever VMAs the end lies in.
            end = self.first + self.old
            self.island.remove(self.first + self.new, end, self.state.page)
            return self._done(self.island, self.first)
        if refusal := self._refuse_growth(vma):
            return refusal
        return self._grow(vma)

    def _done(self, island: Island, first: int) -> Result:
        size = self.new * self.state.page
        to = self.op.to
        self.process.maps[to] = Mapping(to, island, first, size, self.state.page)
        return Ok()

    def _refuse_call(self) -> Errno | None:
        """Apply what can be said of the call alone."""
        op, page = self.op, self.state.page
        moves = RemapFlag.MAYMOVE in op.flags
        if op.flags & (RemapFlag.FIXED | RemapFlag.DONTUNMAP) and not moves:
            return Errno("EINVAL")
        if RemapFlag.DONTUNMAP in op.flags and op.len != op.new:
            return Errno("EINVAL")
        if op.off % page or not self.new:
            return Errno("EINVAL")
        if RemapFlag.FIXED not in op.flags:
            return None
        if self.target % page:
            return Errno("EINVAL")
        target = self.target // page
        # vrm_overlaps(): the two ranges as they are asked for.
        assert self.place is not None
        if (
            self.place.island is self.island
            and self.first < target + self.new
            and target < self.first + self.old
        ):
            return Errno("EINVAL")
        return None

    def _refuse_growth(self, vma: Vma) -> Errno | None:
        """Apply vma_to_resize(), check_prep_vma() in newer kernels."""
        old, new = self.old, self.new
        if not old and not vma.shared:
            return Errno("EINVAL")
        if RemapFlag.DONTUNMAP in self.op.flags and vma.kind.fixed:
            return Errno("EINVAL")
        if old > vma.end - self.first:
            if not vma.kind.special and self.island.find(vma.end):
                raise ModelError("mremap: nobody knows which VMAs were merged")
            return Errno("EFAULT")
        if new == old:
            return None
        if vma.kind.fixed:
            return Errno("EFAULT")
        if self.process.exceeds(new - old):
            return Errno("ENOMEM")
        return None

    def _to(self, vma: Vma) -> Result:
        """Move to where the call says, or away; mremap_to()."""
        page = self.state.page
        last = self.first + min(self.old, self.new)
        spans = last > vma.end
        fixed = RemapFlag.FIXED in self.op.flags
        target = self.target // page
        taken = (
            fixed
            and self.place is not None
            and any(self.place.island.within(target, target + self.new))
        )
        whole = self.old
        if self.old > self.new:
            self.old = self.new
        refusal = self._refuse_growth(vma)
        if spans and self.state.traits.moves_many and fixed and whole == self.new:
            refusal = self._refuse_many(vma)
        # mremap_to(): what stays behind is as much again.
        stays = RemapFlag.DONTUNMAP in self.op.flags
        if stays and refusal is None and self.process.exceeds(self.old):
            if spans:
                raise ModelError("mremap: some of it moves, and then it is refused")
            refusal = Errno("ENOMEM")
        if taken and (refusal is not None or spans):
            raise ModelError("mremap: kernels differ in what becomes of the target")
        if whole > self.new and refusal is not None:
            raise ModelError("mremap: kernels differ in whether the end is unmapped")
        if refusal is not None:
            return refusal
        if taken:
            assert self.place is not None
            self.place.island.remove(target, target + self.new, page)
        if whole > self.new:
            self.island.remove(self.first + self.new, self.first + whole, page)
        if not self.old:
            raise ModelError("mremap: a second mapping of the same memory")
        if fixed:
            assert self.place is not None
            return self._move(self.place.island, target)
        return self._move(self._elsewhere(), 0)

    def _refuse_many(self, vma: Vma) -> Errno | None:
        """Apply vma_multi_allowed(): no file has a say in where it is mapped.

        Of those here, /dev/zero has (get_unmapped_area_zero()).
        """
        single = [
            other
            for other in self.island.within(self.first, self.first + self.old)
            if other.kind.file and not (other.kind.special or other.kind.object)
        ]
        if vma in single:
            return Errno("EFAULT")
        if single:
            raise ModelError("mremap: some of it moves, and then it is refused")
        return None

    def _elsewhere(self) -> Island:
        """Return a place of the kernel's choice."""
        island = Island(pages=self.new)
        self.process.islands.append(island)
        return island

    def _move(self, island: Island, target: int) -> Result:
        """Move page tables: move_vma(). What grows is not there yet."""
        page = self.state.page
        stays = RemapFlag.DONTUNMAP in self.op.flags
        for vma in self.island.remove(self.first, self.first + self.old, page):
            if stays:
                # The old VMA is as new: its pages have gone with the tables.
                rest = vma.part(vma.first, vma.end, page)
                rest.private, rest.touched = {}, set()
                rest.flags -= {"locked"}
                self.island.insert(rest)
            island.insert(vma.moved(target - self.first))
        grown = island.find(target)
        assert grown is not None
        grown.grow(self.new - self.old)
        return self._done(island, target)

    def _grow(self, vma: Vma) -> Result:
        """Grow in place where there is room, or move; mremap_at()."""
        if not self.old:
            raise ModelError("mremap: a second mapping of the same memory")
        free = not any(self.island.within(self.first + self.old, self.first + self.new))
        if self.first + self.old == vma.end and free:
            if self.island.pages is not None:
                raise ModelError("mremap: nobody knows what lies behind")
            vma.grow(self.new - self.old)
            return self._done(self.island, self.first)
        if RemapFlag.MAYMOVE not in self.op.flags:
            return Errno("ENOMEM")
        return self._move(self._elsewhere(), 0)
