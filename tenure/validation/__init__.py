"""Is a batch good? The only room that knows Great Expectations, which it imports late."""

from tenure.validation.judging import load_report, validate
from tenure.validation.suite import check_suite

__all__ = ["check_suite", "load_report", "validate"]
