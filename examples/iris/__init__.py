"""Iris: three species, told apart by four lengths. The smallest whole life of a model."""
