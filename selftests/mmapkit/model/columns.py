"""What legitimately differs by the way in which a driver maps: one table.

remap_pfn_range() and its like make special PTEs, of which mm knows no page;
vm_insert_page() and vmf->page make PTEs that lead to one. All that follows from
that for who looks is here, and each row holds in both directions: a mapping of
PFNs that counts in the RSS is wrong, and one of pages that does not as well.

Sources: vm_normal_page(), remap_pfn_range(), vm_insert_page() in mm/memory.c;
smaps_account() and pte_to_pagemap_entry() in fs/proc/task_mmu.c.
"""

from dataclasses import dataclass

from mmapkit.model.vma import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A way to map.

    flags: those of VmFlags that the way decides about. counted: a PTE that leads to
    memory of the object counts in RSS and kpagecount, and as one of a file.
    told: pagemap shows PFNs, private copies among them.
    """

    flags: frozenset[str]
    counted: bool
    told: bool


#: what the way decides about; none of it may be there unless its column says so
DECIDED = frozenset({"io", "pf", "mm", "de", "dd"})

#: remap_pfn_range(), vmf_insert_pfn(). walk_page_test() passes VM_PFNMAP over.
PFN = Column(frozenset({"io", "pf", "de", "dd"}), counted=False, told=False)
#: vmf_insert_mixed() where pages may be copied
PFN_COPIED = Column(frozenset({"io", "mm", "de", "dd"}), counted=False, told=True)
#: vm_insert_page(), vm_insert_pages(), remap_vmalloc_range()
PAGE = Column(frozenset({"mm", "de", "dd"}), counted=True, told=True)
#: vmf->page
PAGE_BY_FAULT = Column(frozenset({"de", "dd"}), counted=True, told=True)
#: memory of the kernel's own
OBJECT = Column(frozenset(), counted=True, told=True)


def column(kind: Kind) -> Column:
    """Return the way that a VMA was mapped by."""
    if not kind.special:
        return OBJECT
    if kind.pages:
        return PAGE if kind.eager else PAGE_BY_FAULT
    return PFN if kind.pfnmap else PFN_COPIED
