{% macro rank_auc(label, rank, ties) -%}
    {#- Mann and Whitney (1947): the mean rank of the positives, ties sharing theirs. -#}
    {{ proportion(
        "sum(" ~ label ~ " * (" ~ rank ~ " + (" ~ ties ~ " - 1) / 2e0))"
        ~ " - sum(" ~ label ~ ") * (sum(" ~ label ~ ") + 1) / 2e0",
        "(sum(" ~ label ~ ") * 1e0 * sum(1 - " ~ label ~ "))"
    ) }}
{%- endmacro %}
