//! `migrations!`.

use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, LitStr};

pub(crate) fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let name: LitStr = syn::parse2(input)?;
    let root = std::env::var("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .map_err(|e| Error::new(Span::call_site(), format!("CARGO_MANIFEST_DIR: {e}")))?;
    let postgres = list(&root.join("migrations/postgres"))?;
    let sqlite = list(&root.join("migrations/sqlite"))?;
    if postgres
        .iter()
        .map(|m| &m.0)
        .ne(sqlite.iter().map(|m| &m.0))
    {
        return Err(Error::new(
            name.span(),
            "migrations/postgres and migrations/sqlite differ in numbers or names",
        ));
    }
    let table = format!("brisk_migrations_{}", name.value());
    let (pg_names, pg_paths): (Vec<_>, Vec<_>) = postgres.into_iter().unzip();
    let (lite_names, lite_paths): (Vec<_>, Vec<_>) = sqlite.into_iter().unzip();
    Ok(quote! {
        ::brisk_db::MigrationSet {
            name: #name,
            history: #table,
            postgres: &[#((#pg_names, ::std::include_str!(#pg_paths))),*],
            sqlite: &[#((#lite_names, ::std::include_str!(#lite_paths))),*],
        }
    })
}

/// File names without ending and their paths, in the order of their numbers.
fn list(folder: &Path) -> syn::Result<Vec<(String, String)>> {
    let fail = |e: &dyn std::fmt::Display| {
        Error::new(Span::call_site(), format!("{}: {e}", folder.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| fail(&e))? {
        let path = entry.map_err(|e| fail(&e))?.path();
        if path.extension().is_none_or(|e| e != "sql") {
            continue;
        }
        let stem = path
            .file_stem()
            .and_then(|s| s.to_str())
            .ok_or_else(|| fail(&"a name is not UTF-8"))?
            .to_owned();
        let number = stem
            .strip_prefix('V')
            .and_then(|s| s.split_once("__"))
            .and_then(|(n, _)| n.parse::<u32>().ok());
        let number = number.ok_or_else(|| {
            fail(&format!(
                "{stem}: a migration is called V<number>__<name>.sql"
            ))
        })?;
        files.push((number, stem, path.to_string_lossy().into_owned()));
    }
    files.sort();
    Ok(files
        .into_iter()
        .map(|(_, stem, path)| (stem, path))
        .collect())
}
