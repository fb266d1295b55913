"""The report of a plan: one page that opens without a network."""

from optimizer.results.report.html import write_report

__all__ = ["write_report"]
