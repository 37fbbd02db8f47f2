//! The `rootwalk` command.

fn main() -> std::process::ExitCode {
    rootwalk::commands::main()
}
