"""The exceptions that the estimators raise."""


class EstimationError(ValueError):
    """An estimate can't be made from these points; the message says why and what to do."""
