//! One verdict a flow.
