"""Published numbers, kept as tables with their source, to stand beside a sweep's own."""

from sweep.published.tables import (
    PublishedTable,
    PublishedValue,
    published_names,
    read_published,
)

__all__ = ["PublishedTable", "PublishedValue", "published_names", "read_published"]
