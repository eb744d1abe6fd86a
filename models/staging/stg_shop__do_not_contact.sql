select distinct nullif(trim(customer_id), '') as customer_id
from {{ raw_table("contact", "do_not_contact") }}
where nullif(trim(customer_id), '') is not null
