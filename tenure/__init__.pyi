from tenure.cli import keys as key  # noqa: F401
from tenure.cli import quarantine as quarantine
from tenure.cli import rolling as rollout  # noqa: F401
from tenure.cli.checking import check as check
from tenure.cli.controlling import approve as approve
from tenure.cli.controlling import cases as cases
from tenure.cli.controlling import halt as halt
from tenure.cli.controlling import restore as restore
from tenure.cli.controlling import resume as resume
from tenure.cli.exporting import export as export
from tenure.cli.keeping import backup as backup
from tenure.cli.keeping import restore_backup as restore_backup
from tenure.cli.keeping import upgrade as upgrade
from tenure.cli.keeping import verify as verify
from tenure.cli.moving import deploy as deploy
from tenure.cli.moving import rollback as rollback
from tenure.cli.planning import plan as plan
from tenure.cli.predicting import predict as predict
from tenure.cli.reading import history as history
from tenure.cli.reading import models as models
from tenure.cli.reading import show as show
from tenure.cli.runs import ingest as ingest
from tenure.cli.runs import monitor as monitor
from tenure.cli.runs import retire as retire
from tenure.cli.runs import score as score
from tenure.cli.runs import train as train
from tenure.cli.status import status as status
from tenure.cli.telling import explain as explain
from tenure.cli.telling import note as note
from tenure.cli.telling import page as page
from tenure.cli.up import down as down
from tenure.cli.up import logs as logs
from tenure.cli.up import sync as sync
from tenure.cli.up import up as up
from tenure.workspace import open_workspace as open_workspace

__version__: str
