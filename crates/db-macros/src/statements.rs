//! `statements!`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, FnArg, Ident, LitStr, Pat, Token, Type, Visibility, bracketed, parenthesized,
    token,
};

use crate::load::{self, Load};
use crate::sql;

mod keyword {
    syn::custom_keyword!(prefix);
    syn::custom_keyword!(sqlite);
}

struct Statements {
    prefix: LitStr,
    /// Pieces of text that several statements share.
    pieces: Vec<(String, String)>,
    list: Vec<Item>,
}

enum Item {
    Statement(Box<Statement>),
    Load(Box<Load>),
}

struct Statement {
    attributes: Vec<Attribute>,
    slow: bool,
    visibility: Visibility,
    name: Ident,
    parameters: Parameters,
    shape: Type,
    postgres: LitStr,
    sqlite: Option<LitStr>,
}

/// A list of named parameters, or a record whose fields are the parameters in order.
enum Parameters {
    Listed(Vec<(Ident, Type)>),
    Record(Box<Type>),
}

impl Parse for Statements {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.parse::<keyword::prefix>()?;
        let prefix = input.parse()?;
        input.parse::<Token![;]>()?;
        let mut pieces = Vec::new();
        while input.peek(Token![const]) {
            input.parse::<Token![const]>()?;
            let name: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            pieces.push((format!("{{{name}}}"), input.parse::<LitStr>()?.value()));
            input.parse::<Token![;]>()?;
        }
        let mut list = Vec::new();
        while !input.is_empty() {
            list.push(if load::is_next(input) {
                Item::Load(Box::new(input.parse()?))
            } else {
                Item::Statement(Box::new(input.parse()?))
            });
        }
        Ok(Self {
            prefix,
            pieces,
            list,
        })
    }
}

impl Parse for Statement {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let before = attributes.len();
        attributes.retain(|a| !a.path().is_ident("slow"));
        let slow = attributes.len() != before;
        let visibility = input.parse()?;
        let name = input.parse()?;
        let inside;
        let parameters = if input.peek(token::Bracket) {
            bracketed!(inside in input);
            Parameters::Record(inside.parse()?)
        } else {
            parenthesized!(inside in input);
            Parameters::Listed(listed(&inside)?)
        };
        input.parse::<Token![->]>()?;
        let shape = input.parse()?;
        input.parse::<Token![=]>()?;
        let postgres = input.parse()?;
        let mut sqlite = None;
        if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            input.parse::<keyword::sqlite>()?;
            sqlite = Some(input.parse()?);
        }
        input.parse::<Token![;]>()?;
        Ok(Self {
            attributes,
            slow,
            visibility,
            name,
            parameters,
            shape,
            postgres,
            sqlite,
        })
    }
}

fn listed(input: ParseStream<'_>) -> syn::Result<Vec<(Ident, Type)>> {
    Punctuated::<FnArg, Token![,]>::parse_terminated(input)?
        .into_iter()
        .map(|argument| match argument {
            FnArg::Typed(typed) => match *typed.pat {
                Pat::Ident(ident) => Ok((ident.ident, *typed.ty)),
                other => Err(Error::new_spanned(other, "a parameter is `name: Type`")),
            },
            FnArg::Receiver(receiver) => {
                Err(Error::new_spanned(receiver, "a statement has no receiver"))
            }
        })
        .collect()
}

pub(crate) fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let Statements {
        prefix,
        pieces,
        list,
    } = syn::parse2(input)?;
    let fill = |text: &LitStr| {
        let filled = pieces.iter().fold(text.value(), |text, (name, piece)| {
            text.replace(name, piece)
        });
        LitStr::new(&filled, text.span())
    };
    let mut items = TokenStream::new();
    let mut names = Vec::new();
    for item in list {
        let mut statement = match item {
            Item::Statement(statement) => *statement,
            Item::Load(load) => {
                items.extend(load.expand(&prefix.value(), &fill)?);
                names.push(load.name);
                continue;
            }
        };
        statement.postgres = fill(&statement.postgres);
        statement.sqlite = statement.sqlite.as_ref().map(fill);
        let sqlite = match &statement.sqlite {
            Some(text) => {
                check_parameters(text, &statement.parameters)?;
                text.value().clone()
            }
            None => statement.postgres.value(),
        };
        check_parameters(&statement.postgres, &statement.parameters)?;
        let Statement {
            attributes,
            slow,
            visibility,
            name,
            parameters,
            shape,
            postgres,
            ..
        } = statement;
        let full_name = format!("{}.{}", prefix.value(), name.to_string().to_lowercase());
        // A read on one engine may be a write on the other; it is held for a write on both.
        let writes = sql::writes(&postgres.value()) || sql::writes(&sqlite);
        let sqlite = sql::for_sqlite(&sqlite);
        let types = match &parameters {
            Parameters::Listed(list) => {
                let types = list.iter().map(|(_, ty)| ty);
                quote!((#(#types,)*))
            }
            Parameters::Record(record) => quote!(#record),
        };
        items.extend(quote! {
            #(#attributes)*
            #visibility static #name: ::brisk_db::Statement<#types, #shape> =
                ::brisk_db::Statement::declare(#full_name, #postgres, #sqlite, #writes, #slow);
        });
        names.push(name);
    }
    Ok(quote! {
        #items

        /// Every statement declared in this file, for the test that prepares them on both engines.
        pub(crate) static STATEMENTS: &[&dyn ::brisk_db::Declared] = &[#(&#names),*];
    })
}

fn check_parameters(text: &LitStr, parameters: &Parameters) -> syn::Result<()> {
    // The fields of a record are known to the test that prepares the statement, not here.
    let Parameters::Listed(parameters) = parameters else {
        return Ok(());
    };
    let used = sql::parameters(&text.value());
    if let Some(missing) = (1..=parameters.len()).find(|n| !used.contains(n)) {
        let name = &parameters[missing - 1].0;
        return Err(Error::new_spanned(
            text,
            format!("the text never uses ${missing} ({name})"),
        ));
    }
    if let Some(extra) = used.iter().find(|n| **n == 0 || **n > parameters.len()) {
        return Err(Error::new_spanned(
            text,
            format!("${extra} has no parameter"),
        ));
    }
    Ok(())
}
