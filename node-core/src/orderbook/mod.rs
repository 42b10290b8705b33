//! The order book and matching engine (pure).
