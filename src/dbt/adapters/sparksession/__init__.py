"""The dbt adapter `sparksession`: dbt-spark over Spark Connect, with Python models.

dbt-spark runs SQL in a session, but submits Python models to Databricks only. This plugin adds the
submission method `session`, which its own project has proposed under that name: the model runs in
dbt's process, with the session. It also reads seeds as dbt-duckdb does, and does not alter tables
for constraints, which plain files do not have.

Delete this folder and `include/sparksession` when a release of dbt-spark has the submission method
`session` (the seeds are then still to be looked at): the profile's type becomes `spark`, and the
two hooks of this project need another way to be called.

dbt finds an adapter as the module `dbt.adapters.<type>`; `src/dbt` has no `__init__.py`, so that
it adds to the package of dbt.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbt.adapters.base.impl import PythonJobHelper
from dbt.adapters.base.meta import available
from dbt.adapters.base.plugin import AdapterPlugin
from dbt.adapters.spark import SparkAdapter, SparkConnectionManager, SparkCredentials

TYPE = "sparksession"

# dbt-spark asks each session for Hive, which a server that runs already cannot be given.
warnings.filterwarnings("ignore", message="Failed to set spark.sql.catalogImplementation")


@dataclass
class SparkSessionCredentials(SparkCredentials):
    """The profile: that of dbt-spark, and the data directory of this project."""

    data_dir: str = field(default="data/local")

    @property
    def type(self) -> str:
        """Name of the adapter."""
        return TYPE

    def _connection_keys(self) -> tuple[str, ...]:
        return ("host", "schema", "data_dir")


class SparkSessionConnectionManager(SparkConnectionManager):
    """Connections under the name of this adapter."""

    TYPE = TYPE


class SessionPythonJobHelper(PythonJobHelper):
    """Run a Python model in this process.

    Parameters
    ----------
    parsed_model : dict
        The node.
    credentials : SparkSessionCredentials
        The profile.
    """

    def __init__(self, parsed_model: dict[str, Any], credentials: SparkSessionCredentials) -> None:
        self._relation = parsed_model["relation_name"]
        self._parameters = credentials.server_side_parameters

    def submit(self, compiled_code: str) -> None:
        """Run the model and write its table."""
        from customer_intelligence.spark import python_models
        from customer_intelligence.spark.session import open_session

        python_models.run(open_session(self._parameters), compiled_code, self._relation)


class SparkSessionAdapter(SparkAdapter):
    """dbt-spark with the submission method `session`."""

    ConnectionManager = SparkSessionConnectionManager
    _command: Any = None

    @property
    def default_python_submission_method(self) -> str:
        """Where Python models run if they do not say."""
        return "session"

    @property
    def python_submission_helpers(self) -> dict[str, type[PythonJobHelper]]:
        """Where Python models can run."""
        return {"session": SessionPythonJobHelper}

    # While dbt parses nothing is asked for.
    @available.parse(lambda *_, **__: json.dumps({"result": None}))
    def call_project(self, function: str, request: str = "") -> str:
        """Call a function of this project; its answer is JSON (macros/call_plugin.sql)."""
        from customer_intelligence.spark.hooks import SparkCommand

        if self._command is None:
            credentials = self.config.credentials
            self._command = SparkCommand(
                Path(credentials.data_dir), credentials.schema, self._session
            )
        said: str = self._command.call(function, request)
        return said

    @available.parse_none
    def load_seed(self, root: str, path: str, relation: str) -> None:
        """Add the rows of a seed's file to its table."""
        from customer_intelligence.spark import seeds

        seeds.load(self._session(), Path(root) / path, relation)

    def _session(self) -> Any:
        from customer_intelligence.spark.session import open_session

        return open_session(self.config.credentials.server_side_parameters)


Plugin = AdapterPlugin(
    adapter=SparkSessionAdapter,
    credentials=SparkSessionCredentials,
    # dbt calls the package of macros after this folder, with dbt_ before it.
    include_path=str(Path(__file__).parents[2] / "include" / TYPE),
    dependencies=["spark"],
)
