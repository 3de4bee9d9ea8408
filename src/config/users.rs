//! Users of the consoles: names, roles and argon2id hashes, in a file of their own.
//!
//! The file is written by `tieqi user add` only, as a whole and atomically. Passwords are never
//! kept, logged or compared in the clear. Sessions, lock-outs and what a role may do are elsewhere.

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Shortest password, characters.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Longest password, bytes: hashing one costs time that a stranger could ask for.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Longest name of a user, bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Most users a file may hold.
const USERS_MAX: usize = 10_000;
/// Largest file read, bytes.
const FILE_BYTES_MAX: usize = 4 << 20;
/// A file starts with this.
const HEADER: &str =
    "# Written by `tieqi user add`. Hashes only; keep it private all the same.\n\n";

/// What a user may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Role {
    /// Subscribes and reads, nothing else (旁观).
    Viewer,
    /// Takes calls and reports incidents (接警员).
    CallTaker,
    /// Sends units (处警员).
    Dispatcher,
    /// Sees to both (值班领导).
    Supervisor,
}

impl Role {
    /// All roles with their names.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("viewer", Self::Viewer),
        ("call-taker", Self::CallTaker),
        ("dispatcher", Self::Dispatcher),
        ("supervisor", Self::Supervisor),
    ];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES
            .iter()
            .find(|(_, role)| role == self)
            .map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl std::str::FromStr for Role {
    type Err = UserError;

    fn from_str(text: &str) -> Result<Self, UserError> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, role)| *role)
            .ok_or_else(|| UserError::Role(text.to_owned()))
    }
}

/// Why a users' file cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The file cannot be read or written.
    #[error("failed to {what} {}: {source}", path.display())]
    Io {
        /// "read" or "write".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what `tieqi user add` writes.
    #[error("failed to read the users: {0}")]
    Format(String),
    /// No such role.
    #[error("failed to find role `{0}`; known: viewer, call-taker, dispatcher, supervisor")]
    Role(String),
    /// A name somebody has.
    #[error("failed to add `{0}`: there is a user of that name")]
    Duplicate(String),
    /// A name that is empty, too long or has characters one cannot type.
    #[error(
        "failed to add the user: a name has 1 to {NAME_BYTES_MAX} bytes of letters, digits, \
         `.`, `-` and `_`"
    )]
    Name,
    /// A password too short, too long, or the name itself.
    #[error(
        "failed to add the user: a password has at least {PASSWORD_CHARS_MIN} characters, at most \
         {PASSWORD_BYTES_MAX} bytes, more than one different character, and is not the name"
    )]
    Weak,
    /// More users than a file may hold.
    #[error("failed to add the user: the file holds {USERS_MAX} already")]
    Full,
    /// The hash cannot be made.
    #[error("failed to hash the password: {0}")]
    Hash(String),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    role: Role,
    hash: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    user: BTreeMap<String, Entry>,
}

/// The users of a daemon.
#[derive(Debug, Clone)]
pub struct Users {
    entries: BTreeMap<String, Entry>,
    hasher: Argon2<'static>,
    /// A hash nobody has the password of, verified for unknown names.
    nobody: String,
}

