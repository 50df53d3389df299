//! The `gateway` command.

fn main() -> std::process::ExitCode {
    gateway::cli::run(std::env::args_os())
}
