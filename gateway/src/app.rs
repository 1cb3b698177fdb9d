//! The serve process, wired.
