-- Nothing known before the cutoff ranks customers this well: look for a feature that
-- carries the label. The line is the var churn_suspicious_auc.
select *
from {{ ref("rpt_churn_metrics") }}
where metric = 'roc_auc' and value > {{ var("churn_suspicious_auc") }}
