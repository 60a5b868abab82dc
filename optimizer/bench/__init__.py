"""`ripeur bench`: published instances, solved and judged."""
