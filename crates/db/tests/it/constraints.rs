use brisk_core::{Class, Failure as _};
use brisk_db::{Affected, Constraint, Error, statements};

use crate::harness::{ADD_OWNER, ADD_PET, add};

statements! {
    prefix "test.rules";

    NO_EMAIL(id: i64) -> Affected = "INSERT INTO owners (id, email, age) VALUES ($1, NULL, 1)";
}

fn rule(error: Error) -> (Constraint, String) {
    match error {
        Error::Constraint {
            constraint, rule, ..
        } => (constraint, rule),
        other => panic!("{other:?}"),
    }
}

on_both! {
    async fn each_broken_rule_is_named(db: TestDb) {
        let session = db.session();
        let sqlite = db.db.file().is_some();
        add(&session, 1).await.unwrap();
        let error = session.run(&ADD_OWNER, (2, "1@example.org".to_owned(), 1)).await.unwrap_err();
        assert_eq!(error.class(), Class::Conflict);
        let unique = if sqlite { "owners.email" } else { "owners_email_key" };
        assert_eq!(rule(error), (Constraint::Unique, unique.to_owned()));
        let key = if sqlite { "owners.id" } else { "owners_pkey" };
        assert_eq!(rule(add(&session, 1).await.unwrap_err()), (Constraint::Unique, key.to_owned()));
        let error = session.run(&ADD_OWNER, (3, "3".to_owned(), -1)).await.unwrap_err();
        assert_eq!(rule(error), (Constraint::Check, "owners_age".to_owned()));
        let error = session.run(&NO_EMAIL, (3,)).await.unwrap_err();
        assert_eq!(rule(error), (Constraint::NotNull, "owners.email".to_owned()));
        let error = session.run(&ADD_PET, (1, 99)).await.unwrap_err();
        let foreign = if sqlite { "" } else { "pets_owner_fkey" };
        assert_eq!(rule(error), (Constraint::ForeignKey, foreign.to_owned()));
    }
}
