-- All 125 combinations of scores have one segment, and no customer falls into a worse
-- one by scoring higher in days or in orders.
with cells as (

    select
        rfm_segments.r_score,
        rfm_segments.f_score,
        rfm_segments.m_score,
        segment_playbook.segment_rank
    from {{ ref("rfm_segments") }} as rfm_segments
    left join {{ ref("segment_playbook") }} as segment_playbook
        on rfm_segments.segment = segment_playbook.segment

),

worse_by_scoring_higher as (

    select cells.*
    from cells
    inner join cells as higher
        on
            cells.m_score = higher.m_score
            and cells.r_score <= higher.r_score
            and cells.f_score <= higher.f_score
            and cells.segment_rank < higher.segment_rank

)

select
    'worse by scoring higher' as problem,
    count(*) as cells
from worse_by_scoring_higher
having count(*) > 0
union all
select
    'not every cell once' as problem,
    count(*) as cells
from cells
having
    count(*) <> 125
    or count(distinct r_score * 100 + f_score * 10 + m_score) <> 125
    or min(r_score) <> 1 or max(r_score) <> 5
    or min(f_score) <> 1 or max(f_score) <> 5
    or min(m_score) <> 1 or max(m_score) <> 5
    or count(segment_rank) <> 125
