//! `demo`: three nodes of this machine and a little market between them.

mod market;
mod nodes;
mod show;
mod stage;

pub(crate) use stage::demo;
