//! A Debian 13 in a folder, since no older one has Swift: made once, and kept outside the repository.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::process::{answers, program, root};
use crate::test::apt_get;

const RELEASE: &str = "trixie";

/// What has to be in it besides the least of a system.
const PACKAGES: [&str; 3] = ["swiftlang", "libc6-dev", "libstdc++-14-dev"];

/// How its packages are unpacked: without a wait for the disk, and without a gigabyte that nothing
/// here needs.
const UNPACKING: &str = "force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
path-exclude=/usr/libexec/swift/bin/clangd
path-exclude=/usr/libexec/swift/bin/lldb*
path-exclude=/usr/libexec/swift/bin/sourcekit*
path-exclude=/usr/libexec/swift/lib/liblldb*
path-exclude=/usr/libexec/swift/lib/libsourcekit*
path-exclude=/usr/libexec/swift/lib/swift/FrameworkABIBaseline/*
path-exclude=/usr/libexec/swift/lib/swift/embedded/*
path-exclude=/usr/libexec/swift/lib/swift_static/*
";

/// Runs its arguments in the folder `$1`, with the folder `$2` in it under the same path, and there
/// in the folder `$3`. What is mounted for that is gone with the last process that sees it.
const ENTER: &str = r#"
set -e
debian=$1 shared=$2 folder=$3
shift 3
ip link set lo up 2>/dev/null || true
mount -t proc proc "$debian/proc"
mount --rbind /dev "$debian/dev"
mount -t tmpfs tmpfs "$debian/tmp"
mkdir -p "$debian$shared"
mount --bind "$shared" "$debian$shared"
exec chroot "$debian" env -i --chdir="$folder" HOME=/root LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
"#;

/// What is passed on from the environment.
const VARIABLES: [&str; 4] = ["http_proxy", "https_proxy", "no_proxy", "MESHBOOK_FIGURES"];

/// The folder, complete. While there is one of these no other run replaces it.
#[derive(Debug)]
pub(super) struct Debian {
    folder: PathBuf,
    lock: File,
}

/// Which network a command is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// That of the machine.
    Shared,
    /// One of its own, with nothing but a loopback: every port is free there.
    Own,
}

impl Debian {
    /// Makes it, unless it is there already.
    pub(super) fn ready() -> Result<Self, String> {
        if !answers(program("ip").arg("-V")) && !apt_get(&["iproute2"]) {
            return Err("ip is not installed (package iproute2)".to_owned());
        }
        let cache = cache_folder()?;
        let folder = cache.join(format!("swift-{RELEASE}"));
        let lock = cache.join(format!("swift-{RELEASE}.lock"));
        let said = |error: io::Error| format!("{}: {error}", lock.display());
        let debian = Self {
            folder,
            lock: File::create(&lock).map_err(said)?,
        };
        debian.lock.lock_shared().map_err(said)?;
        if !debian.is_complete() {
            debian.lock.unlock().map_err(said)?;
            debian.lock.lock().map_err(said)?;
            // Another run may have made it meanwhile.
            if !debian.is_complete() {
                println!("making a Debian {RELEASE} in {}", debian.folder.display());
                debian.make()?;
            }
            debian.lock.unlock().map_err(said)?;
            debian.lock.lock_shared().map_err(said)?;
        }
        Ok(debian)
    }

    /// A command in it, which sees this repository under the same path.
    pub(super) fn command(&self, network: Network, folder: &Path) -> Command {
        enter(&self.folder, network, folder)
    }

    fn is_complete(&self) -> bool {
        fs::read_to_string(note(&self.folder)).is_ok_and(|note| note == contents())
    }

    /// Makes it aside, so that what an interrupted run leaves is never taken for a whole one.
    fn make(&self) -> Result<(), String> {
        if !answers(program("debootstrap").arg("--version")) && !apt_get(&["debootstrap"]) {
            return Err("debootstrap can't be installed; root could".to_owned());
        }
        let aside = self.folder.with_extension("new");
        remove(&aside)?;
        let mut least = program("unshare");
        least.args(["--mount", "--", "debootstrap", "--variant=minbase", RELEASE]);
        quietly(least.arg(&aside).arg(mirror()?))?;
        for name in ["resolv.conf", "hosts"] {
            let copied = fs::copy(Path::new("/etc").join(name), aside.join("etc").join(name));
            copied.map_err(|error| format!("/etc/{name}: {error}"))?;
        }
        write(&aside.join("etc/dpkg/dpkg.cfg.d/meshbook"), UNPACKING)?;
        let inside = || enter(&aside, Network::Shared, Path::new("/"));
        let mut install = inside();
        install.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install"]);
        install.args(["--yes", "--no-install-recommends"]);
        quietly(install.args(PACKAGES))?;
        quietly(inside().args(["apt-get", "clean"]))?;
        write(&note(&aside), &contents())?;
        remove(&self.folder)?;
        fs::rename(&aside, &self.folder).map_err(|error| error.to_string())
    }
}

fn enter(debian: &Path, network: Network, folder: &Path) -> Command {
    let mut command = program("unshare");
    command.arg("--mount");
    if network == Network::Own {
        command.arg("--net");
    }
    command.args(["--", "sh", "-c", ENTER, "sh"]);
    command.args([debian, root(), folder]);
    for name in VARIABLES {
        if let Ok(value) = std::env::var(name) {
            command.arg(format!("{name}={value}"));
        }
    }
    command
}

/// The file that says what is in it, written last.
fn note(folder: &Path) -> PathBuf {
    folder.join("etc/meshbook")
}

fn contents() -> String {
    format!("{RELEASE}\n{}\n{UNPACKING}", PACKAGES.join(" "))
}

fn cache_folder() -> Result<PathBuf, String> {
    let named = |name| std::env::var_os(name).filter(|path| !path.is_empty());
    let cache = named("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| named("HOME").map(|home| Path::new(&home).join(".cache")));
    let cache = cache.ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    let folder = cache.join("meshbook");
    let made = fs::create_dir_all(&folder);
    made.map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Deletes a folder in which nothing is mounted: deleting goes through mounts, into `/dev` say.
fn remove(folder: &Path) -> Result<(), String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    if let Some(point) = points
        .map(Path::new)
        .find(|point| point.starts_with(folder))
    {
        return Err(format!("{} is mounted: unmount it first", point.display()));
    }
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("{}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The mirror that this machine's own sources name.
fn mirror() -> Result<String, String> {
    let format = ["--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages"];
    let listed = output(program("apt-get").arg("indextargets").args(format))?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut sources = listed.lines().filter_map(|line| line.split_once(' '));
    let debian = sources
        .find(|(uri, label)| *label == "Debian" || uri.trim_end_matches('/').ends_with("/debian"));
    let (uri, _) = debian.ok_or("this machine's apt sources name no mirror of Debian")?;
    // In images for clouds a file names it.
    let Some(list) = uri.strip_prefix("mirror+file:") else {
        return Ok(uri.to_owned());
    };
    let list = list.trim_end_matches('/');
    let mirrors = fs::read_to_string(list).map_err(|error| format!("{list}: {error}"))?;
    let first = mirrors.split_whitespace().next();
    first
        .map(str::to_owned)
        .ok_or_else(|| format!("{list} is empty"))
}

/// Runs the command to its end, and shows what it said only if it fails.
fn quietly(command: &mut Command) -> Result<(), String> {
    let Output {
        status,
        stdout,
        stderr,
    } = output(command)?;
    if status.success() {
        return Ok(());
    }
    eprint!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    Err(format!(
        "{} fails: {status}",
        command.get_program().display()
    ))
}

fn output(command: &mut Command) -> Result<Output, String> {
    let output = command.output();
    output.map_err(|error| format!("{}: {error}", command.get_program().display()))
}
