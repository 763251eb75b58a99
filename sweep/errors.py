"""The exceptions of a sweep.

`UserError` is for what the user can mend: one clear line with the condition, the values
and the way out. The command line prints it without a traceback and exits with code 2.
"""


class UserError(ValueError):
    """Something the user asked for can't be done; the message says what to change."""


class SealError(UserError):
    """A sealed output on disk doesn't match its manifest."""


class TrialFailure(Exception):  # noqa: N818 - a result of a trial, not an error of ours
    """One trial or measurement can't be completed; the others go on."""


class Diverged(TrialFailure):
    """A network whose loss is no longer finite: trained again, it would do the same."""


class ClusterLost(Exception):  # noqa: N818 - nobody's mistake: the same command goes on
    """The Ray cluster under a running sweep is gone, or its lease; what is sealed is kept."""


def first_line(error: object) -> str:
    """Of what an error says; its kind, if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
