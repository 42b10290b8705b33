//! The sans-IO node: peers, routing, matching and gossip as one state machine.
