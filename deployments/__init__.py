"""What makes Prefect agree with the specs, and the processes that carry out its runs."""
