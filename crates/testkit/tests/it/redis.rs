use brisk_testkit::servers::Redis;

#[test]
fn a_key_of_one_database_is_not_seen_in_the_next_and_is_gone_after_it() {
    let server = Redis::shared();
    let one = server.database().unwrap();
    let other = server.database().unwrap();
    assert_ne!(one.url(), other.url());
    one.command("SET thing 7").unwrap();
    assert_eq!(one.command("GET thing").unwrap(), "7");
    assert_eq!(other.command("GET thing").unwrap(), "");
    let number: u32 = one.url().rsplit('/').next().unwrap().parse().unwrap();
    drop(one);
    assert_eq!(server.command(number, "DBSIZE").unwrap(), "0");
}

#[test]
fn a_command_that_is_refused_is_an_error_with_the_server_s_words() {
    let database = Redis::shared().database().unwrap();
    let refused = database.command("NONSENSE").unwrap_err();
    assert!(refused.to_string().contains("unknown command"), "{refused}");
}
