//! How often things happened: what never does tests nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Numbers by what they count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Cow<'static, str>, u64>);

impl Counts {
    pub(crate) fn one(&mut self, what: impl Into<Cow<'static, str>>) {
        self.more(what, 1);
    }

    pub(crate) fn more(&mut self, what: impl Into<Cow<'static, str>>, count: u64) {
        *self.0.entry(what.into()).or_default() += count;
    }

    /// Adds all that another run counted.
    pub fn add(&mut self, other: Self) {
        for (what, count) in other.0 {
            self.more(what, count);
        }
    }

    /// How often something happened.
    #[must_use]
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }
}

impl fmt::Display for Counts {
    /// A line for each group: what stands before the colon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (what, count) in &self.0 {
            let (group, what) = what.split_once(": ").unwrap_or(("others", what));
            let shown = format!("{what} {count}");
            groups.entry(group).or_default().push(shown);
        }
        for (group, shown) in groups {
            writeln!(f, "{group}: {}", shown.join(", "))?;
        }
        Ok(())
    }
}
