//! `cargo xtask fuzz`: looks for bytes from outside that break a promise, with libFuzzer.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use clap::Args;

use crate::process::{answers, cargo, program, root, succeeds};

/// The version that the folder of its crate is written for.
const CARGO_FUZZ: &str = "0.13.2";

/// An input that takes longer, in seconds, is a finding.
const PATIENCE: u32 = 10;

/// A target that needs more memory, in MiB, is a finding.
const MEMORY: u32 = 1024;

/// The longest input that is tried, in bytes: as long as the largest in the corpus at least.
const LONGEST: u32 = 16 * 1024;

/// What to look for, and how long.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// Only these targets; all of them by default.
    targets: Vec<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// How many targets run side by side; as many as there are processors by default.
    #[arg(long)]
    jobs: Option<usize>,
    /// Puts what was found to reach more of the code into the corpus.
    #[arg(long)]
    keep: bool,
}

/// What came of one target.
struct Outcome {
    target: String,
    executions: String,
    per_second: String,
    fresh: usize,
    /// Where the input is that breaks it.
    finding: Option<PathBuf>,
    failed: bool,
    log: PathBuf,
}

impl Fuzz {
    pub(crate) fn run(&self) -> ExitCode {
        match self.outcomes() {
            Ok(outcomes) => report(&outcomes),
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        }
    }

    fn outcomes(&self) -> Result<Vec<Outcome>, String> {
        let targets = self.chosen()?;
        let start = Instant::now();
        let host = build(&targets)?;
        println!("built in {} s", start.elapsed().as_secs());
        let programs = output().join(host).join("release");
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.unwrap_or(processors).max(1);
        let waiting = Mutex::new(targets.iter());
        let done = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    loop {
                        let next = waiting.lock().map(|mut waiting| waiting.next());
                        let Ok(Some(target)) = next else { break };
                        let outcome = self.fuzz(target, &programs.join(target));
                        if let Ok(mut done) = done.lock() {
                            done.push(outcome);
                        }
                    }
                });
            }
        });
        let done = done.into_inner().map_err(|error| error.to_string())?;
        done.into_iter().collect()
    }

    /// The targets by their names, which are those of the folders of the corpus.
    fn chosen(&self) -> Result<Vec<String>, String> {
        let all = names(&root().join("fuzz/corpus"))?;
        if let Some(unknown) = self.targets.iter().find(|name| !all.contains(name)) {
            let all = all.join(", ");
            return Err(format!("no target {unknown}; there are {all}"));
        }
        Ok(match self.targets.as_slice() {
            [] => all,
            chosen => chosen.to_vec(),
        })
    }

    fn fuzz(&self, target: &str, binary: &Path) -> Result<Outcome, String> {
        let corpus = root().join("fuzz/corpus").join(target);
        let found = output().join("corpus").join(target);
        let artifacts = output().join("artifacts").join(target);
        let log = output().join(format!("{target}.log"));
        let failed = |error: std::io::Error| format!("{target}: {error}");
        for folder in [&found, &artifacts] {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let before = names(&found)?.len();
        let before_artifacts = names(&artifacts)?;
        let mut fuzzer = Command::new(binary);
        fuzzer
            .current_dir(root())
            .arg(format!("-max_total_time={}", self.seconds))
            .arg(format!("-timeout={PATIENCE}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-max_len={LONGEST}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-print_final_stats=1", "-reload=0", "-use_value_profile=1"])
            .args([&found, &corpus])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).map_err(failed)?);
        let passed = fuzzer.status().map_err(failed)?.success();
        let text = fs::read(&log).map_err(failed)?;
        let text = String::from_utf8_lossy(&text);
        let figure = |name: &str| {
            let line = text.lines().rev().find(|line| line.starts_with(name));
            let figure = line.and_then(|line| line.split_whitespace().last());
            figure.unwrap_or("?").to_owned()
        };
        let fresh = names(&found)?.len().saturating_sub(before);
        if passed && self.keep {
            merge(binary, &corpus, &found)?;
        }
        let new = names(&artifacts)?
            .into_iter()
            .find(|name| !before_artifacts.contains(name));
        let outcome = Outcome {
            target: target.to_owned(),
            executions: figure("stat::number_of_executed_units"),
            per_second: figure("stat::average_exec_per_sec"),
            fresh,
            finding: new.map(|name| artifacts.join(name)),
            failed: !passed,
            log,
        };
        println!("{}", line(&outcome));
        Ok(outcome)
    }
}

