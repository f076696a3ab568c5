//! Puts the services' routes together.

use axum::Router;
use axum::extract::Request;
use brisk_http::RouteRule;
use http::Uri;
use http::uri::PathAndQuery;
use tower::ServiceExt as _;
use utoipa::openapi::{InfoBuilder, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;

/// One service's routes, as the service sees them.
pub(crate) struct Mounted {
    pub(crate) name: &'static str,
    pub(crate) api: OpenApiRouter,
    pub(crate) rules: Vec<RouteRule>,
}

/// All routes, each below its service's name; those of a service that is alone at the root, too, where the document
/// does not repeat them.
pub(crate) fn mount(services: Vec<Mounted>, pages: Router) -> (OpenApiRouter, Vec<RouteRule>) {
    let info = InfoBuilder::new()
        .title("Brisk")
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    let document = OpenApiBuilder::new().info(info).build();
    let mut all = OpenApiRouter::with_openapi(document).merge(pages.into());
    let mut rules = Vec::new();
    let alone = services.len() == 1;
    for service in services {
        let prefix = format!("/{}", service.name);
        let (router, document) = service.api.split_for_parts();
        if alone {
            all = all.merge(OpenApiRouter::from(router.clone()));
            rules.extend(service.rules.iter().cloned());
        }
        let documented = OpenApiRouter::with_openapi(document).merge(OpenApiRouter::from(router));
        all = all.nest(&prefix, documented);
        rules.extend(service.rules.into_iter().map(|rule| RouteRule {
            prefix: format!("{prefix}{}", rule.prefix),
            ..rule
        }));
    }
    (all, rules)
}

/// Answers `/v1/reports/` as `/v1/reports`; costs nothing where a route fits as it was asked.
pub(crate) fn forgive_slashes(router: Router) -> Router {
    let inner = router.clone();
    router.fallback(move |mut request: Request| {
        let inner = inner.clone();
        async move {
            if let Some(uri) = trimmed(request.uri()) {
                *request.uri_mut() = uri;
            }
            inner.oneshot(request).await
        }
    })
}

fn trimmed(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let short = path.trim_end_matches('/');
    if short.len() == path.len() || short.is_empty() {
        return None;
    }
    let text = match uri.query() {
        Some(query) => format!("{short}?{query}"),
        None => short.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slashes_at_the_end_go() {
        let of = |text: &str| trimmed(&text.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(of("/v1/reports/?a=b/"), Some("/v1/reports?a=b/".to_owned()));
        assert_eq!(of("/v1//"), Some("/v1".to_owned()));
        assert_eq!((of("/v1"), of("/"), of("//")), (None, None, None));
    }
}
