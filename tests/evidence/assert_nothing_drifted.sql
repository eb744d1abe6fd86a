-- A warning: the build is sound and is published, but what it says of customers should
-- be read with the sentence in mind. What only ages with the history does not count.
{{ config(severity="warn") }}
select
    kind,
    subject_label,
    sentence
from {{ ref("rpt_drift") }}
where status = 'drifted'
