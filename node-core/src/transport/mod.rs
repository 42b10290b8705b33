//! Connections of whole frames: TCP, WebSocket and memory.
