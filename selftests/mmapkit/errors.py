"""The exceptions of mmapkit: one tree, each for people.

The text of an exception says in one line what was wrong, where, and what to
do. Commands print it and exit with code 2; nobody sees a traceback for what
is not a bug of mmapkit.
"""


class MmapkitError(Exception):
    """Anything that mmapkit refuses or cannot do."""


class ProgramError(MmapkitError):
    """Program text that does not follow the grammar.

    line and column count from 1, as editors do.
    """

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line = line
        self.column = column
        self.message = message


class ModelError(MmapkitError):
    """A program that asks the model for something it cannot know."""


class KernelError(MmapkitError):
    """A kernel that is not there, or a module that does not build for it."""


class ProvisionError(MmapkitError):
    """System packages are missing and may not be installed."""


class MachineError(MmapkitError):
    """A machine that cannot be started, or an agent that breaks the protocol."""


class MachineLost(MachineError):
    """The machine stopped answering in the middle of something.

    silent: it may still be there. results: the text of what a program had come
    to by then, by operation.
    """

    def __init__(self, message: str, *, silent: bool = False) -> None:
        super().__init__(message)
        self.silent = silent
        self.results: dict[int, str] = {}


class ProgramRefused(MachineError):
    """The agent did not take the text of a program; it listens for the next."""


class ProgramTrouble(MachineError):
    """A program whose results count for nothing, as something worse came of it.

    verdict: the value of verdict.Verdict.
    """

    def __init__(self, verdict: str, message: str) -> None:
        super().__init__(message)
        self.verdict = verdict


class ControlError(MmapkitError):
    """A request over netlink that was refused, or an answer that is none.

    request: what was asked for, as the spec calls it. errno: the name as in
    errno(3); None when what came back made no sense. attribute: the one that is
    blamed, as the spec calls it; missing: for its absence. message: the reason
    in the words of whoever refused.
    """

    def __init__(
        self,
        request: str,
        message: str = "",
        *,
        errno: str | None = None,
        attribute: str | None = None,
        missing: bool = False,
    ) -> None:
        blamed = attribute and f"{attribute} is missing" if missing else attribute
        words = (errno, blamed, message)
        super().__init__(": ".join([request, *(word for word in words if word)]))
        self.request = request
        self.message = message
        self.errno = errno
        self.attribute = attribute
        self.missing = missing


class TargetError(MmapkitError):
    """A device that is not there, or does not tell what a target needs."""
