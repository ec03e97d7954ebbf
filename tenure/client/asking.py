"""How is a prediction server asked until it answers, or until trying is no use any more?

Asking twice does no harm: a prediction changes nothing, and of two equal labels the newer counts.
So connection errors and 503 are tried again, after what the server asks for in Retry-After, or
after a time that doubles and is drawn at random, so that clients do not come back all at once.
"""

from __future__ import annotations

import asyncio
import random
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from tenure.client import tables, telling
from tenure.client.calls import Answer, Call, end_of, error_of, wait_wanted
from tenure.client.telling import Override
from tenure.errors import ServerUnavailable

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
_NO_ROWS = (200, 202)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often and how long is tried.

    Attributes:
        tries: how often in all.
        first_s: about how long is waited before the second try; twice as long before each next.
        most_s: the longest wait; a server that asks for more is not waited for.
    """

    tries: int = 4
    first_s: float = 0.1
    most_s: float = 10.0


class _Asked:
    """What both clients share: how long to wait, and what an answer means."""

    def __init__(self, url: str, key: str | None, retries: Retries | None) -> None:
        self.url = url.rstrip("/")
        self._retries = retries or Retries()
        self._headers = {} if key is None else {"authorization": f"Bearer {key}"}
        self._classes: dict[str, list[Any]] = {}

    def _wait_s(self, tried: int, answer: Answer | None) -> float | None:
        """Return for how long to wait before the next try, None if there is none."""
        if tried >= self._retries.tries:
            return None
        asked = 0.0 if answer is None else wait_wanted(answer)
        if asked is None or asked > self._retries.most_s:
            return None
        longest = min(self._retries.most_s, self._retries.first_s * 2 ** (tried - 1))
        return max(asked, random.uniform(longest / 2, longest))  # noqa: S311 - spreads clients

    def _taken(self, call: Call[T], answer: Answer, tried: int) -> T:
        end = end_of(answer, call.path)
        if end is not None:
            warnings.warn(end, FutureWarning, stacklevel=4)
        if answer.status in _NO_ROWS:
            return call.read(answer)
        raise error_of(answer, self.url, tried)

    def _lost(self, error: httpx.TransportError, tried: int) -> ServerUnavailable:
        detail = f"{type(error).__name__}."
        return ServerUnavailable(url=self.url, detail=detail, tries=tried)


def _answer_of(found: httpx.Response) -> Answer:
    return Answer(found.status_code, found.headers, found.content)


class Client(_Asked):
    """A prediction server, asked from one place after another; safe for threads.

    Args:
        url: where it is.
        key: what `tenure key add` gave; None where none is wanted.
        timeout: seconds for one try; connecting takes at most a third of it.
        retries: how often is tried.
        verify: as httpx has it: a context for certificates of your own.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 15.0,
        retries: Retries | None = None,
        verify: Any = True,
    ) -> None:
        super().__init__(url, key, retries)
        limit = httpx.Timeout(timeout, connect=timeout / 3)
        self._http = httpx.Client(base_url=self.url, timeout=limit, verify=verify)

    def __enter__(self) -> Client:
        """Return the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def predict(
        self,
        model: str,
        rows: Any,
        *,
        version: int | None = None,
        ids: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Return predictions.

        Args:
            model: which model.
            rows: a frame, rows by column name, or one such row.
            version: which of its versions; whoever answers if not given.
            ids: one a row; made if not given.
            headers: further ones, such as `tenure-key` to meet the same version again.

        Returns:
            A frame with the index of `rows`: `id`, `prediction`, `probability.CLASS` where the
            model has any, and `flags` where a guard found something. Its `attrs` name model,
            version, epoch and slot.

        Raises:
            RequestRefused: the rows are not what the model takes; `field` says which.
            NotServed: there is no such model or version.
            AnswersNoMore: it was retired; `successor` is who answers.
            KeyRefused: the key is for something else, or over.
            ServerUnavailable: it could not be reached, or could not answer, however often tried.
        """
        call = tables.predicting(
            model,
            rows,
            version=version,
            ids=ids,
            classes=self._classes_of(model, rows),
            headers=headers or {},
        )
        return self._ask(call)

    def feedback(
        self,
        model: str,
        *,
        labels: Mapping[str, Any] | None = None,
        overrides: Iterable[Override] = (),
    ) -> dict[str, Any]:
        """Bring labels by prediction id, and overrides; return how many were taken.

        Raises:
            RequestRefused, NotServed, KeyRefused, ServerUnavailable: see `predict`.
        """
        return self._ask(telling.feedback(model, labels, overrides))

    def models(self) -> list[dict[str, Any]]:
        """Return what serves: model, version, epoch and slot."""
        return self._ask(telling.models())

    def ready(self) -> bool:
        """Say whether every champion is in memory; False if nobody answers."""
        try:
            return self._http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def _classes_of(self, model: str, rows: Any) -> list[Any]:
        if len(rows) <= tables.FEW_ROWS or isinstance(rows, Mapping):
            return []
        if model not in self._classes:
            self._classes[model] = self._ask(tables.classes_of(model))
        return self._classes[model]

    def _ask(self, call: Call[T]) -> T:
        tried = 0
        while True:
            tried += 1
            try:
                found = self._http.request(
                    call.method,
                    call.path,
                    content=call.body,
                    headers={**self._headers, **call.headers},
                )
            except httpx.TransportError as error:
                wait_s = self._wait_s(tried, None)
                if wait_s is None:
                    raise self._lost(error, tried) from error
            else:
                answer = _answer_of(found)
                wait_s = self._wait_s(tried, answer)
                if answer.status != 503 or wait_s is None:
                    return self._taken(call, answer, tried)
            time.sleep(wait_s)


