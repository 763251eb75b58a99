"""Measuring: one checkpoint, every analysis, rows out. A new analysis is one line here."""

from typing import Any

from sweep.config import AnalysesConfig
from sweep.measuring.accuracy import AccuracyAnalysis
from sweep.measuring.analysis import Analysis
from sweep.measuring.blocks import BlocksAnalysis
from sweep.measuring.depthwise import DepthwiseAnalysis
from sweep.measuring.dissection import DissectionAnalysis
from sweep.measuring.intrinsic import IntrinsicAnalysis
from sweep.measuring.linear import LinearAnalysis
from sweep.measuring.network import NetworkAnalysis
from sweep.measuring.scales import ScalesAnalysis
from sweep.measuring.subsamples import SubsamplesAnalysis
from sweep.measuring.surrogate import SurrogateAnalysis

# Names are those of the sections of `analyses` in a sweep file.
ANALYSES: dict[str, Any] = {
    "intrinsic": IntrinsicAnalysis,
    "linear": LinearAnalysis,
    "subsamples": SubsamplesAnalysis,
    "blocks": BlocksAnalysis,
    "surrogate": SurrogateAnalysis,
    "scales": ScalesAnalysis,
    "dissection": DissectionAnalysis,
    "depthwise": DepthwiseAnalysis,
}


def make_analyses(config: AnalysesConfig) -> list[Analysis]:
    """The analyses a sweep asks for; network facts and accuracy come first."""
    analyses: list[Analysis] = [NetworkAnalysis()]
    if config.accuracy_images != 0:
        analyses.append(AccuracyAnalysis(config.accuracy_images))
    for name, make in ANALYSES.items():
        section = getattr(config, name)
        if section is not None:
            analyses.append(make(section))
    return analyses


def is_control(analysis: str) -> bool:
    """Whether the rows of an analysis are controls, by its name: see `Analysis.controls`."""
    return analysis in ANALYSES and bool(ANALYSES[analysis].controls)


__all__ = ["ANALYSES", "Analysis", "is_control", "make_analyses"]
