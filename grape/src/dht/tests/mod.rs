mod network;
mod nodes;
