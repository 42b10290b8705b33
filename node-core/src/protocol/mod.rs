//! What nodes say to each other: frames, sessions, dialects (pure).
