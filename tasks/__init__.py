"""One file a stage: a task is a name, a policy, what it shows, and one call into the library."""

import logging

# Prefect's pages show what the library logs (prefect.toml: extra_loggers), from INFO on.
logging.getLogger("tenure").setLevel(logging.INFO)
