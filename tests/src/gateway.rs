//! The product in the office (being written).
