//! `brisk new`: a service of one's own, made of the files of `examples/hello-service`.
//!
//! They are the example's own files, which are compiled and tested with the kit, so what is made here builds whenever the
//! kit does. Only the manifest is put together, because the example has its versions from the workspace.

mod manifest;
mod name;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use self::manifest::Source;
pub(crate) use self::name::Name;
use crate::cli::NewArgs;
use crate::say;

/// Files of the example, each with its text.
macro_rules! example {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../examples/hello-service/", $path)))),*]
    };
}

/// All of them but the manifest.
const FILES: [(&str, &str); 8] = example![
    "README.md",
    "migrations/postgres/V1__hello.sql",
    "migrations/sqlite/V1__hello.sql",
    "src/lib.rs",
    "src/main.rs",
    "src/note.rs",
    "tests/it/main.rs",
    "tests/it/world.rs",
];

/// What a start and a build leave in the folder.
const IGNORED: &str = "/target\n/brisk.db*\n/brisk.key\n/brisk.toml\n";

/// Makes the folder of a new service and says what to do with it.
pub(crate) fn run(args: &NewArgs) -> anyhow::Result<()> {
    let source = match &args.kit {
        Some(folder) => checkout(folder)?,
        None => match Source::repository()? {
            Some(repository) => repository,
            None => checkout(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).context(
                "the checkout that this program was built from is gone; name one by --kit",
            )?,
        },
    };
    let folder = args.path.join(&args.name.package);
    ensure!(!folder.exists(), "{} is there already", folder.display());
    make(&folder, &args.name, &source)
        .with_context(|| format!("cannot make all of {}", folder.display()))?;
    say(&format!(
        "{0} is made. Next: cd {0}, cargo test, cargo run; README.md has the rest.",
        folder.display()
    ));
    Ok(())
}

/// A checkout of the kit, by its full path.
fn checkout(folder: &Path) -> anyhow::Result<Source> {
    let kit = folder
        .canonicalize()
        .with_context(|| format!("cannot read {}", folder.display()))?;
    if !kit.join("crates/brisk/Cargo.toml").is_file() {
        bail!("{} is no checkout of the kit", kit.display());
    }
    Ok(Source::Folder(kit))
}

fn make(folder: &Path, name: &Name, source: &Source) -> anyhow::Result<()> {
    for (path, text) in FILES {
        write(&folder.join(name.put_into(path)), &name.put_into(text))?;
    }
    let manifest = manifest::manifest(&name.package, source)?;
    write(&folder.join("Cargo.toml"), &manifest)?;
    write(&folder.join(".gitignore"), IGNORED)?;
    if let Source::Folder(kit) = source {
        // So that a service begins with the versions that the kit was tested with.
        let lock: PathBuf = kit.join("Cargo.lock");
        if lock.is_file() {
            fs::copy(&lock, folder.join("Cargo.lock"))
                .with_context(|| format!("cannot copy {}", lock.display()))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
