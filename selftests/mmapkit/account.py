"""What a process of a session has done, for the words at the end.

With pytest-xdist several processes run the tests, each with machines of its own;
what they have done is added up by the one that talks to the user.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from mmapkit.tally import Tally


@dataclass(slots=True)
class Account:
    """Programs and machines by number, and what they have covered.

    counts: folders of what gcov has counted, for the modules of a build.
    """

    programs: int = 0
    machines: int = 0
    tally: Tally = field(default_factory=Tally)
    modules: Path | None = None
    counts: list[Path] = field(default_factory=list)

    def packed(self) -> dict[str, Any]:
        """Return the same in values that travel between processes."""
        return {
            "programs": self.programs,
            "machines": self.machines,
            "tally": self.tally.packed(),
            "modules": self.modules and str(self.modules),
            "counts": [str(folder) for folder in self.counts],
        }

    def add(self, packed: dict[str, Any]) -> None:
        """Add what another process has packed."""
        self.programs += cast(int, packed["programs"])
        self.machines += cast(int, packed["machines"])
        self.tally.add_packed(packed["tally"])
        if packed["modules"] is not None:
            self.modules = Path(packed["modules"])
        self.counts += map(Path, packed["counts"])
