"""Claims as files: table, record and picture."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sweep.claims import SweepClaims
from sweep.paths import ClaimPaths
from sweep.report.claims_figure import claims_png
from sweep.report.claims_table import claims_csv
from sweep.sealing import write_file


def write_claims(found: Sequence[SweepClaims], paths: ClaimPaths) -> None:
    """Write all three anew."""
    write_file(paths.table, claims_csv(found))
    record = [sweep.to_json() for sweep in found]
    write_file(paths.record, json.dumps(record, indent=1) + "\n")
    write_file(paths.picture, claims_png(found))
