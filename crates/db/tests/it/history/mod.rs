//! A checked history: 200 callers of four tenants write and read while the database is disturbed. Each notes what it asked
//! and what it heard; in the end the tables have to agree.

mod book;
mod callers;
mod check;
mod disturbed;
mod killed;
mod locked;
mod world;
