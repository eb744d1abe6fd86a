"""What the pages ask the marts, by page: fixed texts with bound parameters."""
