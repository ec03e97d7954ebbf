"""The transformers that recipes may use; their import paths are a storage format and never change.

There are none so far; the place is settled because artifacts will name it.
"""
