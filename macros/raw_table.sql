{% macro raw_table(source_name, table) %}
    {%- if is_own_project() -%}
        {{ return(source(source_name, table)) }}
    {%- else -%}
        {%- set relations = var("relations") -%}
        {%- set unknown = relations.keys() | reject("in", raw_columns()) | list -%}
        {%- if unknown or "invoice_lines" not in relations -%}
            {{ exceptions.raise_compiler_error(
                "E_BAD_VARS: The var relations of customer_intelligence "
                ~ ("names " ~ unknown[0] ~ ", which it does not read."
                    if unknown else "does not name the invoice_lines.")
                ~ " See docs/package.md of that project."
            ) }}
        {%- endif -%}
        {{ return(
            relation_as_raw(table, render(relations[table])) if table in relations
            else nothing_as_raw(table)
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro is_own_project() %}
    {{ return(project_name == "customer_intelligence") }}
{% endmacro %}


{% macro relation_as_raw(table, relation) -%}
    {#- By name, so that columns may be absent; but those without which a row means
        nothing are replaced by themselves, which fails where they are. -#}
    {%- set columns = raw_columns()[table] -%}
    (
        select
            {%- for name, column in columns.items() %}
            coalesce(
                cast(given.{{ name }} as {{ column[0] }}), {{ column[1] | default("null") }}
            ) as {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        from (
            select
                {%- for name, column in columns.items() %}
                cast(null as {{ column[0] }}) as {{ name }}{{ "," if not loop.last }}
                {%- endfor %}
            where false
            union all by name
            select * replace (
                {%- for name, column in columns.items() if column | length == 1 -%}
                    {{ name }} as {{ name }}{{ ", " if not loop.last }}
                {%- endfor -%}
            )
            from {{ relation }}
        ) as given
    )
{%- endmacro %}


{% macro nothing_as_raw(table) -%}
    {#- One load, and the rules that hold for any shop: every code is merchandise. -#}
    {%- set stated = {
        "loads": {
            "load_id": "'invoice_lines'", "load_number": "1",
            "source_file": "'invoice_lines'",
        },
        "shop_rules": {"currency": "'XXX'"},
        "shop_codes": {
            "code_rule_rank": "1", "code_pattern": "''", "stock_code_class": "'product'",
        },
    }.get(table, {}) -%}
    (
        select
            {%- for name, column in raw_columns()[table].items() %}
            cast(
                {{ stated.get(name) or column[1] | default("null") }} as {{ column[0] }}
            ) as {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        {%- if table not in ("loads", "shop_rules", "shop_codes") %}
        where false
        {%- endif %}
    )
{%- endmacro %}


{% macro raw_columns() %}
    {#- Type, and what a column means where nobody says it; without that it is needed. -#}
    {%- set reasons -%}
        list_filter([
            case when given.invoice_no is null then 'R_INVOICE_NO' end,
            case when given.invoiced_at is null then 'R_INVOICE_DATE' end,
            case
                when coalesce(given.quantity, given.line_amount) is null then 'R_QUANTITY'
            end,
            case
                when coalesce(given.unit_price, given.line_amount) is null
                    then 'R_UNIT_PRICE'
            end
        ], lambda reason: reason is not null)
    {%- endset -%}
    {{ return({
        "invoice_lines": {
            "record_number": ["bigint"],
            "invoice_no": ["string"],
            "stock_code": ["string"],
            "description": ["string"],
            "quantity": ["decimal(18, 4)"],
            "invoiced_at": ["timestamp"],
            "unit_price": ["decimal(18, 4)"],
            "customer_id": ["string"],
            "country": ["string"],
            "load_number": ["integer", "1"],
            "load_id": ["string", "'invoice_lines'"],
            "source_file": ["string", "'invoice_lines'"],
            "file_sha256": ["string", "null"],
            "line_number": ["bigint", "null"],
            "line_amount": ["decimal(18, 4)", "null"],
            "is_cancelled_order": ["boolean", "null"],
            "order_status": ["string", "null"],
            "refunded_amount": ["decimal(18, 4)", "null"],
            "refunded_at": ["timestamp", "null"],
            "is_refund_estimated": ["boolean", "null"],
            "copy_number": ["integer", "null"],
            "consent": ["string", "null"],
            "reasons": ["string[]", reasons],
        },
        "loads": {
            "load_id": ["string"],
            "load_number": ["integer"],
            "source_file": ["string"],
            "file_sha256": ["string", "null"],
            "records": ["bigint", "null"],
            "pseudonym_key": ["string", "null"],
            "loaded_at": ["string", "null"],
        },
        "already_read": {
            "last_load_number": ["integer"],
            "first_invoice_date": ["date"],
            "last_invoice_date": ["date"],
            "as_of_date": ["date"],
        },
        "shop_rules": {
            "currency": ["string"],
            "cancellation_prefix": ["string", "null"],
            "adjustment_prefix": ["string", "null"],
            "negative_lines_are_returns": ["boolean", "true"],
            "drops_copies": ["boolean", "false"],
            "invoice_numbers_restart": ["boolean", "false"],
            "believes_far_off_dates": ["boolean", "false"],
        },
        "shop_codes": {
            "code_rule_rank": ["integer"],
            "stock_code": ["string", "null"],
            "code_pattern": ["string", "null"],
            "stock_code_class": ["string"],
        },
        "shop_descriptions": {
            "description_rule_rank": ["integer"],
            "description_pattern": ["string"],
            "stock_code_class": ["string"],
        },
        "shop_statuses": {"status_word": ["string"], "status_class": ["string"]},
        "shop_nobody": {"customer_id": ["string"]},
        "do_not_contact": {"customer_id": ["string"]},
        "campaign_assignments": {
            "campaign": ["string"],
            "starts_on": ["date"],
            "customer_id": ["string"],
            "action": ["string"],
            "is_holdout": ["boolean"],
        },
        "previous_clusters": {
            "cluster_id": ["integer"],
            "days_since_last_order": ["double"],
            "frequency": ["double"],
            "net_revenue": ["double"],
        },
        "previous_horizon": {"horizon_days": ["integer"], "as_of_date": ["date"]},
    }) }}
{% endmacro %}
