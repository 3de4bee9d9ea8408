//! `tieqi user add`: a user of the consoles, with a password from a prompt or from stdin.
//!
//! A password is never an argument: arguments stand in the process list and in shell histories.

use crate::config::users::{PASSWORD_BYTES_MAX, Role, Users};
use anyhow::{Context, bail};
use std::io::{BufRead, Read};
use std::path::Path;

/// Where the password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordFrom {
    /// Asked for twice on the terminal, without echo.
    Prompt,
    /// The first line of stdin (`--password-stdin`).
    Stdin,
}

/// Adds a user to `file`, making it when it does not exist.
///
/// # Errors
/// When the password cannot be had or is weak, the name is bad or taken, the file cannot be read
/// or written.
pub fn add(file: &Path, name: &str, role: Role, from: PasswordFrom) -> anyhow::Result<()> {
    let mut users = Users::load(file)?;
    let password = match from {
        PasswordFrom::Prompt => prompt(name)?,
        PasswordFrom::Stdin => first_line(&mut std::io::stdin().lock())?,
    };
    users.add(name, role, &password)?;
    users.save(file)?;
    Ok(())
}

/// The password of a user who logs in: from stdin, or asked for once.
///
/// # Errors
/// When it cannot be had.
pub(super) fn login_password(name: &str, from: PasswordFrom) -> anyhow::Result<String> {
    if let PasswordFrom::Stdin = from {
        return first_line(&mut std::io::stdin().lock());
    }
    let term = console::Term::stderr();
    if !term.is_term() {
        bail!("failed to ask for a password: no terminal; use --password-stdin");
    }
    term.write_str(&format!("Password of {name}: "))?;
    term.read_secure_line()
        .context("failed to read the password")
}

fn prompt(name: &str) -> anyhow::Result<String> {
    let term = console::Term::stderr();
    if !term.is_term() {
        bail!("failed to ask for a password: no terminal; use --password-stdin");
    }
    let ask = |text: &str| {
        term.write_str(text)?;
        term.read_secure_line()
    };
    let first = ask(&format!("Password for {name}: ")).context("failed to read the password")?;
    let second = ask("Again: ").context("failed to read the password")?;
    if first != second {
        bail!("failed to take the password: the two differ");
    }
    Ok(first)
}

/// The first line without its end; more than a password can be is not read.
fn first_line(input: &mut impl BufRead) -> anyhow::Result<String> {
    let cap = u64::try_from(PASSWORD_BYTES_MAX + 3)?;
    let mut line = String::new();
    input
        .take(cap)
        .read_line(&mut line)
        .context("failed to read the password from stdin")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("failed to read the password from stdin: the first line is empty");
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        let line = |bytes: &[u8]| first_line(&mut &*bytes.to_vec());
        assert_eq!(line(b"correct horse\r\nmore\n").unwrap(), "correct horse");
        assert_eq!(line(b" spaces count ").unwrap(), " spaces count ");
        assert!(line(b"").is_err() && line(b"\n\n").is_err() && line(b"\xff\n").is_err());
        let long = vec![b'x'; 1 << 20];
        assert_eq!(
            line(&long).unwrap().len(),
            PASSWORD_BYTES_MAX + 3,
            "too long: refused later"
        );
    }
}
