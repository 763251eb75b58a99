"""The report: tables, figures, one page."""
