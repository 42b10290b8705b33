//! The native part of the package `meshbook` for Node.js.
//!
//! It translates: values of JavaScript into those of the core and back, futures into promises,
//! event streams into calls. What an application sees is written in `lib/`, which is the only
//! caller of this.
//!
//! No panic may leave here, since it would end the whole process: functions catch theirs
//! (`catch_unwind`), and so does `runtime::promise` for what goes on in the background.

#![cfg_attr(
    test,
    allow(
        dead_code,
        reason = "in tests nothing is exported to JavaScript, the only caller"
    )
)]

mod book;
mod client;
mod command;
mod events;
mod failure;
mod fault;
mod grapes;
mod grenache;
mod native_book;
mod options;
mod runtime;
mod stats;
mod values;
