//! Proof that `protocol` can be linked into a reader's firmware: a program without std, which brings its own panic
//! handler and allocator. If `protocol` or anything below it linked std, rustc would refuse the second panic handler
//! (E0152). It runs, too: it takes a frame apart, checks its body, and puts it together again.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};
use protocol::frame::{self, Incoming};

const FRAME: &[u8] = &[0, 13, 0x10, 0x05, 0, 0, 0, 7, 0, 4, 0xa1, 0x01, 0x18, 0x2a, 0xa0];

/// The entry point that C's start-up code calls. The exit code tells the step that failed.
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let Ok(Some((Incoming::Frame(frame), taken))) = frame::decode(FRAME) else { return 1 };
    if taken != FRAME.len() || protocol::strict::check(&frame.body).is_err() {
        return 2;
    }
    let mut again = Vec::new();
    if frame.encode(&mut again).is_err() || again != FRAME {
        return 3;
    }
    0
}

// Start-up code and memcpy come from C's library, as firmware has them from its own.
#[link(name = "c")]
unsafe extern "C" {}

/// The toolchain's `alloc` was built to unwind and names this; with panic = "abort" nothing calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// 64 KiB that are handed out once.
struct Bump {
    memory: UnsafeCell<[u8; 64 * 1024]>,
    used: AtomicUsize,
}

// SAFETY: `used` only grows, so no two allocations overlap.
unsafe impl Sync for Bump {}

// SAFETY: memory handed out is inside `memory`, aligned, and never handed out again.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.memory.get().cast::<u8>();
        // Room for the worst alignment is taken along.
        let at = self.used.fetch_add(layout.size() + layout.align(), Ordering::Relaxed);
        if at + layout.size() + layout.align() > 64 * 1024 {
            return null_mut();
        }
        let free = start.wrapping_add(at);
        free.wrapping_add(free.align_offset(layout.align()))
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: Bump = Bump { memory: UnsafeCell::new([0; 64 * 1024]), used: AtomicUsize::new(0) };
