from __future__ import annotations

from pathlib import Path

import tenure
from tenure.registry import open_ledger
from tenure.workspace import Workspace
from tests.unit.cli.calling import Shell
from tests.unit.serving.lives import champion, write_spec


def test_export_writes_the_champion_into_a_new_folder_and_says_what_to_do(
    shell: Shell, workspace: Workspace, tmp_path: Path
) -> None:
    champion(workspace, spec=write_spec(workspace, "fraud"))
    said = shell("export", "fraud", "--to", str(tmp_path / "out"), "-m", "the shop runs KServe")
    assert said.code == 0, said.err
    assert "Version 1 of 'fraud' is in" in said.out
    assert "mlserver start" in said.out
    assert (tmp_path / "out" / "model-settings.json").is_file()
    again = shell("export", "fraud", "--to", str(tmp_path / "out"), "--json")
    assert (again.code, again.error["code"]) == (3, "ExportRefused")
    more = shell("export", "fraud", "1", "--to", str(tmp_path / "more"), "--json").json
    assert (more["version"], more["own_code"]) == (1, [])
    rows = open_ledger(workspace).happenings("fraud", ["version_exported"])
    assert [row.reason for row in rows] == [
        "the shop runs KServe",
        "for a server other than Tenure's",
    ]


def test_export_refuses_what_is_not_there_and_makes_no_folder(
    shell: Shell, workspace: Workspace, tmp_path: Path
) -> None:
    champion(workspace, spec=write_spec(workspace, "fraud"))
    write_spec(workspace, "price")
    folder = tmp_path / "out"
    for words, code, error in (
        (("scam",), 2, "ModelNotFound"),
        (("price",), 3, "NoChampion"),
        (("fraud", "9"), 2, "VersionNotFound"),
        (("fraud", "-m", " "), 2, "BadAuditEntry"),
    ):
        said = shell("export", *words, "--to", str(folder), "--json")
        assert (said.code, said.error["code"]) == (code, error)
        assert not folder.exists()


def test_export_is_a_function_as_well(workspace: Workspace, tmp_path: Path) -> None:
    champion(workspace, spec=write_spec(workspace, "fraud"))
    made = tenure.export("fraud", to=tmp_path / "out", workspace=workspace.root)
    assert (made.version, Path(made.folder)) == (1, tmp_path / "out")
