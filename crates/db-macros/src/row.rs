//! `#[derive(FromRow)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Fields, LitStr};

/// The named fields of a struct.
pub(crate) fn fields(input: &DeriveInput) -> syn::Result<Vec<&Field>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => Ok(named.named.iter().collect()),
            _ => Err(Error::new_spanned(
                &input.ident,
                "needs a struct with named fields",
            )),
        },
        _ => Err(Error::new_spanned(&input.ident, "needs a struct")),
    }
}

/// The column's name: `#[column("name")]`, else the field's own.
pub(crate) fn column_name(field: &Field) -> syn::Result<String> {
    for attribute in &field.attrs {
        if attribute.path().is_ident("column") {
            return Ok(attribute.parse_args::<LitStr>()?.value());
        }
    }
    let ident = field
        .ident
        .as_ref()
        .expect("the struct has named fields")
        .to_string();
    Ok(ident.strip_prefix("r#").unwrap_or(&ident).to_owned())
}

pub(crate) fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let fields = fields(&input)?;
    let name = &input.ident;
    let idents: Vec<_> = fields.iter().map(|f| &f.ident).collect();
    let columns = fields
        .iter()
        .map(|f| column_name(f))
        .collect::<syn::Result<Vec<_>>>()?;
    let positions = 0..fields.len();
    Ok(quote! {
        impl ::brisk_db::FromRow for #name {
            const COLUMNS: &'static [&'static str] = &[#(#columns),*];

            fn from_row(row: &::brisk_db::Row<'_>) -> ::std::result::Result<Self, ::brisk_db::DecodeError> {
                ::std::result::Result::Ok(Self { #(#idents: row.get(#positions)?),* })
            }

            fn heap_bytes(&self) -> usize {
                0 #(+ ::brisk_db::Column::heap_bytes(&self.#idents))*
            }
        }
    })
}
