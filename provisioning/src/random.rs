//! The kernel's randomness.

/// Fills `bytes` from the kernel.
///
/// # Panics
/// If the kernel has none to give (it waits for its pool at start-up, so in practice: never). Issuing a key without
/// randomness would be worse than stopping.
pub(crate) fn fill(bytes: &mut [u8]) {
    let filled = getrandom::fill(bytes);
    assert!(filled.is_ok(), "the kernel gives no randomness (getrandom), no key can be made");
}
