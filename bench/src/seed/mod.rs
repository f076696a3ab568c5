//! The data of a run: fifty tenants of very different size, the same rows on both engines and in every run.
mod load;
mod plan;
mod rows;

pub(crate) use load::{Seeded, load, one_tenant, plan};
pub(crate) use plan::END;
pub(crate) use rows::{description, place};
