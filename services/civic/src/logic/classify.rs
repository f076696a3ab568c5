//! Classifying texts for a caller; nothing is stored.

use serde_json::Value;

use super::Setup;
use crate::error::Error;
use crate::model::classify::Classification;
use crate::model::setup::{ClassifyRequest, Engine};

/// One class for each text, in order.
pub(crate) async fn classify(setup: &Setup, body: &Value) -> Result<Vec<Classification>, Error> {
    let request = ClassifyRequest::read(body)?;
    match request.engine {
        Engine::Llm => Err(Error::LlmNotConfigured),
        Engine::Auto | Engine::Rules => {
            let rules = &setup.current().await?.rules;
            Ok(request.texts.iter().map(|t| rules.classify(t)).collect())
        }
    }
}
