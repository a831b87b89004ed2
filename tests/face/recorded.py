"""What a test's runs left in their log, as a test wants to ask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowstone.core.facts import FlowDefined, LineLogged, TaskDefined
from flowstone.core.states import DEFAULT_NAMES
from tests.log.reading import read_logs


class Recorded:
    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def facts(self) -> list[Any]:
        return read_logs(self.home / "logs")

    @property
    def lines(self) -> list[str]:
        """The messages of the log lines, in order."""
        return [fact.message for fact in self.facts if isinstance(fact, LineLogged)]

    @property
    def definitions(self) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, (TaskDefined, FlowDefined))]

    def created(self, name: str) -> Any:
        """The creation of the one run of that name."""
        [fact] = [
            fact
            for fact in self.facts
            if type(fact).__name__.endswith("Created") and fact.name == name
        ]
        return fact

    def states(self, name: str) -> list[str]:
        """The names of the states of the one run of that name, in order of their sequence."""
        creation = self.created(name)
        states = ["Pending", "Running"] if creation.running else ["Pending"]
        for fact in self.facts:
            kind = type(fact).__name__
            if kind == "TaskRunCompleted" and fact.run == creation.run:
                states.append("Completed")
            elif kind.endswith("RunChanged") and fact.run == creation.run:
                states.append(fact.name or DEFAULT_NAMES[fact.type])
        return states
