"""The draft of a mapping and of the rules of a shop, for a file without a mapping.

`column` sees what the values of a column are, `evidence` what they say of a field, `choosing` holds
what is chosen, `money` and `orders` find prices and amounts by arithmetic, `mapping` chooses all
fields, `content` writes them down, and `rules` drafts what codes and words mean.
"""

from customer_intelligence.check_data.draft.choosing import Draft
from customer_intelligence.check_data.draft.column import Column
from customer_intelligence.check_data.draft.mapping import draft_mapping

__all__ = ["Column", "Draft", "draft_mapping"]
