-- Nothing known before the cutoff ranks customers this well: look for a feature that
-- carries the label. The line is the var churn_suspicious_auc; the whole interval must
-- lie above it, because a handful of churners may be ranked well by luck. It is drawn
-- among customers active in the last 90 days: after years of trade most others are
-- plainly gone.
select
    *,
    'ROC AUC ' || cast({{ round_to("value", 3) }} as string) || ' of ' || model
    || ': too good for what is known before a cutoff. Look for a feature that carries'
    || ' the label; if the shop really is so regular, raise churn_suspicious_auc.'
        as explanation
from {{ ref("rpt_churn_metrics") }}
where
    metric = 'roc_auc'
    and population = 'active_90d'
    and ci_low > {{ var("churn_suspicious_auc") }}
