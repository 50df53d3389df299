//! What commands print. Whoever reads it may have enough (`| head`): that ends the printing and nothing else, so the command does what it
//! was asked for and its exit code is its own. What cannot be written for another reason (a full disk) is an error at the command's end.
//!
//! The macros stand for those of the standard library in all of the command line, which panic.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

use crate::plain::stands;

/// Why nothing more is printed.
static BROKEN: OnceLock<io::Error> = OnceLock::new();

macro_rules! print {
    ($($text:tt)*) => { $crate::cli::out::put(format_args!($($text)*)) };
}

macro_rules! println {
    () => { $crate::cli::out::put(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::out::put(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { $crate::cli::out::say(format_args!("{}\n", format_args!($($text)*))) };
}

/// To standard output, unless that is broken.
pub(super) fn put(text: Arguments<'_>) {
    if BROKEN.get().is_none() {
        came_to(io::stdout().write_fmt(text));
    }
}

/// Whatever is printed must be seen before a question is answered.
pub(super) fn flush() {
    came_to(io::stdout().flush());
}

/// What became of something that was printed in another way.
pub(super) fn came_to(printed: io::Result<()>) {
    if let Err(error) = printed {
        // The first reason is the one that is told.
        drop(BROKEN.set(error));
    }
}

/// To standard error, whatever names are quoted in it; where that is gone there is nobody to tell.
pub(super) fn say(text: Arguments<'_>) {
    let safe = |c: char| if c == '\n' || stands(c) { c } else { char::REPLACEMENT_CHARACTER };
    let text: String = text.to_string().chars().map(safe).collect();
    drop(io::stderr().write_all(text.as_bytes()));
}

/// The exit code of a command that is at its end.
pub(super) fn ended(code: ExitCode) -> ExitCode {
    flush();
    match BROKEN.get().filter(|error| error.kind() != ErrorKind::BrokenPipe) {
        None => code,
        Some(error) => {
            eprintln!("error: what the command printed is not whole ({error}); what it did is done");
            if code == ExitCode::SUCCESS { ExitCode::from(1) } else { code }
        }
    }
}