impl Users {
    /// No users, and what hashing a new password may cost.
    ///
    /// # Errors
    /// When no random salt can be had.
    pub fn with_cost(params: Params) -> Result<Self, UserError> {
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&hasher, "nobody has this one")?;
        Ok(Self {
            entries: BTreeMap::new(),
            hasher,
            nobody,
        })
    }

    /// Reads the file; one that does not exist holds nobody.
    ///
    /// # Errors
    /// When it cannot be read or is not a users' file.
    pub fn load(path: &Path) -> Result<Self, UserError> {
        Self::load_with_cost(path, Params::default())
    }

    /// The same with another cost for new passwords; tests take a small one.
    ///
    /// # Errors
    /// When it cannot be read or is not a users' file.
    pub fn load_with_cost(path: &Path, params: Params) -> Result<Self, UserError> {
        let mut users = Self::with_cost(params)?;
        let bytes = match super::read_capped(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(users),
            Err(source) => {
                return Err(UserError::Io {
                    what: "read",
                    path: path.to_path_buf(),
                    source,
                });
            }
        };
        users.entries = parse(&bytes)?;
        // Unknown names must cost what known ones do, whatever cost the file was written with.
        if let Some(entry) = users.entries.values().next() {
            users.nobody.clone_from(&entry.hash);
        }
        Ok(users)
    }

    /// The role of the user when the password is theirs. Unknown names take as long as wrong
    /// passwords. Slow on purpose (tens of milliseconds): not for the loop.
    #[must_use]
    pub fn verify(&self, name: &str, password: &str) -> Option<Role> {
        if password.len() > PASSWORD_BYTES_MAX {
            return None;
        }
        let entry = self.entries.get(name);
        let stored = entry.map_or(self.nobody.as_str(), |e| e.hash.as_str());
        let parsed = PasswordHash::new(stored).ok()?;
        let fits = self
            .hasher
            .verify_password(password.as_bytes(), &parsed)
            .is_ok();
        // The check of the name comes last: it alone takes no time worth measuring.
        entry.filter(|_| fits).map(|e| e.role)
    }

    /// Adds a user.
    ///
    /// # Errors
    /// A bad or taken name, a weak password, a full file.
    pub fn add(&mut self, name: &str, role: Role, password: &str) -> Result<(), UserError> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain) {
            return Err(UserError::Name);
        }
        if self.entries.contains_key(name) {
            return Err(UserError::Duplicate(name.to_owned()));
        }
        if weak(name, password) {
            return Err(UserError::Weak);
        }
        if self.entries.len() >= USERS_MAX {
            return Err(UserError::Full);
        }
        let hash = hash(&self.hasher, password)?;
        self.entries.insert(name.to_owned(), Entry { role, hash });
        Ok(())
    }

    /// Writes the file: a temporary one beside it, synced, readable by its owner only, then renamed
    /// over it, so that a crash leaves the old or the new file whole.
    ///
    /// # Errors
    /// When a step fails; the old file then still stands.
    pub fn save(&self, path: &Path) -> Result<(), UserError> {
        let file = File {
            user: self.entries.clone(),
        };
        let body = toml::to_string(&file).map_err(|e| UserError::Format(e.to_string()))?;
        let text = format!("{HEADER}{body}");
        let fail = |source| UserError::Io {
            what: "write",
            path: path.to_path_buf(),
            source,
        };
        replace(path, text.as_bytes()).map_err(fail)
    }

    /// Names and roles, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Role)> {
        self.entries
            .iter()
            .map(|(name, entry)| (name.as_str(), entry.role))
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody can log in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn parse(bytes: &[u8]) -> Result<BTreeMap<String, Entry>, UserError> {
    let format = |text: String| UserError::Format(text);
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format(format!("larger than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| format(e.to_string()))?;
    // The reader's own text quotes the line, and with it a hash; the message alone does not.
    let file: File = toml::from_str(text).map_err(|e| format(e.message().to_owned()))?;
    if file.user.len() > USERS_MAX {
        return Err(format(format!("more than {USERS_MAX} users")));
    }
    for (name, entry) in &file.user {
        let parsed =
            PasswordHash::new(&entry.hash).map_err(|e| format(format!("`{name}`: {e}")))?;
        if parsed.algorithm != Algorithm::Argon2id.ident() {
            return Err(format(format!("`{name}`: the hash is not argon2id")));
        }
    }
    Ok(file.user)
}

fn weak(name: &str, password: &str) -> bool {
    let mut chars = password.chars();
    let first = chars.next();
    password.chars().count() < PASSWORD_CHARS_MIN
        || password.len() > PASSWORD_BYTES_MAX
        || chars.all(|c| Some(c) == first)
        || password == name
}

fn hash(hasher: &Argon2<'_>, password: &str) -> Result<String, UserError> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = hasher.hash_password(password.as_bytes(), &salt);
    hash.map(|h| h.to_string())
        .map_err(|e| UserError::Hash(e.to_string()))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let dir = path
        .parent()
        .filter(|d| !d.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let temporary = dir.join(format!(
        ".{}.{}.tmp",
        name.to_string_lossy(),
        std::process::id()
    ));
    let written = (|| {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        std::fs::File::open(dir)?.sync_all()
    })();
    if written.is_err() {
        // Best effort: the first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Params {
        Params::new(8, 1, 1, None).unwrap()
    }

    fn users() -> Users {
        let mut users = Users::with_cost(cheap()).unwrap();
        users
            .add("zhang.san", Role::Dispatcher, "correct horse")
            .unwrap();
        users
            .add("李四", Role::CallTaker, "电池订书钉正确的马")
            .unwrap();
        users
    }

    #[test]
    fn only_the_right_password_opens() {
        let users = users();
        assert_eq!(
            users.verify("zhang.san", "correct horse"),
            Some(Role::Dispatcher)
        );
        assert_eq!(
            users.verify("李四", "电池订书钉正确的马"),
            Some(Role::CallTaker)
        );
        for (name, password) in [
            ("zhang.san", "correct hors"),
            ("zhang.san", ""),
            ("nobody", "correct horse"),
            ("nobody", "nobody has this one"),
            ("", ""),
        ] {
            assert_eq!(users.verify(name, password), None, "{name}");
        }
        assert_eq!(
            users.verify("zhang.san", &"x".repeat(PASSWORD_BYTES_MAX + 1)),
            None
        );
    }

    #[test]
    fn weak_passwords_bad_names_and_duplicates_are_refused() {
        let mut users = users();
        for password in [
            "",
            "1234567",
            "aaaaaaaaaaaa",
            &"x".repeat(2_000),
            "wang.wu.long",
        ] {
            let got = users.add("wang.wu.long", Role::Supervisor, password);
            assert!(matches!(got, Err(UserError::Weak)), "{password}");
        }
        for name in ["", "a b", "a\nb", "a\"b", &"n".repeat(65)] {
            let got = users.add(name, Role::Supervisor, "long enough");
            assert!(matches!(got, Err(UserError::Name)), "{name}");
        }
        let got = users.add("zhang.san", Role::Supervisor, "long enough");
        assert!(matches!(got, Err(UserError::Duplicate(_))));
        assert_eq!(users.len(), 2);
    }

    #[test]
    fn saved_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users.toml");
        assert!(Users::load_with_cost(&path, cheap()).unwrap().is_empty());
        users().save(&path).unwrap();
        users().save(&path).unwrap();
        let again = Users::load_with_cost(&path, Params::default()).unwrap();
        assert_eq!(
            again.verify("zhang.san", "correct horse"),
            Some(Role::Dispatcher)
        );
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("$argon2id$") && !text.contains("correct horse"),
            "{text}"
        );
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_is_no_users_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users.toml");
        for text in [
            &b"user = 3"[..],
            b"[user.a]\nrole = \"king\"\nhash = \"x\"",
            b"[user.a]\nrole = \"dispatcher\"\nhash = \"plain text\"",
            b"[user.a]\nrole = \"dispatcher\"\nhash = \"$argon2i$v=19$c2FsdHNhbHQ\"",
            b"[user.a]\nrole = \"dispatcher\"",
            b"[users.a]",
            b"\xff",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Users::load_with_cost(&path, cheap()).unwrap_err();
            assert!(matches!(error, UserError::Format(_)), "{error}");
            assert!(!error.to_string().contains("plain text"), "{error}");
        }
        let missing = dir.path().join("no such folder").join("users.toml");
        assert!(users().save(&missing).is_err());
    }

    #[test]
    fn roles_have_names() {
        for (name, role) in Role::NAMES {
            assert_eq!(name.parse::<Role>().unwrap(), role);
            assert_eq!(role.to_string(), name);
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{name}\""));
        }
        assert!(
            "chief"
                .parse::<Role>()
                .unwrap_err()
                .to_string()
                .contains("call-taker")
        );
    }
}
