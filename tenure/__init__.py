"""Tenure: the whole life of scikit-learn models on Prefect, on the record."""
