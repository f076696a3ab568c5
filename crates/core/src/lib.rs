//! Ids, clock, classes of failure and the scope of a request; no I/O.
