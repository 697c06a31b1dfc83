//! All that a C library does for a program that neither allocates nor reads or
//! writes: the entry, the exit, and the memory functions that compilers call.

use core::arch::{asm, global_asm};

/// The exit status of a panic, as std has it.
const PANICKED: u8 = 101;

// The kernel starts a program with a stack but without a caller.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {start}",
    "ud2",
    start = sym start,
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, xzr",
    "bl {start}",
    "brk #1",
    start = sym start,
);

extern "C" fn start() -> ! {
    exit(crate::main())
}

fn exit(status: u8) -> ! {
    // SAFETY: exit_group ends the process, so nothing after it can be unsound.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("syscall", in("rax") 231, in("rdi") u64::from(status), options(noreturn));
        #[cfg(target_arch = "aarch64")]
        asm!("svc #0", in("x8") 94, in("x0") u64::from(status), options(noreturn));
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(PANICKED)
}

// The loops below use volatile writes and reads because the compiler would
// otherwise recognise them and replace each by a call to itself.

/// # Safety
/// As in C: `n` bytes are readable at `src` and writable at `dest`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    for i in 0..n {
        // SAFETY: i < n, for which the caller vouches.
        unsafe { dest.add(i).write_volatile(*src.add(i)) };
    }
    dest
}

/// # Safety
/// As in C: `n` bytes are readable at `src` and writable at `dest`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    if dest.cast_const() <= src {
        // SAFETY: forwards never overwrites what it has yet to read here.
        return unsafe { memcpy(dest, src, n) };
    }
    for i in (0..n).rev() {
        // SAFETY: i < n, for which the caller vouches.
        unsafe { dest.add(i).write_volatile(*src.add(i)) };
    }
    dest
}

/// # Safety
/// As in C: `n` bytes are writable at `dest`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(dest: *mut u8, byte: i32, n: usize) -> *mut u8 {
    for i in 0..n {
        // SAFETY: i < n, for which the caller vouches.
        unsafe { dest.add(i).write_volatile(byte as u8) };
    }
    dest
}

/// # Safety
/// As in C: `n` bytes are readable at `a` and at `b`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    for i in 0..n {
        // SAFETY: i < n, for which the caller vouches.
        let (a, b) = unsafe { (a.add(i).read_volatile(), b.add(i).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// # Safety
/// As in C: `n` bytes are readable at `a` and at `b`.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(a, b, n) }
}