class AsyncClient(_Asked):
    """A prediction server, asked by many at once; arguments and answers as of `Client`."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 15.0,
        retries: Retries | None = None,
        verify: Any = True,
    ) -> None:
        super().__init__(url, key, retries)
        limit = httpx.Timeout(timeout, connect=timeout / 3)
        self._http = httpx.AsyncClient(base_url=self.url, timeout=limit, verify=verify)

    async def __aenter__(self) -> AsyncClient:
        """Return the client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close its connections."""
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def predict(
        self,
        model: str,
        rows: Any,
        *,
        version: int | None = None,
        ids: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Return predictions; see `Client.predict`."""
        call = tables.predicting(
            model,
            rows,
            version=version,
            ids=ids,
            classes=await self._classes_of(model, rows),
            headers=headers or {},
        )
        return await self._ask(call)

    async def feedback(
        self,
        model: str,
        *,
        labels: Mapping[str, Any] | None = None,
        overrides: Iterable[Override] = (),
    ) -> dict[str, Any]:
        """Bring labels and overrides; see `Client.feedback`."""
        return await self._ask(telling.feedback(model, labels, overrides))

    async def models(self) -> list[dict[str, Any]]:
        """Return what serves; see `Client.models`."""
        return await self._ask(telling.models())

    async def ready(self) -> bool:
        """Say whether every champion is in memory; see `Client.ready`."""
        try:
            return (await self._http.get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def _classes_of(self, model: str, rows: Any) -> list[Any]:
        if len(rows) <= tables.FEW_ROWS or isinstance(rows, Mapping):
            return []
        if model not in self._classes:
            self._classes[model] = await self._ask(tables.classes_of(model))
        return self._classes[model]

    async def _ask(self, call: Call[T]) -> T:
        tried = 0
        while True:
            tried += 1
            try:
                found = await self._http.request(
                    call.method,
                    call.path,
                    content=call.body,
                    headers={**self._headers, **call.headers},
                )
            except httpx.TransportError as error:
                wait_s = self._wait_s(tried, None)
                if wait_s is None:
                    raise self._lost(error, tried) from error
            else:
                answer = _answer_of(found)
                wait_s = self._wait_s(tried, answer)
                if answer.status != 503 or wait_s is None:
                    return self._taken(call, answer, tried)
            await asyncio.sleep(wait_s)
