//! Safety rules that can be switched off, to see whether whoever checks them notices.
//!
//! Only with the feature `mutations`, which no build of a node has. Without it nothing can be
//! switched off, and the questions below compile to nothing.

/// What a node does wrongly while it is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Owners make room whatever use they are of.
    OwnersAreAlike,
    /// A piece is free again when its request was not answered in time.
    HoldsTimeOut,
    /// Orders of an earlier run trade at once after a start.
    NoBootBarrier,
    /// A request does not show the refusals that freed its piece.
    NothingFreed,
    /// The filled amount is the sum of the burned pieces, not the measure of their union.
    PiecesAddUp,
    /// A maker fills less than the smallest piece of its order, and a trade of such a fill holds.
    DustFills,
}

impl Mutation {
    /// Whether this thread's nodes do it wrongly.
    #[cfg(not(feature = "mutations"))]
    pub(crate) const fn is_on(self) -> bool {
        let _ = self;
        false
    }

    /// Whether this thread's nodes do it wrongly.
    #[cfg(feature = "mutations")]
    pub(crate) fn is_on(self) -> bool {
        switch::ON.get() == Some(self)
    }
}

#[cfg(feature = "mutations")]
pub use switch::{believe, with};

#[cfg(feature = "mutations")]
mod switch {
    use std::cell::Cell;

    use super::Mutation;
    use crate::ledger::{RawStatement, Statement, Verifier};

    thread_local! {
        pub(super) static ON: Cell<Option<Mutation>> = const { Cell::new(None) };
    }

    /// Switches back what was before, also after a panic.
    struct Before(Option<Mutation>);

    impl Drop for Before {
        fn drop(&mut self) {
            ON.set(self.0);
        }
    }

    /// Does something with nodes that break a rule, if one is given, on this thread.
    pub fn with<T>(mutation: Option<Mutation>, run: impl FnOnce() -> T) -> T {
        let _before = Before(ON.replace(mutation));
        run()
    }

    /// Takes statements for signed by whom they name, as long as they are well formed. The
    /// verifier believes them from then on.
    #[must_use]
    pub fn believe(raw: Vec<RawStatement>, verifier: &Verifier) -> Vec<Statement> {
        let statements = raw.into_iter().map(|raw| verifier.recall(raw));
        statements.filter_map(Result::ok).collect()
    }
}
