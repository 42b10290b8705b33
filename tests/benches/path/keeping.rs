//! What the measured nodes keep on disk.

/// What all nodes of one measurement keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Nothing: what the rest costs.
    None,
    /// A journal with this `JOURNAL_SYNC`.
    Journal(&'static str),
}

impl Keeping {
    /// From the cheapest to the safest.
    pub(crate) const ALL: [Self; 4] = [
        Self::None,
        Self::Journal("off"),
        Self::Journal("interval"),
        Self::Journal("always"),
    ];

    /// Its name in options and figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Journal(sync) => sync,
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Names with commas between them.
    pub(crate) fn list(names: &str) -> Option<Vec<Self>> {
        names.split(',').map(Self::named).collect()
    }
}
