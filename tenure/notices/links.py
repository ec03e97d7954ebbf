"""Where can a person look at what a notice is about?"""

from __future__ import annotations

from dataclasses import dataclass


def case_path(model: str, id: str) -> str:  # noqa: A002
    """Return the place of a case's page, under the pages folder and under `/pages/`."""
    return f"{model}/cases/{id[:12]}.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The addresses that pages and Prefect have now; None where nothing is up.

    Attributes:
        endpoint: of the prediction server, which shows the pages.
        prefect: of Prefect's pages.
        folder: where the pages are as files.
    """

    endpoint: str | None = None
    prefect: str | None = None
    folder: str = ""

    def page(self, path: str) -> str:
        """Return the address of a page, its file where no server shows it."""
        return f"{self.endpoint}/pages/{path}" if self.endpoint else f"{self.folder}/{path}"
