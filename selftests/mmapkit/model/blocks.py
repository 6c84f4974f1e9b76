"""Blocks: every order in which the operations of several tasks may come.

A block is right when it comes to what it would if its operations had been
carried out one after the other, those of a task in their order (linearizability:
Herlihy and Wing, 1990), and when all that comes after agrees with that order.
Orders that come to the same are followed once.

Some operations are not atomic, and the others see it: what takes an object away does
so in parts, and each part is. There the parts are what comes in some order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mmapkit.errors import ModelError
from mmapkit.model.races import Reach, refuse_races
from mmapkit.model.state import State
from mmapkit.program import Operation
from mmapkit.verdict import Result

#: ways of one program that are followed side by side
MAX_WAYS = 1000

Step = Callable[[State, Operation], Result]
Run = Callable[[State, Operation], Result | None]
ReachOf = Callable[[State, Operation, int], Reach]


@dataclass(frozen=True, slots=True)
class Part:
    """What is atomic of an operation; None: there is more to come.

    first: no other operation with such a part may be between this one and the next.
    """

    run: Run
    first: bool = False


Parts = Callable[[Operation, Sequence[Operation]], Sequence[Part]]


@dataclass(slots=True)
class Way:
    """One way that a program can take: the state that it has led to.

    results has what each operation so far came to, by its index; order the
    indices of those of blocks, as they came. seen has what they came to on a
    machine, where that is known.
    """

    state: State
    results: dict[int, Result]
    order: tuple[int, ...] = ()
    seen: tuple[Result, ...] = ()

    def step(self, op: Operation, index: int, step: Step) -> None:
        """Go on by one operation."""
        self.state.seen = self.seen[index] if index < len(self.seen) else None
        self.results[index] = step(self.state, op)

    def branch(self, op: Operation, index: int, run: Run) -> "Way":
        """Return the way that goes on by a part of an operation of a block."""
        if index in self.results:
            # It was over before.
            return self
        other = Way(self.state.copy(), dict(self.results), self.order, self.seen)
        state = other.state
        state.seen = self.seen[index] if index < len(self.seen) else None
        result = run(state, op)
        if result is not None:
            other.results[index] = result
            other.order = (*self.order, index)
        return other

    def forget_faults(self) -> None:
        """Leave open who of those that touched a page had to fault for it.

        Several at once may, where one after the other would find it there.
        """
        tasks = [task for task in self.state.tasks.values() if task.faults is not None]
        most = sum(task.faults[1] for task in tasks if task.faults is not None)
        for task in tasks:
            task.faults = (0, 2 * most)

    def same(self, other: "Way") -> bool:
        """Tell whether all that comes is the same for both."""
        return self.results == other.results and self.state.same(other.state)


def lanes_of(operations: Sequence[Operation], first: int) -> list[list[int]]:
    """Return the indices of a block's operations by task; first: its first."""
    lanes: dict[int, list[int]] = {}
    for index, op in enumerate(operations, start=first):
        lanes.setdefault(op.proc, []).append(index)
    return list(lanes.values())


def run_block(
    ways: list[Way],
    operations: Sequence[Operation],
    first: int,
    step: Step,
    parts: Parts,
    reach: ReachOf,
) -> list[Way]:
    """Return all ways that lead through a block; first: index of its first."""
    lanes = lanes_of(operations, first)
    for way in ways:
        refuse_races(
            [_alone(way.state, lane, operations, first, step, reach) for lane in lanes]
        )

    lines = [
        [
            (index, part)
            for index in lane
            for part in parts(operations[index - first], operations)
        ]
        for lane in lanes
    ]
    frontier = {(0,) * len(lines): ways}
    for _ in range(sum(map(len, lines))):
        following: dict[tuple[int, ...], list[Way]] = {}
        for done, here in frontier.items():
            for number in _may_go_on(lines, done):
                index, part = lines[number][done[number]]
                after = (*done[:number], done[number] + 1, *done[number + 1 :])
                known = following.setdefault(after, [])
                for way in here:
                    new = way.branch(operations[index - first], index, part.run)
                    if not any(map(new.same, known)):
                        known.append(new)
        if sum(map(len, following.values())) > MAX_WAYS:
            raise ModelError(f"a block has more than {MAX_WAYS} ways to go")
        frontier = following
    (ways,) = frontier.values()
    for way in ways:
        way.forget_faults()
    return ways


def _may_go_on(
    lines: Sequence[Sequence[tuple[int, Part]]], done: Sequence[int]
) -> Iterator[int]:
    """Return the numbers of the tasks whose next part may come now."""
    busy = [
        number
        for number, (line, at) in enumerate(zip(lines, done, strict=True))
        if at and line[at - 1][1].first
    ]
    for number, (line, at) in enumerate(zip(lines, done, strict=True)):
        if at < len(line):
            waits = line[at][1].first and any(other != number for other in busy)
            if not waits:
                yield number


def _alone(
    state: State,
    lane: list[int],
    operations: Sequence[Operation],
    first: int,
    step: Step,
    reach: ReachOf,
) -> list[Reach]:
    """Return what the operations of one task reach for, were it by itself."""
    task = state.tasks.get(operations[lane[0] - first].proc)
    if task is None or not task.alive:
        return []
    # Islands are only ever added: what is behind these is the task's own.
    known = len(task.process.islands)
    state = state.copy()
    found = []
    for index in lane:
        op = operations[index - first]
        found.append(reach(state, op, known))
        step(state, op)
    return found
