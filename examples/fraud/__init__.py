"""A bank's card transactions, some of them fraud: batches every day, a new version every night."""
