//! Signed statements, fills and the replicated set that they form (pure).