/// Where everything goes that is built or found.
fn output() -> PathBuf {
    root().join("target/fuzz")
}

/// Builds the programs, and says for which host.
fn build(targets: &[String]) -> Result<String, String> {
    let tools = root().join("target/tools");
    let cargo_fuzz = tools.join("bin/cargo-fuzz");
    let version = ["--locked", "--debug", "--version", CARGO_FUZZ];
    if !answers(program(&cargo_fuzz).args(["fuzz", "--version"]))
        && !succeeds(
            cargo()
                .args(["install", "cargo-fuzz"])
                .args(version)
                .arg("--root")
                .arg(&tools),
        )
    {
        return Err("cargo-fuzz can't be installed".to_owned());
    }
    let nightly = ["run", "nightly"];
    if !answers(program("rustup").args(nightly).args(["cargo", "--version"]))
        && !succeeds(program("rustup").args([
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
        ]))
    {
        return Err("the nightly toolchain can't be installed".to_owned());
    }
    // The project has no code of its own that sanitizers of memory could find fault with, and is
    // three times as fast without.
    let mut build = program("rustup");
    build
        .args(nightly)
        .arg(&cargo_fuzz)
        .args(["fuzz", "build", "--fuzz-dir", "fuzz/libfuzzer"])
        .args(["--sanitizer", "none", "--target-dir"])
        .arg(output())
        .env("CARGO_INCREMENTAL", "0");
    if let [target] = targets {
        build.arg(target);
    }
    if !succeeds(&mut build) {
        return Err("the targets can't be built".to_owned());
    }
    let version = program("rustup")
        .args(nightly)
        .args(["rustc", "--version", "--verbose"])
        .output();
    let version = version.map_err(|error| error.to_string())?.stdout;
    let version = String::from_utf8_lossy(&version);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.unwrap_or_default().to_owned())
}

/// Adds to `corpus` the smallest of what was found that reaches what nothing in it reaches.
fn merge(binary: &Path, corpus: &Path, found: &Path) -> Result<(), String> {
    let mut merge = Command::new(binary);
    let quiet = merge.stdout(Stdio::null()).stderr(Stdio::null());
    let smallest = ["-set_cover_merge=1", "-use_counters=0", "-max_len=2048"];
    match succeeds(quiet.args(smallest).args([corpus, found])) {
        true => Ok(()),
        false => Err(format!("what was found can't be added to {corpus:?}")),
    }
}

/// What is in a folder, by name.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn line(outcome: &Outcome) -> String {
    let Outcome {
        target,
        executions,
        per_second,
        fresh,
        failed,
        ..
    } = outcome;
    let verdict = if *failed { "FOUND " } else { "passed" };
    format!("{verdict} {target:<16} {executions:>10} runs {per_second:>7}/s {fresh:>5} new inputs")
}

fn report(outcomes: &[Outcome]) -> ExitCode {
    for outcome in outcomes.iter().filter(|outcome| outcome.failed) {
        let target = &outcome.target;
        println!("\n{target}: see {}", outcome.log.display());
        if let Some(finding) = &outcome.finding {
            println!("  the input: {}", finding.display());
            println!("  to replay it, copy it and run the tests, which say what breaks:");
            println!("    cp {} fuzz/corpus/{target}/", finding.display());
            println!("    cargo nextest run -p meshbook-fuzz --no-fail-fast");
        }
    }
    match outcomes.iter().any(|outcome| outcome.failed) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}
