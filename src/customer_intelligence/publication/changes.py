"""What differs from the version that readers see until now: whose segment, risk or action, and why.

The comparison is made when a version is published and not in the graph, so that what a build makes
depends on its input alone. Each change has one cause, the first of `CAUSES` that applies.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from customer_intelligence.data_dir.memory import memory_limit
from customer_intelligence.quoting import literal

TABLE = "rpt_changes"
CAUSES = ("correction", "own_activity", "rules_or_model", "time", "others")

# What must be there in both versions to compare them.
_NEEDED = {
    "dim_customers": ("customer_id", "segment", "churn_risk", "days_since_last_order", "rfm_score"),
    "fct_customer_actions": ("customer_id", "action_label"),
    "fct_customer_days": ("customer_id", "activity_date", "orders", "net_revenue"),
    "rpt_loads": ("load_id",),
    "_meta": ("version", "as_of_date", "rules", "erasures_known"),
}

_COMPARISON = """
insert into publication.marts.rpt_changes
with changed as (
    select customer_id, 'segment' as attribute, b.segment as value_before, n.segment as value_now
    from previous.marts.dim_customers as b
    full join publication.marts.dim_customers as n using (customer_id)
    where b.segment is distinct from n.segment
    union all
    select customer_id, 'churn_risk', b.churn_risk, n.churn_risk
    from previous.marts.dim_customers as b
    full join publication.marts.dim_customers as n using (customer_id)
    where b.churn_risk is distinct from n.churn_risk
    union all
    select customer_id, 'action', b.action_label, n.action_label
    from previous.marts.fct_customer_actions as b
    full join publication.marts.fct_customer_actions as n using (customer_id)
    where b.action_label is distinct from n.action_label
),

days_before as (
    select customer_id, activity_date, orders, net_revenue
    from previous.marts.fct_customer_days
    where activity_date <= least($as_of_before, $as_of_now)
),

days_now as (
    select customer_id, activity_date, orders, net_revenue
    from publication.marts.fct_customer_days
    where activity_date <= least($as_of_before, $as_of_now)
),

corrected as (
    select customer_id from ((from days_before except from days_now)
    union all (from days_now except from days_before))
    group by customer_id
),

active as (
    select customer_id from publication.marts.fct_customer_days
    where activity_date > $as_of_before
    group by customer_id
),

-- The segment of before by the days of now: which score these days would have had among the
-- customers of before, and which segment went with the three scores.
segments as (
    select rfm_score, any_value(segment) as segment
    from (
        select rfm_score, segment from previous.marts.dim_customers
        union all
        select rfm_score, segment from publication.marts.dim_customers
    )
    group by rfm_score
),

cuts as (
    select
        days_since_last_order as days,
        sum(count(*)) over (order by days_since_last_order) as up_to
    from previous.marts.dim_customers
    group by days_since_last_order
),

aged as (
    select
        n.customer_id,
        coalesce(cuts.up_to, 0) as fewer,
        (select count(*) from previous.marts.dim_customers) as known,
        substr(b.rfm_score, 2) as other_scores
    from publication.marts.dim_customers as n
    inner join previous.marts.dim_customers as b using (customer_id)
    asof left join cuts on n.days_since_last_order > cuts.days
),

by_time as (
    select aged.customer_id, segments.segment
    from aged
    left join segments
        on segments.rfm_score = concat(
            5
            - cast(5 * fewer >= known as integer)
            - cast(5 * fewer >= 2 * known as integer)
            - cast(5 * fewer >= 3 * known as integer)
            - cast(5 * fewer >= 4 * known as integer),
            other_scores
        )
)

select
    changed.customer_id,
    changed.attribute,
    changed.value_before,
    changed.value_now,
    case
        when corrected.customer_id is not null then 'correction'
        when active.customer_id is not null then 'own_activity'
        when $other_rules or ($other_model and changed.attribute <> 'segment')
            then 'rules_or_model'
        when $as_of_before = $as_of_now then 'others'
        when
            changed.attribute = 'segment'
            and by_time.segment is not distinct from changed.value_before
            then 'others'
        else 'time'
    end as cause,
    $as_of_before as previous_as_of_date,
    $version_before as previous_version
from changed
left join corrected using (customer_id)
left join active using (customer_id)
left join by_time using (customer_id)
"""

log = logging.getLogger(__name__)


def note_changes(database: Path, before: Path | None) -> int:
    """Fill `rpt_changes` of a version that is not published yet.

    It works in a DuckDB of its own: what a damaged version before does to it, no build should feel.

    Parameters
    ----------
    database : Path
        The new version's.
    before : Path or None
        That of the version that is current, None where there is none.

    Returns
    -------
    int
        Changes: none where the two cannot be compared, which is no reason not to publish.
    """
    if before is None:
        return 0
    try:
        with (
            tempfile.TemporaryDirectory(dir=database.parent) as spilled,
            duckdb.connect(
                config={"memory_limit": memory_limit(), "temp_directory": spilled}
            ) as connection,
        ):
            connection.execute(f"attach {literal(str(database))} as publication")
            connection.execute(f"attach {literal(str(before))} as previous (read_only)")
            if not all(_is_complete(connection, side) for side in ("publication", "previous")):
                return 0
            connection.begin()
            changes = _compare(connection)
            connection.execute(
                "update publication.main._meta_tables set row_count = ? where table_name = ?",
                [changes, TABLE],
            )
            connection.commit()
            connection.execute("checkpoint publication")
            return changes
    except duckdb.Error as error:
        log.warning("What changed since the version before is not told: %s", error)
        return 0


def _compare(connection: DuckDBPyConnection) -> int:
    ((version, as_of_before, rules_before, erased_before),) = connection.execute(
        "select version, as_of_date, rules, erasures_known from previous.main._meta"
    ).fetchall()
    ((as_of_now, rules_now, erased_now),) = connection.execute(
        "select as_of_date, rules, erasures_known from publication.main._meta"
    ).fetchall()
    ((is_same_shop,),) = connection.execute(
        "select count(*) > 0 from previous.evidence.rpt_loads "
        "inner join publication.evidence.rpt_loads using (load_id)"
    ).fetchall()
    # Whoever was erased since is in the version before, and must be in none from now on.
    if not is_same_shop or erased_before != erased_now or None in (as_of_before, as_of_now):
        return 0
    models = [
        connection.execute(
            f"select churn_scoring_model, churn_horizon_days from {side}.marts.build_info"  # noqa: S608  # nosec
        ).fetchall()
        for side in ("previous", "publication")
    ]
    ((changes,),) = connection.execute(
        _COMPARISON,
        {
            "as_of_before": as_of_before,
            "as_of_now": as_of_now,
            "other_rules": rules_before != rules_now,
            "other_model": models[0] != models[1],
            "version_before": version,
        },
    ).fetchall()
    return int(changes)


def _is_complete(connection: DuckDBPyConnection, database: str) -> bool:
    found = set(
        connection.execute(
            "select table_name, column_name from duckdb_columns() where database_name = ?",
            [database],
        ).fetchall()
    )
    return {(table, column) for table, columns in _NEEDED.items() for column in columns} <= found
