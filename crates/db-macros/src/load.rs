//! `load` in `statements!`: a keyed load, whose texts are made from what was declared.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Ident, LitInt, LitStr, Token, Type, Visibility, parenthesized};

use crate::sql;

mod keyword {
    syn::custom_keyword!(load);
    syn::custom_keyword!(order);
    syn::custom_keyword!(limit);
    syn::custom_keyword!(shared);
}

/// Stands for the row's columns until their names are known.
const COLUMNS: char = '\u{1}';
/// Stands for what depends on the type of the key.
const KEY: char = '\u{2}';

pub(crate) struct Load {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    pub(crate) name: Ident,
    key: Ident,
    key_type: Type,
    shape: Type,
    from: LitStr,
    condition: Option<LitStr>,
    order: Option<LitStr>,
    limit: Option<LitInt>,
    shared: bool,
}

/// Whether a load stands next.
pub(crate) fn is_next(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.call(Attribute::parse_outer).is_ok()
        && ahead.parse::<Visibility>().is_ok()
        && ahead.peek(keyword::load)
        && ahead.peek2(Ident)
}

impl Parse for Load {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        input.parse::<keyword::load>()?;
        let name = input.parse()?;
        let inside;
        parenthesized!(inside in input);
        let key = inside.parse()?;
        inside.parse::<Token![:]>()?;
        let key_type = inside.parse()?;
        if !inside.is_empty() {
            return Err(inside.error("a load has one key"));
        }
        input.parse::<Token![->]>()?;
        let shape = input.parse()?;
        input.parse::<Token![in]>()?;
        let mut load = Self {
            attributes,
            visibility,
            name,
            key,
            key_type,
            shape,
            from: input.parse()?,
            condition: None,
            order: None,
            limit: None,
            shared: false,
        };
        while input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            if input.peek(Token![where]) {
                input.parse::<Token![where]>()?;
                load.condition = Some(input.parse()?);
            } else if input.peek(keyword::order) {
                input.parse::<keyword::order>()?;
                load.order = Some(input.parse()?);
            } else if input.peek(keyword::limit) {
                input.parse::<keyword::limit>()?;
                load.limit = Some(input.parse()?);
            } else if input.peek(keyword::shared) {
                input.parse::<keyword::shared>()?;
                load.shared = true;
            } else {
                return Err(
                    input.error("after the table come `where`, `order`, `limit` and `shared`")
                );
            }
        }
        input.parse::<Token![;]>()?;
        Ok(load)
    }
}

impl Load {
    pub(crate) fn expand(
        &self,
        prefix: &str,
        fill: &impl Fn(&LitStr) -> LitStr,
    ) -> syn::Result<TokenStream> {
        let Self {
            attributes,
            visibility,
            name,
            key_type,
            shape,
            shared,
            ..
        } = self;
        let limit = self.limit()?;
        let part = |text: &LitStr| -> syn::Result<String> {
            let text = fill(text);
            if sql::parameters(&text.value()).is_empty() {
                Ok(text.value())
            } else {
                Err(Error::new_spanned(
                    text,
                    "a load has no parameters but its key",
                ))
            }
        };
        let from = part(&self.from)?;
        let condition = self.condition.as_ref().map(part).transpose()?;
        let order = self.order.as_ref().map(part).transpose()?;
        let text = |has_key: &str| {
            let key = &self.key;
            let tenant = if *shared { "" } else { "tenant_id = $1 AND " };
            let condition = condition
                .as_ref()
                .map_or(String::new(), |c| format!(" AND ({c})"));
            let chosen = format!("FROM {from} WHERE {tenant}{key} {has_key}{condition}");
            match (&order, limit) {
                (Some(order), Some(limit)) => format!(
                    // One row more than wanted tells that there are more.
                    "SELECT {COLUMNS}, brisk_key FROM (SELECT {COLUMNS}, {key} AS brisk_key, row_number() OVER \
                     (PARTITION BY {key} ORDER BY {order}) AS brisk_nth {chosen}) AS brisk_ranked \
                     WHERE brisk_nth <= {} ORDER BY brisk_key, brisk_nth",
                    u64::from(limit) + 1
                ),
                _ => format!("SELECT {COLUMNS}, {key} AS brisk_key {chosen}"),
            }
        };
        let keys = if *shared { "$1" } else { "$2" };
        let postgres = text(&format!("= ANY({keys}::{KEY}[])"));
        let sqlite = sql::for_sqlite(&text(&format!("IN (SELECT {KEY} FROM json_each({keys}))")));
        let full_name = format!("{prefix}.{}", name.to_string().to_lowercase());
        let limit = limit.unwrap_or(1);
        Ok(quote! {
            #(#attributes)*
            #visibility static #name: ::brisk_db::Load<#key_type, #shape> = {
                use ::brisk_db::load_text as text;
                const ROW: &[&str] =
                    <<#shape as ::brisk_db::Answer>::Row as ::brisk_db::FromRow>::COLUMNS;
                const KEY: ::brisk_db::Kind = <#key_type as ::brisk_db::Column>::KIND;
                const POSTGRES: &[u8] =
                    &text::fill::<{ text::length(#postgres, ROW, text::postgres_key(KEY)) }>(
                        #postgres, ROW, text::postgres_key(KEY),
                    );
                const SQLITE: &[u8] =
                    &text::fill::<{ text::length(#sqlite, ROW, text::sqlite_key(KEY)) }>(
                        #sqlite, ROW, text::sqlite_key(KEY),
                    );
                static COLUMNS: [&str; ROW.len() + 1] = text::with_key(ROW);
                ::brisk_db::Load::declare(
                    #full_name, text::utf8(POSTGRES), text::utf8(SQLITE), &COLUMNS, #limit, #shared,
                )
            };
        })
    }

    /// How many children each parent gets at most; `None` where there is one row for each key.
    fn limit(&self) -> syn::Result<Option<u32>> {
        let many = matches!(&self.shape, Type::Path(path)
            if path.path.segments.last().is_some_and(|last| last.ident == "Many"));
        match (&self.order, &self.limit) {
            (Some(_), Some(limit)) if many => {
                let number = limit.base10_parse()?;
                if number == 0 {
                    return Err(Error::new_spanned(limit, "the limit is at least 1"));
                }
                Ok(Some(number))
            }
            (None, None) if !many => Ok(None),
            _ if many => Err(Error::new_spanned(
                &self.shape,
                "`Many` needs `order \"...\"` and `limit <n>`: a parent may have any number of rows",
            )),
            _ => Err(Error::new_spanned(
                &self.shape,
                "only `Many` has `order` and `limit`",
            )),
        }
    }
}
