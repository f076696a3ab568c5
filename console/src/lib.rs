//! The web console: one server-rendered page that shows a place at once, holding only what the public may see, and one
//! for operators that shows how the database is asked.
//!
//! It owns markup, style and the drawing of charts; the figures come through [`PublicDashboard`], which the server
//! connects to a service. Pages of people who are signed in are made of answers of the program's own API ([`Api`]). The one surprising decision: no script, but for one of a few lines on the pages that links of mails lead to. Charts are drawn on the server, menus are
//! `<details>`, and the content security policy allows one style sheet by its hash and nothing else.

mod caches;
mod chart;
mod data;
mod findings;
mod format;
mod not_found;
mod page;
mod people;
mod policy;
mod view;

pub use data::{
    Category, City, CityView, Compliance, Counts, Day, Empty, Grade, PublicDashboard, PublicIssue,
    Trend,
};
pub use not_found::not_found;
pub use page::{Console, Cost, Sample};
pub use people::Api;
