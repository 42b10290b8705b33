//! Nodes as separate processes on real sockets, with each other, with peers of other makes, and
//! with peers that break the rules.

mod ending;
mod hostile;
mod legacy;
mod line;
mod race;
