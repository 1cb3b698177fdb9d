//! Headers of inner packets.
