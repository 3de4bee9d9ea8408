//! The architecture, enforced: what each ring may mention, how large a file may grow, what no line
//! may hold. ARCHITECTURE.md says why; a rule changes there and here together.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, lines, its tests aside.
const MAX_FILE: usize = 600;
/// Longest line, characters.
const MAX_LINE: usize = 100;
/// Deepest folder below a crate's src.
const MAX_DEPTH: usize = 3;

/// Folders or files, words their code must not hold, and why.
const BANNED: &[(&str, &[&str], &str)] = &[
    (
        "src/engine",
        &["f32", "f64"],
        "integers only: the same answer on every machine",
    ),
    (
        "src/engine",
        &[
            "crate::daemon",
            "crate::shell",
            "crate::cli",
            "crate::config",
            "crate::journal",
        ],
        "dependencies point inward",
    ),
    (
        "src/engine",
        &["tieqi_protocols", "bytes::", "serde_json"],
        "only the edges know bytes",
    ),
    (
        "src/geo",
        &["crate::daemon", "crate::shell", "crate::cli"],
        "dependencies point inward",
    ),
    (
        "src/journal",
        &["crate::engine", "crate::daemon", "crate::shell"],
        "payload is opaque here",
    ),
    (
        "src/daemon",
        &["crate::shell", "crate::cli", "crate::journal"],
        "dependencies point inward",
    ),
    (
        "src/radio",
        &["crate::daemon", "crate::shell"],
        "simulated radios share bytes only",
    ),
    (
        "src/shell",
        &["crate::cli", "crate::simulate"],
        "dependencies point inward",
    ),
    ("src/simulate", &["crate::cli"], "dependencies point inward"),
    (
        "protocols/src",
        &["std::", "println!"],
        "no_std: no I/O, no clock",
    ),
];

/// Rings 1 and 2: pure, stepped from outside.
const PURE: &[&str] = &[
    "src/engine",
    "src/geo",
    "src/journal",
    "src/daemon",
    "src/simulate",
    "protocols/src",
];
const IMPURE: &[&str] = &[
    "tokio",
    "async fn",
    ".await",
    "Instant::now",
    "SystemTime",
    "HashMap",
    "HashSet",
    "rand::",
    "thread::",
    "TcpStream",
    "UdpSocket",
    "println!",
    "eprintln!",
];
/// The file implementation of the one storage seam.
const FILES_ALLOWED: &[&str] = &["src/journal/file_disk.rs", "src/journal/direct.rs"];

/// Words no source may hold anywhere.
const NOWHERE: &[(&str, &str)] = &[
    ("unbounded", "every channel is bounded"),
    ("todo!(", "named as missing in the README instead"),
    ("unimplemented!(", "named as missing in the README instead"),
    ("dbg!(", "left over"),
    ("#[allow(", "expect with a reason"),
    ("#![allow(", "expect with a reason"),
    ("#[ignore]", "say why it is ignored"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(below: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn all_sources() -> Vec<(PathBuf, String)> {
    [
        "src",
        "protocols/src",
        "protocols/examples",
        "protocols/tests",
        "tests",
        "benches",
    ]
    .iter()
    .flat_map(|below| sources(below))
    .collect()
}

/// Code before the tests, comments and doc comments taken out, with line numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    let before = lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    before.filter_map(|(number, line)| {
        let line = line.split("//").next().unwrap_or_default();
        (!line.trim().is_empty()).then_some((number + 1, line))
    })
}

/// Files that only tests include.
const TESTS: &[&str] = &["tests.rs", "protocols/src/capture.rs", "link/pair.rs"];

/// Whether a file holds nothing but tests: its parent declares it under `#[cfg(test)]`.
fn is_test(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.contains("/tests/")
        || text.starts_with("tests")
        || TESTS.iter().any(|name| text.ends_with(name))
}

fn check(faults: Vec<String>) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn each_ring_keeps_to_itself() {
    let mut faults = Vec::new();
    for (below, words, why) in BANNED {
        for (path, text) in sources(below) {
            if is_test(&path) {
                continue;
            }
            for (number, line) in code(&text) {
                for word in words.iter().filter(|word| mentions(line, word)) {
                    faults.push(format!("{}:{number}: `{word}`: {why}", path.display()));
                }
            }
        }
    }
    check(faults);
}

