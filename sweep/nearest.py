"""What a misspelt name was perhaps meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question that ends in a space, or nothing; upper and lower case are alike.

    >>> did_you_mean("Epocs", ["epochs", "seed"])
    "did you mean 'epochs'? "
    >>> did_you_mean("x", ["epochs", "seed"])
    ''
    """
    from difflib import get_close_matches

    folded = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), folded, 1)
    return f"did you mean {folded[close[0]]!r}? " if close else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """The question, and all that is allowed.

    >>> nearest("sed", ["epochs", "seed"])
    "did you mean 'seed'? allowed: epochs, seed"
    """
    names = list(known)
    return f"{did_you_mean(name, names)}allowed: {', '.join(names)}"
