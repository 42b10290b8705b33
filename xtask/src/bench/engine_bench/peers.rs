//! Other engines, built from a folder with the crate `engine-peers` and run beside ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workload::Workload;

/// The engines that ours is compared with; the last two are no products but limits.
pub(crate) const ENGINES: [&str; 4] = ["obcore", "matchcore", "floor-hash128", "floor"];

/// Built peers, and a folder for the workloads that they read.
#[derive(Debug)]
pub(crate) struct Peers {
    binary: PathBuf,
    folder: PathBuf,
}

/// What a peer took, in nanoseconds an operation and in microseconds a sweep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerFigures {
    pub(crate) ns_per_op: f64,
    pub(crate) sweep_us: Option<f64>,
}

impl Peers {
    /// Builds them in `target/bench-peers` of this workspace.
    pub(crate) fn build(source: &Path) -> Result<Self, String> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let target = workspace.join("target/bench-peers");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--bin", "engine-peers"])
            .current_dir(source)
            .env("CARGO_TARGET_DIR", &target)
            .status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(format!("the peers in {} did not build", source.display()));
        }
        let folder = target.join("workloads");
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        Ok(Self {
            binary: target.join("release/engine-peers"),
            folder,
        })
    }

    /// Runs one of them; `None` if it cannot run this workload.
    pub(crate) fn run(
        &self,
        engine: &str,
        workload: &Workload,
        repeats: usize,
    ) -> Option<PeerFigures> {
        let file = self.folder.join(format!("{}.bin", workload.name));
        std::fs::write(&file, workload.encode()).ok()?;
        let run = Command::new(&self.binary)
            .arg(engine)
            .arg(&file)
            .arg(repeats.to_string())
            .output()
            .ok()?;
        let line = String::from_utf8(run.stdout).ok()?;
        Some(PeerFigures {
            ns_per_op: number(&line, "med_ns")?,
            sweep_us: number(&line, "sweep_us_p50"),
        })
    }
}

/// A number out of a flat JSON object.
fn number(line: &str, key: &str) -> Option<f64> {
    let (_, rest) = line.split_once(&format!("\"{key}\":"))?;
    rest.split([',', '}']).next()?.parse().ok()
}
