"""Which schedules of a model are on?

A schedule that a retirement switched off stays off when the deployments are applied again, as one
that a person paused does.
"""

from __future__ import annotations

from collections.abc import Iterable

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

OF_OFFICE = ("monitor",)
"""What goes on by schedule only for a model with a fitted champion; data is taken in anyway."""


def switch_off(model: str, verbs: Iterable[str]) -> list[str]:
    """Switch off a model's schedules of these verbs; say which were on.

    Raises:
        httpx.HTTPError: the server cannot be reached.
    """
    return _switch(model, verbs, active=False)


def switch_on(model: str, verbs: Iterable[str]) -> list[str]:
    """Switch on a model's schedules of these verbs; say which were off.

    Raises:
        httpx.HTTPError: the server cannot be reached.
    """
    return _switch(model, verbs, active=True)


def _switch(model: str, verbs: Iterable[str], *, active: bool) -> list[str]:
    switched: list[str] = []
    with get_client(sync_client=True) as client:
        for verb in verbs:
            try:
                deployment = client.read_deployment_by_name(f"{verb}/{verb}")
            except ObjectNotFound:
                continue
            for schedule in deployment.schedules:
                if schedule.slug == model and schedule.active is not active:
                    client.update_deployment_schedule(deployment.id, schedule.id, active=active)
                    switched.append(verb)
    return switched
