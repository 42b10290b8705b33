//! Time, tasks and entropy of the platform.
