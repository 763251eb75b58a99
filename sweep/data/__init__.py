"""Data sets and their sealed Arrow partitions."""

from sweep.data.catalog import DATASETS, DataSet, open_source

__all__ = ["DATASETS", "DataSet", "open_source"]
