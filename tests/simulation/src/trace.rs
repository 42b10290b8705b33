//! What happened, for people: written only when a run is repeated to be read.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Where the lines of a run go.
#[derive(Clone, Debug, Default)]
pub struct Trace(Option<Rc<RefCell<Lines>>>);

#[derive(Debug)]
struct Lines {
    last: VecDeque<String>,
    limit: usize,
}

impl Trace {
    /// Keeps nothing, and costs nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Keeps the last `limit` lines.
    #[must_use]
    pub fn last(limit: usize) -> Self {
        Self(Some(Rc::new(RefCell::new(Lines {
            last: VecDeque::new(),
            limit,
        }))))
    }

    /// The lines that are kept, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let lines = self.0.as_ref();
        lines.map_or_else(Vec::new, |lines| {
            lines.borrow().last.iter().cloned().collect()
        })
    }

    /// Adds a line, which is only made if it is kept.
    pub(crate) fn say(&self, at: u64, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            let mut lines = lines.borrow_mut();
            if lines.last.len() >= lines.limit {
                lines.last.pop_front();
            }
            let (seconds, millis) = (at / 1000, at % 1000);
            lines
                .last
                .push_back(format!("{seconds:>4}.{millis:03}  {}", line()));
        }
    }
}
