{{ typical_products(["segment"]) }}
