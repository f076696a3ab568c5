use brisk_db::{Affected, Finding, FromRow, statements};

#[derive(Debug, FromRow)]
struct OwnerRow {
    id: i64,
    email: String,
    age: i32,
}

statements! {
    prefix "test.verify";

    RIGHT(id: i64) -> Option<OwnerRow> = "SELECT id, email, age FROM owners WHERE id = $1";

    WRONG_ORDER(id: i64) -> Option<OwnerRow> = "SELECT id, age, email FROM owners WHERE id = $1";

    WRONG_TYPE(email: i64) -> Affected = "UPDATE owners SET email = $1";

    MISSING_TABLE() -> Vec<i64> = "SELECT id FROM nowhere";

    TWO_FOR_ONE() -> Vec<i64> = "SELECT id, age FROM owners";
}

fn names(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| f.statement).collect()
}

on_both! {
    async fn statements_that_do_not_fit_the_schema_are_found(db: TestDb) {
        assert_eq!(db.db.verify(crate::harness::STATEMENTS).await.unwrap(), []);
        let findings = db.db.verify(STATEMENTS).await.unwrap();
        let mut wanted = vec![
            "test.verify.wrong_order",
            "test.verify.wrong_type",
            "test.verify.missing_table",
            "test.verify.two_for_one",
        ];
        if db.db.file().is_some() {
            // A parameter has no type there.
            wanted.remove(1);
        }
        assert_eq!(names(&findings), wanted, "{findings:#?}");
        assert!(findings[0].problem.contains("[\"id\", \"age\", \"email\"]"), "{findings:#?}");
        let missing = findings.iter().find(|f| f.statement.ends_with("missing_table")).unwrap();
        assert!(missing.problem.contains("nowhere"), "{missing:?}");
    }
}
