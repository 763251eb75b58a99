"""`idsweep doctor`: what is wrong with a cluster or this machine, and what to do about it."""

from sweep.doctor.checks import judge
from sweep.doctor.collect import Question, collect
from sweep.doctor.examination import examine
from sweep.doctor.facts import ClusterFacts, Facts, NodeFacts, SweepFacts, TrackingFacts
from sweep.doctor.findings import FAIL, OK, WARN, Diagnosis, Finding

__all__ = [
    "FAIL",
    "OK",
    "WARN",
    "ClusterFacts",
    "Diagnosis",
    "Facts",
    "Finding",
    "NodeFacts",
    "Question",
    "SweepFacts",
    "TrackingFacts",
    "collect",
    "examine",
    "judge",
]
