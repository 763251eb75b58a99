"""What the doctor found, line by line."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from sweep.doctor import FAIL, OK, WARN, Diagnosis

STYLES = {OK: "green", WARN: "yellow", FAIL: "bold red"}


def print_diagnosis(diagnosis: Diagnosis, console: Console) -> None:
    """A line a check, its remedy below it, and a summary."""
    width = max((len(finding.check) for finding in diagnosis.findings), default=0)
    for finding in diagnosis.findings:
        line = Text(f"{finding.level:<4}", style=STYLES[finding.level])
        line.append(f"  {finding.check:<{width}}  {finding.text}", style="default not bold")
        console.print(line, soft_wrap=True, highlight=False)
        if finding.remedy:
            line = Text(" " * (width + 8) + f"-> {finding.remedy}")
            console.print(line, soft_wrap=True, highlight=False)
    words = ", ".join(f"{diagnosis.count(level)} {level}" for level in (OK, WARN, FAIL))
    console.print(Text(f"{words}; {diagnosis.seconds:.0f} s"), soft_wrap=True, highlight=False)
