//! `#[derive(Record)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, LitStr};

use crate::row::{column_name, fields};

pub(crate) fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let fields = fields(&input)?;
    let name = &input.ident;
    let mut table = None;
    for attribute in &input.attrs {
        if attribute.path().is_ident("record") {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("table") {
                    table = Some(meta.value()?.parse::<LitStr>()?);
                    Ok(())
                } else {
                    Err(meta.error("the only key is `table`"))
                }
            })?;
        }
    }
    let table =
        table.ok_or_else(|| Error::new_spanned(name, "needs #[record(table = \"...\")]"))?;
    let statement = format!("{}.insert_many", table.value());
    let update = format!("{}.update_many", table.value());
    let idents: Vec<_> = fields.iter().map(|f| &f.ident).collect();
    let types: Vec<_> = fields.iter().map(|f| &f.ty).collect();
    let columns = fields
        .iter()
        .map(|f| column_name(f))
        .collect::<syn::Result<Vec<_>>>()?;
    Ok(quote! {
        impl ::brisk_db::Params for #name {
            fn kinds() -> ::std::vec::Vec<::brisk_db::Kind> {
                ::std::vec![#(<#types as ::brisk_db::Column>::KIND),*]
            }

            fn into_values(self) -> ::std::vec::Vec<::brisk_db::Value> {
                ::std::vec![#(::brisk_db::Column::into_value(self.#idents)),*]
            }
        }

        impl ::brisk_db::Record for #name {
            const TABLE: &'static str = #table;
            const STATEMENT: &'static str = #statement;
            const UPDATE: &'static str = #update;
            const COLUMNS: &'static [(&'static str, ::brisk_db::Kind)] =
                &[#((#columns, <#types as ::brisk_db::Column>::KIND)),*];
        }
    })
}
