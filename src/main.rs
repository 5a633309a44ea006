//! Arguments, then config, then the app. Exit codes: 0 fine, 1 it could not be done, 2 the call or the
//! config is wrong, 74 the journal failed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use onsale::config::Config;
use onsale::{app, telemetry, verify, verify_draw};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The engine for the moment tickets go on sale.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Work>,
    /// Settings; without it config.toml of the working directory, else those built in.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Work {
    /// Serves (the default).
    Serve,
    /// Reads the settings and says whether they can be used.
    CheckConfig,
    /// Reads a data directory, audits all laws, prints a summary and the digest.
    Verify {
        #[arg(value_name = "DATA_DIR")]
        data_dir: PathBuf,
    },
    /// Computes a published draw of a waiting room anew, offline, and says what of it holds.
    VerifyDraw {
        /// What `GET .../waiting-room/draw` gave, and below it what `.../draw/entries` gave.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// API keys: who may ask this server for what, in mode `keys`.
    Keys {
        #[command(subcommand)]
        work: KeyWork,
    },
    /// Makes a new key that signs tickets from the next start on; those signed before stay good.
    RotateTicketKeys {
        #[arg(value_name = "DATA_DIR")]
        data_dir: PathBuf,
    },
}

#[derive(Subcommand)]
enum KeyWork {
    /// Makes a key and shows it, this once. Works while the server runs.
    Create {
        /// organizer, service, scanner or operator.
        #[arg(long)]
        role: String,
        /// Whose key it is; every role but operator needs it.
        #[arg(long)]
        organizer: Option<String>,
        /// For people: what has it.
        #[arg(long)]
        name: String,
        /// Where the journal is; left out, as in the settings.
        #[arg(value_name = "DATA_DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Lists all keys, without their secrets.
    List {
        #[arg(value_name = "DATA_DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Revokes a key for good; a running server refuses it within a second.
    Revoke {
        id: String,
        #[arg(value_name = "DATA_DIR")]
        data_dir: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Work::Verify { data_dir }) => told(|out| verify::verify(&data_dir, out)),
        Some(Work::VerifyDraw { file }) => told(|out| verify_draw::verify_draw(&file, out)),
        Some(Work::RotateTicketKeys { data_dir }) => rotate_ticket_keys(&data_dir),
        Some(Work::Keys { work }) => keys(arguments.config.as_deref(), work),
        Some(Work::CheckConfig) => with_config(arguments.config.as_deref(), |config| {
            app::check_identity(&config)?;
            eprintln!("the settings can be used");
            Ok(())
        }),
        Some(Work::Serve) | None => with_config(arguments.config.as_deref(), serve),
    }
}

/// Prints what `verify` finds; `false` from it is exit code 1.
fn told(verify: impl FnOnce(&mut Vec<u8>) -> anyhow::Result<bool>) -> ExitCode {
    let mut summary = Vec::new();
    let outcome = verify(&mut summary);
    // A reader that has seen enough (`| head`) is no fault: the exit code tells the outcome.
    drop(std::io::stdout().write_all(&summary));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error),
    }
}

fn rotate_ticket_keys(data_dir: &Path) -> ExitCode {
    match app::rotate_ticket_keys(data_dir) {
        Ok(key) => {
            eprintln!("new key {key}; it signs from the next start of the server on");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

fn keys(config: Option<&Path>, work: KeyWork) -> ExitCode {
    match work {
        KeyWork::Create { role, organizer, name, data_dir } => in_data(config, data_dir, |dir| {
            let key = app::create_key(dir, &role, organizer.as_deref(), &name)?;
            eprintln!("this is the key, shown this once; send it as `Authorization: Bearer KEY`");
            drop(writeln!(std::io::stdout(), "{key}"));
            Ok(())
        }),
        KeyWork::List { data_dir } => in_data(config, data_dir, |dir| {
            let mut table = Vec::new();
            app::list_keys(dir, &mut table)?;
            drop(std::io::stdout().write_all(&table));
            Ok(())
        }),
        KeyWork::Revoke { id, data_dir } => in_data(config, data_dir, |dir| {
            eprintln!("{}", app::revoke_key(dir, &id)?);
            Ok(())
        }),
    }
}

/// The data directory that was named, else that of the settings.
fn in_data(
    config: Option<&Path>,
    named: Option<PathBuf>,
    then: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> ExitCode {
    match named {
        Some(dir) => then(&dir).map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS),
        None => with_config(config, |config| then(&config.storage.data_dir)),
    }
}

fn with_config(named: Option<&Path>, then: impl FnOnce(Config) -> anyhow::Result<()>) -> ExitCode {
    match Config::load(named) {
        Ok(config) => then(config).map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::install(&config.log.filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(app::run(config));
    if served.is_ok() {
        // Everything durable is durable; the store's destructors could only wait for its threads.
        std::process::exit(0);
    }
    served
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("{error:#}");
    ExitCode::FAILURE
}
