//! Memory that the start needed and the switch does not.

/// Gives freed memory back to the system. Reading and checking a large configuration takes several times what is kept of
/// it, and the allocator would hold on to that. Called before there is traffic, since allocations wait meanwhile.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
pub(super) fn give_back() {
    // SAFETY: malloc_trim takes a number, touches only free memory and may be called from any thread.
    unsafe { libc::malloc_trim(0) };
}

/// Other C libraries have no such call.
#[cfg(not(target_env = "gnu"))]
pub(super) fn give_back() {}
