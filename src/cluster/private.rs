//! Files that only this user may read or write.

use std::{
    fs::{File, OpenOptions},
    io::{Error, ErrorKind, Result},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// Opens a log to read it and to append to it; begins one that only its owner can read.
///
/// # Errors
/// It cannot be opened; or others can write to it, so that what stands in it would prove nothing.
pub fn append(path: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let metadata = file.metadata()?;
    let mode = metadata.mode() & 0o777;
    // devices and pipes are whatever they are
    if metadata.is_file() && mode & 0o022 != 0 {
        let why = format!("others can write to it (mode {mode:o}): chmod 600, or name another file");
        return Err(Error::new(ErrorKind::PermissionDenied, why));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_log_is_for_its_owner_and_one_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert_eq!(append(&path).unwrap().metadata().unwrap().mode() & 0o777, 0o600);
        for (mode, taken) in [(0o644, true), (0o660, false), (0o666, false)] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(append(&path).is_ok(), taken, "{mode:o}");
        }
    }
}
