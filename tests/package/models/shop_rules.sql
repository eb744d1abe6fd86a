-- What is not said has the meaning that holds for any shop.
select
    'GBP' as currency,
    'C' as cancellation_prefix,
    'A' as adjustment_prefix,
    false as negative_lines_are_returns,
    true as drops_copies
