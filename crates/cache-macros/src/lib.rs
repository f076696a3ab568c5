//! The macro of `brisk-cache`; use it through that crate.

mod cached;

use proc_macro::TokenStream;

/// Keeps what a function answers until a row changes that it read.
///
/// The first argument is the session, a `&Session`: the function must read through it. Arguments marked `#[key]` name
/// the answer, beside the session's tenant; the others must make no difference to it. Arguments must be `Clone`, because
/// the function may go on for other callers when its first one has left; `&str` and slices work too. It answers
/// `Result<T, E>`, where `T: Clone` is what is kept (an `Arc` is cloned for nothing) and `E` is a `Failure` that
/// `brisk_cache::Error` can be made into.
///
/// Without more, rows alone end an answer. `#[cached(ttl = "5m")]` bounds its age besides; `outside` says that it is not
/// made of rows, so that its age alone ends it. `name = "..."` stands in metrics and views in place of the function's path,
/// `policy = EXPR` takes a whole `Policy`.
#[proc_macro_attribute]
pub fn cached(arguments: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand(arguments.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
