//! From the database to the data plane.
