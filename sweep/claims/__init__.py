"""What a sweep was asked to show: statistics of its networks, judged by rules set beforehand."""

from sweep.claims.judge import ClaimResult, SweepClaims, judge_claims
from sweep.claims.names import check_claims

__all__ = ["ClaimResult", "SweepClaims", "check_claims", "judge_claims"]
