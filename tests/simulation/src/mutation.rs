//! Nodes that break a safety rule, to see that the judge notices. Only with the feature
//! `mutations`.

use clap::ValueEnum;

use crate::bounds::Bound;
use crate::scenario::{Fault, Scenario};

/// A safety rule that no node keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mutation {
    /// A taker's piece is free again when its request was not answered in time.
    HoldsTimeOut,
    /// What a batch sends leaves before the batch is written.
    SendsBeforeWriting,
    /// Orders of an earlier run trade at once after a start.
    NoBootBarrier,
    /// A request does not show the refusals that freed its piece.
    NothingFreed,
    /// Statements are taken in and passed on whether or not their signatures hold.
    RelaysUnverified,
    /// The filled amount is the sum of the burned pieces, not the measure of their union.
    PiecesAddUp,
    /// A maker fills less than the smallest piece of its order, and a trade of such a fill holds.
    DustFills,
    /// Owners make room whatever use they are of.
    OwnersAreAlike,
}

impl Mutation {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Makes a run one in which the rule matters: without this fault nothing can come of breaking
    /// it.
    pub fn provoke(self, scenario: &mut Scenario) {
        scenario.mutation = Some(self);
        let faults = &mut scenario.faults;
        match self {
            Self::HoldsTimeOut => {
                faults.insert(Fault::Breaks);
            }
            Self::SendsBeforeWriting => {
                faults.insert(Fault::Crashes);
            }
            Self::NoBootBarrier => {
                // Copies of a request come late; and what a lost disk leads to says nothing of
                // what a kept one does.
                faults.extend([Fault::Crashes, Fault::Sessions]);
                faults.retain(|fault| !matches!(fault, Fault::OldDisks | Fault::LostDisks));
            }
            Self::NothingFreed | Self::RelaysUnverified | Self::PiecesAddUp => {
                faults.insert(Fault::Byzantine);
            }
            // Users place orders of very different amounts in any run.
            Self::DustFills => {}
            Self::OwnersAreAlike => {
                faults.insert(Fault::FreeKeys);
                scenario.bounds = [Bound::Owners].into();
            }
        }
    }

    /// What the core does wrongly; the rest is done by the simulator's driver.
    #[cfg(feature = "mutations")]
    const fn of_core(self) -> Option<meshbook::mutations::Mutation> {
        use meshbook::mutations::Mutation as Core;
        match self {
            Self::HoldsTimeOut => Some(Core::HoldsTimeOut),
            Self::NoBootBarrier => Some(Core::NoBootBarrier),
            Self::NothingFreed => Some(Core::NothingFreed),
            Self::PiecesAddUp => Some(Core::PiecesAddUp),
            Self::DustFills => Some(Core::DustFills),
            Self::OwnersAreAlike => Some(Core::OwnersAreAlike),
            Self::SendsBeforeWriting | Self::RelaysUnverified => None,
        }
    }
}

/// Does something with nodes that break a rule, if one is given.
#[cfg(feature = "mutations")]
pub(crate) fn with<T>(mutation: Option<Mutation>, run: impl FnOnce() -> T) -> T {
    meshbook::mutations::with(mutation.and_then(Mutation::of_core), run)
}

/// Does something. Without the feature, nodes break no rule.
#[cfg(not(feature = "mutations"))]
pub(crate) fn with<T>(_: Option<Mutation>, run: impl FnOnce() -> T) -> T {
    run()
}
