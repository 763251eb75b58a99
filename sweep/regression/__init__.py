"""What measured numbers say about accuracy across models, from tables of trials.

Arrays and tables in, frozen results out; scipy and statsmodels do the statistics that they have.
"""

from sweep.regression.correlation import ClusteredSample, Coefficient, correlate
from sweep.regression.families import FAMILY, SEED, families, family_of
from sweep.regression.regress import regress
from sweep.regression.result import WITHIN, Correlation, Regression
from sweep.regression.scopes import ALL, ALONG, EXPERIMENT, MIN_CONFIGURATIONS
from sweep.regression.sentences import (
    headline,
    in_digits,
    interval_text,
    read_correlation,
    read_regression,
)
from sweep.regression.variables import (
    HIGH,
    HISTORY,
    LOW,
    check_column,
    is_numeric,
    layer_value,
    layers_asked,
    parse_variable,
)

__all__ = [
    "ALL",
    "ALONG",
    "EXPERIMENT",
    "FAMILY",
    "HIGH",
    "HISTORY",
    "LOW",
    "MIN_CONFIGURATIONS",
    "SEED",
    "WITHIN",
    "ClusteredSample",
    "Coefficient",
    "Correlation",
    "Regression",
    "check_column",
    "correlate",
    "families",
    "family_of",
    "headline",
    "in_digits",
    "interval_text",
    "is_numeric",
    "layer_value",
    "layers_asked",
    "parse_variable",
    "read_correlation",
    "read_regression",
    "regress",
]
