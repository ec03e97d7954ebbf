"""Two models' lives in a few minutes: `python -m examples.demo`, which is what `make demo` does."""
