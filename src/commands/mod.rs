//! The command line: what can be said to `rootwalk`, and what it exits with.
//!
//! Exit codes: 0 good, 1 failed, 2 usage, 3 configuration.

mod anchor;
mod chain;
mod check;
mod explain;
mod lab;
mod present;
mod query;
mod recorder;

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::{logging, serve};
use crate::config::{self, Configuration};

/// A validating recursive DNS resolver: it walks from the root and proves each step.
#[derive(Debug, Parser)]
#[command(name = "rootwalk", version, about, disable_help_subcommand = true)]
struct CommandLine {
    /// The configuration file; without one, the defaults
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve clients, in the foreground (also without any command)
    Serve,
    /// Report all faults of the configuration
    Check,
    /// Resolve one name and print the answer
    Query(query::Arguments),
    /// Resolve one name and print each step of the walk and of the proof
    Explain(explain::Arguments),
    /// Show the trust anchors and their states
    Anchor(anchor::Arguments),
    /// Serve a signed internet on loopback, with a resolver on it, to try things out
    Lab(lab::Arguments),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Good,
    Failed,
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Good => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            // 2 is clap's, for usage.
            Exit::Configuration => Self::from(3),
        }
    }
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    let file = line.config.as_deref();
    let command = line.command.unwrap_or(Command::Serve);
    if let Command::Lab(arguments) = &command {
        if file.is_some() {
            eprintln!("the lab writes its own configuration: leave --config out");
            return ExitCode::from(2);
        }
        return lab::run(arguments).into();
    }
    if let Command::Anchor(arguments) = &command
        && let Some(exit) = arguments.run_alone()
    {
        return exit.into();
    }
    let configuration = match config::load(file) {
        Ok(configuration) => configuration,
        Err(faults) => {
            for fault in &faults {
                eprintln!("{fault}");
            }
            eprintln!("{}", check::counted(faults.len(), "fault"));
            return Exit::Configuration.into();
        }
    };
    let exit = match command {
        Command::Serve => serve(configuration),
        Command::Check => check::run(&configuration, file),
        Command::Query(arguments) => query::run(&configuration, &arguments),
        Command::Explain(arguments) => explain::run(&configuration, &arguments),
        Command::Anchor(arguments) => anchor::run(&configuration, &arguments),
        Command::Lab(arguments) => lab::run(&arguments),
    };
    exit.into()
}

fn serve(configuration: Configuration) -> Exit {
    logging::begin(&configuration.settings.log);
    for warning in &configuration.warnings {
        tracing::warn!("{warning}");
    }
    match serve::serve(configuration) {
        Ok(()) => Exit::Good,
        Err(error) => {
            tracing::error!("{error}");
            Exit::Failed
        }
    }
}

/// Adds words to a text.
fn add(text: &mut String, words: fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _infallible = text.write_fmt(words);
}

/// Prints, and survives a reader that has gone (`rootwalk query … | head`).
fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        // Nobody reads any more: there is nobody to tell either.
        std::process::exit(1);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn serve_is_what_is_done_without_a_command() {
        let line = CommandLine::try_parse_from(["rootwalk", "--config", "a.toml"]).unwrap();
        assert!(line.command.is_none());
        let line =
            CommandLine::try_parse_from(["rootwalk", "query", "--config", "a.toml", "example."]).unwrap();
        assert_eq!(line.config, Some(PathBuf::from("a.toml")));
    }
}
