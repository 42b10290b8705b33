//! The file `.env` of the current folder, which may be another program's.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::path::Path;

use meshbook::client::Config;

/// The most that is read of the file.
const MAX_BYTES: u64 = 1024 * 1024;

/// The variables of a file `.env` that are settings and that the environment, which `is_set` knows,
/// doesn't have by another of their names either. Lines that set anything else, or make no sense, are
/// not looked at. A file that isn't there, and a folder of this name, have none.
///
/// # Errors
/// Where the file can't be read, or a line begins like a setting and its value can't be read.
pub fn env_file(path: &Path, is_set: impl Fn(&str) -> bool) -> io::Result<Vec<(String, String)>> {
    match std::fs::metadata(path) {
        // Python's virtual environments are folders of this name.
        Ok(found) if found.is_dir() => return Ok(Vec::new()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        _ => {}
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(
        &mut io::Read::take(std::fs::File::open(path)?, MAX_BYTES),
        &mut bytes,
    )?;
    parse(&bytes, is_set)
}

fn parse(bytes: &[u8], is_set: impl Fn(&str) -> bool) -> io::Result<Vec<(String, String)>> {
    let names: Vec<Vec<String>> = Config::variable_names().collect();
    let ours: HashSet<&str> = names.iter().flatten().map(String::as_str).collect();
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    // Each line by itself: a quotation mark in a foreign one must not swallow what follows.
    let mut sound = String::new();
    for line in text.lines() {
        match dotenvy::from_read_iter(line.as_bytes()).next() {
            Some(Ok(_)) => {
                sound.push_str(line);
                sound.push('\n');
            }
            Some(Err(_)) if name_of(line).is_some_and(|name| ours.contains(name)) => {
                let line: String = line.trim().chars().take(80).collect();
                let message = format!("the line {line:?} can't be read");
                return Err(io::Error::new(ErrorKind::InvalidData, message));
            }
            Some(Err(_)) | None => {}
        }
    }
    let set_elsewhere = |name: &String| {
        let group = names.iter().find(|group| group.contains(name));
        group.is_none_or(|group| group.iter().any(|name| is_set(name)))
    };
    // Together, since a line may use variables of those before it.
    let lines = dotenvy::from_read_iter(sound.as_bytes()).filter_map(Result::ok);
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, text) in lines {
        // As elsewhere, the first line of a name holds.
        if !set_elsewhere(&name) && !found.iter().any(|(earlier, _)| *earlier == name) {
            found.push((name, text));
        }
    }
    Ok(found)
}

/// The name that a line sets.
fn name_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    line.split_once('=').map(|(name, _)| name.trim_end())
}

/// Puts variables into the environment of this process. Must be called while there is one thread.
///
/// # Errors
/// Never for what [`env_file`] gave.
pub(crate) fn load(variables: &[(String, String)]) -> Result<(), dotenvy::Error> {
    let line = |(name, text): &(String, String)| format!("{name}={}\n", quoted(text));
    let lines: String = variables.iter().map(line).collect();
    dotenvy::from_read(lines.as_bytes())
}

/// A value as a line of such a file has it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '$' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes(), |_| false).unwrap()
    }

    fn pair(name: &str, text: &str) -> (String, String) {
        (name.to_owned(), text.to_owned())
    }

    #[test]
    fn lines_of_other_programs_are_not_looked_at() {
        let text = "\u{feff}# a comment\nDATABASE_URL=postgres://u:p@h/db\nGREETING=it's\n\
                    this is no variable\nBROKEN=\"open\nKEY WITH SPACE = 'x\n=\n\
                    \r\nexport MESHBOOK_P2P_PORT=3007\r\nMAX_PEERS = \"8\" # few\nPATH=/nowhere\n";
        let expected = [pair("MESHBOOK_P2P_PORT", "3007"), pair("MAX_PEERS", "8")];
        assert_eq!(read(text), expected);
        let bytes = b"NAME=\xff\xfe\nMAX_PEERS=8\n";
        assert_eq!(parse(bytes, |_| false).unwrap(), [pair("MAX_PEERS", "8")]);
    }

    #[test]
    fn a_line_may_use_variables_of_those_before_it() {
        let text = "BASE=/data\nMESHBOOK_DATA_DIR=${BASE}/node\nP2P_HOST='127.0.0.1'\n";
        let expected = [
            pair("MESHBOOK_DATA_DIR", "/data/node"),
            pair("P2P_HOST", "127.0.0.1"),
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn what_the_environment_has_by_any_name_holds() {
        let text = "MESHBOOK_P2P_PORT=1\nP2P_PORT=2\nNETWORK=testnet\nNETWORK=mainnet\n";
        let read = |set: &'static str| parse(text.as_bytes(), |name| name == set).unwrap();
        assert_eq!(read("P2P_PORT"), [pair("NETWORK", "testnet")]);
        assert_eq!(read("MESHBOOK_NETWORK").len(), 2);
    }

    #[test]
    fn a_setting_whose_value_cannot_be_read_is_an_error() {
        let error = parse(b"A=1\nP2P_PORT=\"30\n", |_| false).unwrap_err();
        assert!(error.to_string().contains("P2P_PORT"), "{error}");
    }

    #[test]
    fn a_folder_and_a_missing_file_have_no_variables() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("missing")] {
            assert_eq!(env_file(&path, |_| false).unwrap(), []);
        }
    }

    #[test]
    fn a_value_is_loaded_as_it_was_read() {
        for text in ["a b", "\"'\\", "$HOME ${X}", "#", "two\nlines", ""] {
            let line = format!("X={}\n", quoted(text));
            let read = dotenvy::from_read_iter(line.as_bytes()).next();
            assert_eq!(read.unwrap().unwrap(), pair("X", text), "{line}");
        }
    }
}
