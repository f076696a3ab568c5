//! Texts to classify without storing anything.

use serde_json::Value;

use crate::model::config::MAX_DESCRIPTION;
use crate::model::field::{FieldErrors, Nulls, read_object};

/// How many texts one request may hold; source: the service's specification, as in one batch of the model.
pub const MAX_TEXTS: usize = 20;

/// Who is to classify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The model where one is set up, else the rules.
    #[default]
    Auto,
    /// The rules.
    Rules,
    /// The model.
    Llm,
}

/// `{texts, engine}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassifyRequest {
    /// 1 to [`MAX_TEXTS`] texts of 1 to [`MAX_DESCRIPTION`] characters.
    pub texts: Vec<String>,
    /// Who is to classify.
    pub engine: Engine,
}

impl ClassifyRequest {
    /// Reads the JSON form.
    ///
    /// # Errors
    ///
    /// Every bad field, with codes `required`, `wrong_type`, `too_many`, `too_short`, `too_long`, `unknown_value` and
    /// `unknown_field`.
    pub fn read(value: &Value) -> Result<Self, FieldErrors> {
        let mut request = Self {
            texts: Vec::new(),
            engine: Engine::Auto,
        };
        let mut errors = Vec::new();
        read_object(value, Nulls::Removal, &mut errors, |o| {
            let items = o.required("texts").map(Value::as_array);
            match items {
                None => {}
                Some(None) => o.refuse("texts", "wrong_type", "must be a list of texts"),
                Some(Some(items)) if items.is_empty() => {
                    o.refuse("texts", "too_short", "must have at least one text");
                }
                Some(Some(items)) if items.len() > MAX_TEXTS => {
                    let message = format!("must have at most {MAX_TEXTS} texts");
                    o.refuse("texts", "too_many", message);
                }
                Some(Some(items)) => {
                    for (i, item) in items.iter().enumerate() {
                        let field = format!("texts.{i}");
                        match item.as_str() {
                            None => o.refuse(&field, "wrong_type", "must be text"),
                            Some(text) if text.trim().is_empty() => {
                                o.refuse(&field, "too_short", "must have at least 1 character");
                            }
                            Some(text) if text.chars().count() > MAX_DESCRIPTION as usize => {
                                let message =
                                    format!("must have at most {MAX_DESCRIPTION} characters");
                                o.refuse(&field, "too_long", message);
                            }
                            Some(text) => request.texts.push(text.to_owned()),
                        }
                    }
                }
            }
            let engines = [
                ("auto", Engine::Auto),
                ("rules", Engine::Rules),
                ("llm", Engine::Llm),
            ];
            o.word("engine", &engines, &mut request.engine);
        });
        FieldErrors::check(errors)?;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_bad_text_is_named() {
        let good = ClassifyRequest::read(&json!({"texts": ["a pothole"]})).unwrap();
        assert_eq!((good.texts.len(), good.engine), (1, Engine::Auto));
        for (body, expected) in [
            (json!({"texts": vec!["x"; 21]}), vec![("texts", "too_many")]),
            (json!({"texts": []}), vec![("texts", "too_short")]),
            (
                json!({"texts": [" ", 3, "x".repeat(4_001)], "engine": "gpt", "store": true}),
                vec![
                    ("texts.0", "too_short"),
                    ("texts.1", "wrong_type"),
                    ("texts.2", "too_long"),
                    ("engine", "unknown_value"),
                    ("store", "unknown_field"),
                ],
            ),
        ] {
            let errors = ClassifyRequest::read(&body).unwrap_err();
            let found: Vec<_> = errors
                .0
                .iter()
                .map(|e| (e.field.as_str(), e.code))
                .collect();
            assert_eq!(found, expected);
        }
    }
}
