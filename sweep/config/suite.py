"""A suite: several sweeps that answer one question together."""

from __future__ import annotations

from pydantic import Field

from sweep.config.section import Section


class SuiteConfig(Section):
    """A whole suite file. It is run sweep by sweep, in one storage."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="letters, digits, '.', '_' and '-': a folder",
    )
    description: str = Field(default="", description="what the suite asks, in a sentence or two")
    sweeps: list[str] = Field(
        min_length=1,
        description="ready sweeps by name, or sweep files, seen from this file's folder",
    )
