"""Data sets and their sealed Arrow partitions."""

from sweep.data.catalog import DATASETS, DataSet, LabelledImages

__all__ = ["DATASETS", "DataSet", "LabelledImages"]
