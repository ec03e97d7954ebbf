"""Where do the flowers come from?

Fisher's 150 iris flowers, which scikit-learn brings along: four lengths in centimetres and the
species as a number (0 setosa, 1 versicolor, 2 virginica). `python -m examples.iris.flowers` writes
them into the workspace's source folder.
"""

from __future__ import annotations

from os.path import relpath
from pathlib import Path
from typing import Any

COLUMNS = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")
SPECIES = ("setosa", "versicolor", "virginica")
SOURCE = Path(__file__).parent / "data" / "iris"

NEW_FLOWERS = (
    (6.1, 2.8, 4.7, 1.2),
    (5.7, 3.8, 1.7, 0.3),
    (7.7, 2.6, 6.9, 2.3),
    (6.0, 2.9, 4.5, 1.5),
    (6.8, 2.8, 4.8, 1.4),
)
"""Five of the flowers that a split with seed 42 holds out; their species are 1 0 2 1 1."""


def flowers() -> Any:
    """Return all flowers as a frame of 150 rows: four lengths and `species`."""
    from sklearn.datasets import load_iris

    frame = load_iris(as_frame=True).frame
    frame.columns = [*COLUMNS, "species"]
    return frame


def instances() -> list[dict[str, float]]:
    """Return the five new flowers as a prediction request holds them."""
    return [dict(zip(COLUMNS, flower, strict=True)) for flower in NEW_FLOWERS]


def write(folder: Path = SOURCE) -> Path:
    """Write the flowers as one CSV file into a source folder, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / ".iris.csv"
    flowers().to_csv(fresh, index=False)
    return fresh.rename(folder / "iris.csv")


if __name__ == "__main__":
    print(f"150 flowers in {relpath(write())}")
