//! `#[cached]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{
    Error, Expr, FnArg, GenericArgument, Ident, ItemFn, LitStr, Pat, PathArguments, ReturnType,
    Token, Type,
};

#[derive(Default)]
struct Arguments {
    ttl: Option<u64>,
    outside: bool,
    name: Option<LitStr>,
    policy: Option<Expr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            let word: Ident = input.parse()?;
            match word.to_string().as_str() {
                "ttl" => {
                    input.parse::<Token![=]>()?;
                    arguments.ttl = Some(seconds(&input.parse()?)?);
                }
                "outside" => arguments.outside = true,
                "name" => {
                    input.parse::<Token![=]>()?;
                    arguments.name = Some(input.parse()?);
                }
                "policy" => {
                    input.parse::<Token![=]>()?;
                    arguments.policy = Some(input.parse()?);
                }
                _ => {
                    let message = "expected `ttl`, `outside`, `name` or `policy`";
                    return Err(Error::new_spanned(word, message));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

/// `"90s"`, `"5m"`, `"1h"`.
fn seconds(text: &LitStr) -> syn::Result<u64> {
    let value = text.value();
    let unit = match value.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        _ => 0,
    };
    let number = value
        .get(..value.len().saturating_sub(1))
        .unwrap_or_default();
    match number.parse::<u64>() {
        Ok(number) if unit > 0 && number > 0 => Ok(number.saturating_mul(unit)),
        _ => Err(Error::new_spanned(
            text,
            "a time to live is written as \"90s\", \"5m\" or \"1h\"",
        )),
    }
}

/// One argument after the session.
struct Argument {
    name: Ident,
    is_key: bool,
    is_reference: bool,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let arguments: Arguments = syn::parse2(arguments)?;
    let mut function: ItemFn = syn::parse2(item)?;
    if function.sig.asyncness.is_none() {
        return Err(Error::new_spanned(
            &function.sig,
            "`#[cached]` is for async functions",
        ));
    }
    if !function.sig.generics.params.is_empty() {
        let message = "each answer needs one type: a cached function has no generic parameters";
        return Err(Error::new_spanned(&function.sig.generics, message));
    }
    let error = error_type(&function.sig.output)?;
    let (session, rest) = inputs(&mut function)?;
    if arguments.policy.is_some() && (arguments.ttl.is_some() || arguments.outside) {
        let message = "`policy` says all; leave `ttl` and `outside` to it";
        return Err(Error::new_spanned(&arguments.policy, message));
    }
    let policy = match (&arguments.policy, arguments.ttl, arguments.outside) {
        (Some(policy), ..) => quote!(#policy),
        (None, Some(ttl), true) => quote! {
            ::brisk_cache::Policy::outside(::std::time::Duration::from_secs(#ttl))
        },
        (None, None, true) => {
            let message = "what comes from outside needs a `ttl`";
            return Err(Error::new_spanned(&function.sig.ident, message));
        }
        (None, Some(ttl), false) => quote! {
            ::brisk_cache::Policy::rows().fresh_for(::std::time::Duration::from_secs(#ttl))
        },
        (None, None, false) => quote!(::brisk_cache::Policy::rows()),
    };
    let ident = &function.sig.ident;
    let name = arguments.name.as_ref().map_or_else(
        || quote!(concat!(module_path!(), "::", stringify!(#ident))),
        |name| quote!(#name),
    );
    let keys = rest.iter().filter(|a| a.is_key).map(|a| {
        let name = &a.name;
        if a.is_reference {
            quote!(::std::borrow::ToOwned::to_owned(#name))
        } else {
            quote!(::std::clone::Clone::clone(&#name))
        }
    });
    let owned = rest.iter().map(|a| {
        let name = &a.name;
        if a.is_reference {
            quote!(let #name = ::std::borrow::ToOwned::to_owned(#name);)
        } else {
            quote!(let #name = ::std::clone::Clone::clone(&#name);)
        }
    });
    let given = rest.iter().map(|a| {
        let name = &a.name;
        if a.is_reference {
            quote!(::std::borrow::Borrow::borrow(&#name))
        } else {
            quote!(#name)
        }
    });
    let ItemFn {
        attrs, vis, sig, ..
    } = &function;
    let mut inner = function.clone();
    inner.attrs.clear();
    inner.vis = syn::Visibility::Inherited;
    inner.sig.ident = format_ident!("uncached");
    Ok(quote! {
        #(#attrs)*
        #vis #sig {
            #inner

            static SLOT: ::brisk_cache::Slot = ::brisk_cache::Slot::new(#name, #policy);
            let key = (#(#keys,)*);
            #(#owned)*
            let load = async move |session: ::brisk_db::Session| uncached(&session, #(#given),*).await;
            match SLOT.get(#session, &key, load).await {
                ::std::result::Result::Ok(cached) => ::std::result::Result::Ok(cached.into_inner()),
                ::std::result::Result::Err(error) => {
                    ::std::result::Result::Err(<#error as ::std::convert::From<::brisk_cache::Error>>::from(error))
                }
            }
        }
    })
}

/// The session's name and the other arguments, whose marks are taken away.
fn inputs(function: &mut ItemFn) -> syn::Result<(Ident, Vec<Argument>)> {
    let mut names = Vec::new();
    for argument in &mut function.sig.inputs {
        let FnArg::Typed(typed) = argument else {
            let message = "a method's `self` is no key: make it a function";
            return Err(Error::new_spanned(argument, message));
        };
        let before = typed.attrs.len();
        typed.attrs.retain(|a| !a.path().is_ident("key"));
        let Pat::Ident(pattern) = &*typed.pat else {
            return Err(Error::new_spanned(
                &typed.pat,
                "an argument is `name: Type`",
            ));
        };
        names.push(Argument {
            name: pattern.ident.clone(),
            is_key: typed.attrs.len() != before,
            is_reference: matches!(&*typed.ty, Type::Reference(_)),
        });
    }
    if names
        .first()
        .is_none_or(|first| !first.is_reference || first.is_key)
    {
        let message = "the first argument is the session, a `&Session` and no key";
        return Err(Error::new_spanned(&function.sig, message));
    }
    let session = names.remove(0);
    Ok((session.name, names))
}

fn error_type(output: &ReturnType) -> syn::Result<Type> {
    let wanted = || Error::new_spanned(output, "a cached function answers `Result<T, E>`");
    let ReturnType::Type(_, ty) = output else {
        return Err(wanted());
    };
    let Type::Path(path) = &**ty else {
        return Err(wanted());
    };
    let last = path.path.segments.last().ok_or_else(wanted)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Err(wanted());
    };
    match arguments.args.iter().nth(1) {
        Some(GenericArgument::Type(ty)) if last.ident == "Result" => Ok(ty.clone()),
        _ => Err(wanted()),
    }
}
