"""What the claims of a run are about, where that is not all that the driver offers.

A subject is a method of the driver, or a device file of anybody, together with the
reference method that it has to do as. That one says what is due: a subject that
was asked what it can do might make right of what it does wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mmapkit.control import Control, Method, MethodFlag
from mmapkit.errors import TargetError
from mmapkit.target import Node

_FOLDER = "/dev/memphys/"
_SORTS = ("window", "own")


@dataclass(frozen=True, slots=True)
class Subject:
    """A method by its name, or a device file by its path.

    kind: the reference method. window: the method has a node of its name that
    shows all of physical memory. own: each mmap() of the device has memory of
    its own, which is zero.
    """

    name: str
    kind: str
    window: bool = False
    own: bool = False

    @property
    def is_device(self) -> bool:
        """It is a file, and no method."""
        return self.name.startswith("/")

    @property
    def path(self) -> str:
        """The node: of the device, or of the window."""
        return self.name if self.is_device else _FOLDER + self.name

    def stands_for(self, path: str) -> str | None:
        """Return the node that is meant where a claim names one of the reference.

        A window, the region of a method over a backing, or the device for any
        region; None where the subject has none that corresponds.
        """
        method, _, backing = path.removeprefix(_FOLDER).rpartition("-")
        if path == _FOLDER + self.kind:
            return self.path if self.window else None
        # What a claim has put into a file, memory of each mapping's own has not.
        if method != self.kind or self.own:
            return None
        return self.path if self.is_device else f"{_FOLDER}{self.name}-{backing}"


def parse_subject(text: str) -> Subject:
    """Return the subject of NAME[:KIND[:window|own]]; TargetError when it is none."""
    name, *rest = text.split(":")
    kind, *sorts = rest or [name]
    if not name or not kind or len(sorts) > 1 or (sorts and sorts[0] not in _SORTS):
        raise TargetError(
            f'"{text}" is no subject: NAME[:KIND[:window|own]] is due, NAME a method '
            "or /dev/..., KIND a method of the driver"
        )
    if name.startswith("/") and not rest:
        raise TargetError(f"{text}: say which method it has to do as: {text}:KIND")
    window = "window" in sorts or (not rest and name in ("remap", "fault"))
    return Subject(name, kind, window=window, own="own" in sorts)


def _kind(known: dict[str, Method], subject: Subject) -> Method:
    kind = known.get(subject.kind)
    if kind is None:
        raise TargetError(
            f"the driver has no method {subject.kind}, only {', '.join(known)}"
        )
    return kind


def methods(control: Control, subjects: Sequence[Subject]) -> Iterator[Method]:
    """Return the methods that claims are about, with the flags of their kinds.

    Of the backings of such a method those that go with its kind, too. Without a
    subject: all that the driver offers.
    """
    known = {method.name: method for method in control.methods()}
    if not subjects:
        yield from known.values()
    for subject in subjects:
        if subject.is_device:
            continue
        kind, method = _kind(known, subject), known.get(subject.name)
        if method is None:
            raise TargetError(f"the driver has no method {subject.name}")
        yield replace(
            kind,
            name=subject.name,
            backings=kind.backings & method.backings,
            backings_mapping=kind.backings_mapping & method.backings_mapping,
        )


def node_of(path: str, method: Method) -> Node:
    """Return the node of a method that shows all of the target."""
    return Node(
        path,
        method.name,
        tracked=MethodFlag.COW_LINEAR in method.flags,
        eager=MethodFlag.EAGER in method.flags,
        pages=MethodFlag.PAGE in method.flags,
        around=bool(method.flags & (MethodFlag.AROUND | MethodFlag.HUGE)),
    )


def subject_nodes(control: Control, subjects: Sequence[Subject]) -> tuple[Node, ...]:
    """Return windows and devices; of a device neither start nor size is known."""
    known = {method.name: method for method in control.methods()}
    return tuple(
        replace(
            node_of(subject.path, _kind(known, subject)),
            owns=subject.own,
            foreign=subject.is_device,
        )
        for subject in subjects
        if subject.window or subject.is_device
    )
