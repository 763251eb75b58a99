"""Calling a command as the shell would, in this process."""

import sys

import pytest

from sweep import cli


def call(capsys, *arguments):
    """Exit code, standard output and standard error of a command, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["idsweep", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    output = capsys.readouterr()
    return code, output.out, output.err
