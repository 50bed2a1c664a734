//! How the allocator of the system is used: what is not needed any more goes back.

/// Large pieces are the system's own for good: the allocator would keep pieces of a size that was once given back in the
/// midst of small ones, which then hold their pages. Called before anything large is allocated.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
pub(super) fn settle() {
    // SAFETY: mallopt takes two numbers and may be called at any time.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 128 * 1024) };
}

/// Other C libraries have no such call.
#[cfg(not(target_env = "gnu"))]
pub(super) fn settle() {}

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
