//! The Strowger softswitch.

fn main() -> std::process::ExitCode {
    strowger::cli::main()
}
