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

#[test]
fn a_server_that_is_restarted_is_empty_and_where_it_was() {
    let server = Redis::start().unwrap();
    let (url, pid) = (server.url(), server.pid());
    server.command(0, "SET a 1").unwrap();
    server.restart().unwrap();
    assert_eq!(server.command(0, "EXISTS a").unwrap(), "0");
    assert!(server.url() == url && server.pid() != pid);
    Redis::at(&url).unwrap().restart().unwrap_err();
}

#[test]
fn a_cluster_and_a_sentinel_are_what_they_say() {
    let cluster = Redis::cluster().unwrap();
    let slots = cluster.command(0, "CLUSTER COUNTKEYSINSLOT 0").unwrap();
    assert_eq!(slots, "0");
    let server = Redis::start().unwrap();
    let sentinel = server.sentinel("main").unwrap();
    let told = sentinel.command(0, "SENTINEL GET-MASTER-ADDR-BY-NAME main");
    let port = server.url();
    let port = port.rsplit(':').next().unwrap().trim_end_matches("/0");
    assert_eq!(told.unwrap().lines().last(), Some(port));
}
