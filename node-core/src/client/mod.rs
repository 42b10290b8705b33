//! `ExchangeClient`: the async facade, its configuration and its events.
