"""Batch scoring: partitions in, partitions out, each once, by processes or by a Dask cluster."""
