"""What does a client of the open protocol read of a version that was retired?"""

from __future__ import annotations

import asyncio

import httpx

from tenure.serving import build_app
from tenure.workspace import Workspace
from tests.unit.serving import lives
from tests.unit.serving.test_oip_infer import tensors
from tests.unit.serving.test_retired import retire


def test_a_retired_version_is_gone_and_names_its_successor_s_address_here(
    living: Workspace,
) -> None:
    app = build_app(living)
    app.core.router.look()
    retire(living, app, successor=2)

    async def infer(version: int) -> httpx.Response:
        async with lives.client_of(app) as client:
            address = f"/v2/models/price/versions/{version}/infer"
            return await client.post(address, json={"inputs": tensors(lives.ROW)})

    gone = asyncio.run(infer(1))
    assert (gone.status_code, list(gone.json())) == (410, ["error"])
    address = "/v2/models/price/versions/2/infer"
    assert gone.headers["link"] == f'<{address}>; rel="successor-version"'
    assert address in gone.json()["error"]
    assert asyncio.run(infer(2)).json()["model_version"] == "2"
    app.core.close()
