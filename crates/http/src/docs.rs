//! The API's page for people: the OpenAPI document as plain HTML, without scripts and without other hosts.

use std::fmt::Write;

use serde_json::Value;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}\
details{border:1px solid #d0d7de;border-radius:6px;margin:.5rem 0;padding:.5rem .75rem}summary{cursor:pointer}\
code,pre{font:14px/1.5 ui-monospace,monospace}pre{background:#f6f8fa;padding:.75rem;overflow:auto;border-radius:6px}\
table{border-collapse:collapse}td,th{border:1px solid #d0d7de;padding:.2rem .6rem;text-align:left}\
.m{display:inline-block;min-width:4.5rem;font-weight:600}\
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}pre{background:#161b22}}";

/// Renders every route with its parameters, body and answers, then every schema.
pub(crate) fn page(openapi: &Value) -> String {
    let title = text(&openapi["info"]["title"]);
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title} {}</h1><p>{}</p>\
         <p>The same for machines: <a href=\"/openapi.json\">/openapi.json</a></p><h2>Routes</h2>",
        text(&openapi["info"]["version"]),
        text(&openapi["info"]["description"]),
    );
    for (path, item) in members(&openapi["paths"]) {
        for (method, operation) in members(item) {
            if operation.get("responses").is_some() {
                route(&mut out, method, path, operation);
            }
        }
    }
    out.push_str("<h2>Schemas</h2>");
    for (name, schema) in members(&openapi["components"]["schemas"]) {
        put(
            &mut out,
            format_args!(
                "<details id=\"{0}\"><summary><code>{0}</code></summary>",
                escape(name)
            ),
        );
        code(&mut out, schema);
        out.push_str("</details>");
    }
    out.push_str("</html>");
    out
}

fn route(out: &mut String, method: &str, path: &str, operation: &Value) {
    put(
        out,
        format_args!(
            "<details><summary><span class=\"m\">{}</span><code>{}</code> {}</summary><p>{}</p>",
            method.to_uppercase(),
            escape(path),
            text(&operation["summary"]),
            text(&operation["description"]),
        ),
    );
    if let Some(parameters) = operation["parameters"].as_array().filter(|p| !p.is_empty()) {
        out.push_str("<table><tr><th>parameter<th>in<th>required<th>type<th>about");
        for p in parameters {
            let required = if p["required"] == true { "yes" } else { "no" };
            put(
                out,
                format_args!(
                    "<tr><td><code>{}</code><td>{}<td>{required}<td><code>{}</code><td>{}",
                    text(&p["name"]),
                    text(&p["in"]),
                    escape(&kind(&p["schema"])),
                    text(&p["description"]),
                ),
            );
        }
        out.push_str("</table>");
    }
    for (media, body) in members(&operation["requestBody"]["content"]) {
        let shape = escape(&kind(&body["schema"]));
        put(
            out,
            format_args!(
                "<p>Body, <code>{}</code>: <code>{shape}</code></p>",
                escape(media)
            ),
        );
    }
    out.push_str("<table><tr><th>answer<th>type<th>about");
    for (status, answer) in members(&operation["responses"]) {
        let shape: Vec<String> = members(&answer["content"])
            .map(|(_, c)| escape(&kind(&c["schema"])))
            .collect();
        put(
            out,
            format_args!(
                "<tr><td>{}<td><code>{}</code><td>{}",
                escape(status),
                shape.join(", "),
                text(&answer["description"])
            ),
        );
    }
    out.push_str("</table></details>");
}

/// A schema in a few words: the name that it refers to, or its type.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or(reference).to_owned();
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("[{}]", kind(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => String::new(),
    }
}

fn code(out: &mut String, value: &Value) {
    let pretty = serde_json::to_string_pretty(value).expect("a JSON value is JSON");
    put(out, format_args!("<pre>{}</pre>", escape(&pretty)));
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn put(out: &mut String, args: std::fmt::Arguments<'_>) {
    out.write_fmt(args)
        .expect("writing to a String cannot fail");
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_routes_and_escapes_what_they_say() {
        let page = page(&serde_json::json!({
            "info": {"title": "Brisk <dev>", "version": "1"},
            "paths": {"/x/{id}": {"get": {
                "summary": "one & only",
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "it", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/X"}}}}}
            }}},
            "components": {"schemas": {"X": {"type": "object"}}}
        }));
        for expected in [
            "Brisk &lt;dev&gt;",
            "<code>/x/{id}</code> one &amp; only",
            "<td><code>X</code>",
            "integer",
            "id=\"X\"",
        ] {
            assert!(page.contains(expected), "{expected} in {page}");
        }
        assert!(!page.contains("http://") && !page.contains("https://"));
    }
}
