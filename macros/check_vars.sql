{% macro check_vars() %}
    {%- set known = [
        "as_of_date",
        "cleaning_policy",
        "drop_exact_duplicates",
        "product_code_pattern",
        "cancellation_prefix",
        "adjustment_prefix",
        "currency",
        "rfm_window_days",
        "new_customer_days",
        "churn_horizon_days",
        "churn_training_cutoffs",
        "churn_decision_threshold",
        "offer_cost",
        "offer_response_rate",
        "offer_margin",
        "campaign",
        "holdout_share",
        "churn_risk_medium",
        "churn_risk_high",
        "dashboard_countries",
        "dashboard_sample",
        "churn_scoring_model",
        "churn_min_customers",
        "churn_suspicious_auc",
        "churn_features",
        "bootstrap_resamples",
        "bootstrap_customers",
        "clusters_k",
        "clv_margin",
        "clv_annual_discount_rate",
        "clv_dropout_model",
        "clv_min_customers",
        "clv_min_repeat_customers",
        "random_seed",
        "publish_empty",
        "raw_relation",
        "negative_lines_are_returns"
    ] -%}
    {%- for name in invocation_args_dict.get("vars") or {} -%}
        {%- if name not in known -%}
            {{ exceptions.raise_compiler_error(
                "Unknown var " ~ name ~ ". Vars are: " ~ known | join(", ") ~ "."
            ) }}
        {%- endif -%}
    {%- endfor -%}
    {%- if var("cleaning_policy") not in ("net", "classic") -%}
        {{ exceptions.raise_compiler_error(
            "cleaning_policy is " ~ var("cleaning_policy") ~ ", not net or classic."
        ) }}
    {%- endif -%}
    {%- if var("clv_dropout_model") not in ("bg_nbd", "mbg_nbd") -%}
        {{ exceptions.raise_compiler_error(
            "clv_dropout_model is " ~ var("clv_dropout_model") ~ ", not bg_nbd or mbg_nbd."
        ) }}
    {%- endif -%}
    {%- set models = [
        none, "base_rate", "recency_only", "rfm_logistic", "buy_till_you_die",
        "logistic_regression", "gradient_boosting", "random_forest", "logit_average"
    ] -%}
    {%- if var("churn_scoring_model") not in models -%}
        {{ exceptions.raise_compiler_error(
            "churn_scoring_model is " ~ var("churn_scoring_model") ~ ", not one of "
            ~ models[1:] | join(", ") ~ "."
        ) }}
    {%- endif -%}
    {%- if not modules.re.fullmatch("[0-9A-Za-z][0-9A-Za-z_-]{0,63}", var("campaign") | string) -%}
        {{ exceptions.raise_compiler_error(
            "campaign is " ~ var("campaign") ~ ", not a name of letters, digits, - and _."
        ) }}
    {%- endif -%}
    {%- set day = var("as_of_date") -%}
    {%- if day is not none
        and not modules.re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", day | string) -%}
        {{ exceptions.raise_compiler_error(
            "as_of_date is " ~ day ~ ", not a day such as 2011-09-10."
        ) }}
    {%- endif -%}
{% endmacro %}
