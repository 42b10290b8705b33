//! Where an export goes: stdout, or a file that is replaced whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use meshbook::types::InvalidValue;
use tempfile::{Builder, NamedTempFile};

use crate::failure::{Failure, Problem};
use crate::output;

/// Where an export goes.
pub(super) enum Sink {
    Stdout,
    /// What is written so far is beside the file, and gone if this is dropped.
    File {
        half: NamedTempFile,
        target: PathBuf,
    },
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    All,
    /// The reader, like `head`, has what it wants.
    NobodyReads,
}

/// The file that a path means: where a link leads to, if it is one.
///
/// # Errors
/// Where something stands there that can't be replaced by a file.
pub(super) fn target(path: &Path) -> Result<PathBuf, InvalidValue> {
    let refused = |allowed: &str| {
        let text = path.to_string_lossy();
        Err(InvalidValue::new("--output", text, allowed))
    };
    if path.file_name().is_none() {
        return refused("the name of a file");
    }
    let Ok(found) = fs::canonicalize(path) else {
        return Ok(path.to_owned());
    };
    if found.is_file() {
        Ok(found)
    } else {
        refused("a file; what has this name is none (without --output it all goes to stdout)")
    }
}

impl Sink {
    pub(super) const fn stdout() -> Self {
        Self::Stdout
    }

    pub(super) fn file(target: PathBuf) -> Result<Self, Failure> {
        let folder = folder_of(&target);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}.");
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(".tmp");
        // As any new file, or as the one that it replaces.
        #[cfg(unix)]
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        #[cfg(unix)]
        builder.permissions(all);
        let half = builder.tempfile_in(folder);
        let half = half.map_err(|error| failed(&target, &error))?;
        if let Ok(old) = fs::metadata(&target) {
            let same = half.as_file().set_permissions(old.permissions());
            same.map_err(|error| failed(&target, &error))?;
        }
        Ok(Self::File { half, target })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<Written, Failure> {
        match self {
            Self::Stdout => match output::bytes(bytes) {
                Ok(()) => Ok(Written::All),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Written::NobodyReads),
                Err(error) => Err(Failure::new("OUTPUT", format!("stdout: {error}"))),
            },
            Self::File { half, target } => {
                let written = half.write_all(bytes);
                written.map_err(|error| failed(target, &error))?;
                Ok(Written::All)
            }
        }
    }

    /// Puts the file in its place, durably; gives where that is.
    pub(super) fn finish(self) -> Result<PathBuf, Failure> {
        let Self::File { half, target } = self else {
            return Ok(PathBuf::new());
        };
        let replaced = half.as_file().sync_all().and_then(|()| {
            half.persist(&target).map_err(|error| error.error)?;
            #[cfg(unix)]
            fs::File::open(folder_of(&target))?.sync_all()?;
            Ok(())
        });
        replaced.map_err(|error| failed(&target, &error))?;
        Ok(target)
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::from(Problem {
        field: Some("--output".to_owned()),
        ..Problem::new(
            "OUTPUT",
            format!("cannot write {}: {error}", path.display()),
        )
    })
}
