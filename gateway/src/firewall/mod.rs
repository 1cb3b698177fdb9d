//! The second lock.