/// A word stands by itself, not inside another.
fn mentions(line: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_part);
        let after = line[at + word.len()..].chars().next().is_some_and(is_part);
        !(before || after && word.ends_with(is_part))
    })
}

#[test]
fn rings_one_and_two_are_pure() {
    let mut faults = Vec::new();
    for (path, text) in PURE.iter().flat_map(|below| sources(below)) {
        if is_test(&path) {
            continue;
        }
        for (number, line) in code(&text) {
            let files =
                line.contains("std::fs") && !FILES_ALLOWED.iter().any(|it| path == Path::new(it));
            let word = IMPURE.iter().find(|word| mentions(line, word));
            if let Some(word) = word.copied().or(files.then_some("std::fs")) {
                faults.push(format!(
                    "{}:{number}: `{word}` in a pure ring",
                    path.display()
                ));
            }
        }
    }
    check(faults);
}

#[test]
fn no_source_holds_what_none_may() {
    let mut faults = Vec::new();
    for (path, text) in all_sources() {
        if path == Path::new("tests/tidy.rs") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (word, why) in NOWHERE.iter().filter(|(word, _)| code.contains(word)) {
                faults.push(format!(
                    "{}:{}: `{word}`: {why}",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
    check(faults);
}

#[test]
fn tests_do_not_sleep() {
    let mut faults = Vec::new();
    for (path, text) in all_sources() {
        let tests = match is_test(&path) {
            true => text.as_str(),
            false => text
                .split_once("#[cfg(test)]")
                .map_or("", |(_, tests)| tests),
        };
        if path != Path::new("tests/tidy.rs") && tests.contains("thread::sleep") {
            faults.push(format!("{}: a test sleeps", path.display()));
        }
    }
    check(faults);
}

#[test]
fn files_say_what_they_are_for_and_stay_small() {
    let mut faults = Vec::new();
    for (path, text) in all_sources() {
        let shown = path.display();
        if !text.starts_with("//!") {
            faults.push(format!("{shown}: begins without saying what it is for"));
        }
        // Tests hold tables and captured frames, which are as long as they are.
        let before_tests = text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]");
        let before_tests: Vec<_> = before_tests.filter(|_| !is_test(&path)).collect();
        if before_tests.len() > MAX_FILE {
            faults.push(format!(
                "{shown}: {} lines, at most {MAX_FILE}",
                before_tests.len()
            ));
        }
        for (number, line) in before_tests.iter().enumerate() {
            let length = line.chars().count();
            if length > MAX_LINE {
                faults.push(format!("{shown}:{}: {length} characters", number + 1));
            }
        }
        let below = shown.to_string();
        let depth = below.matches('/').count();
        let deepest = MAX_DEPTH + usize::from(below.starts_with("protocols"));
        if depth > deepest {
            faults.push(format!("{shown}: {depth} folders deep"));
        }
    }
    check(faults);
}

/// The top level is what the user asked for, and no more.
/// What the fault table of docs/reliability.md names as a test is one.
#[test]
fn the_fault_table_names_tests_that_exist() {
    let text = fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let table = text
        .split("## ")
        .find(|part| part.starts_with("Fault table"));
    let sources = all_sources();
    let is_name = |word: &str| {
        word.chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '_')
    };
    let (mut faults, mut tests) = (Vec::new(), 0);
    // Every second piece stands between two back quotes.
    for word in table.unwrap().split('`').skip(1).step_by(2) {
        let known = if word.ends_with(".rs") {
            root().join(word).is_file()
        } else if word.matches('_').count() > 1 && is_name(word) {
            let begin = format!("fn {word}(");
            sources.iter().any(|(_, text)| text.contains(&begin))
        } else {
            continue;
        };
        tests += 1;
        if !known {
            faults.push(format!("docs/reliability.md: there is no test {word}"));
        }
    }
    assert!(tests > 50, "{tests}");
    check(faults);
}

#[test]
fn the_top_level_is_as_asked() {
    let known = [
        ".ci",
        ".git",
        ".gitignore",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "Makefile",
        "NOTICE",
        "README.md",
        "README.zh-CN.md",
        "benches",
        "clippy.toml",
        "config",
        "docs",
        "fixtures",
        "protocols",
        "rustfmt.toml",
        "src",
        "target",
        "tests",
        "users.toml",
        "data",
    ];
    let entries = fs::read_dir(root()).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    check(
        names
            .filter(|name| !known.contains(&name.as_str()))
            .collect(),
    );
}
