use crate::program::Server;

const PASSWORD: &str = "a few words do very well";

/// The cookies of an answer, as the next request carries them.
fn cookies(answer: &str) -> String {
    let set = answer
        .lines()
        .filter_map(|line| line.strip_prefix("set-cookie: "));
    let pairs: Vec<_> = set.filter_map(|line| line.split(';').next()).collect();
    format!("cookie: {}\r\n", pairs.join("; "))
}

fn location(answer: &str) -> &str {
    let mut lines = answer.lines();
    lines
        .find_map(|line| line.strip_prefix("location: "))
        .unwrap_or_default()
}

#[test]
fn a_stranger_sets_it_up_signs_in_and_looks_after_people() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--no-demo"]);
    let line = server.line("Set up");
    let path = line.trim().rsplit(server.address.as_str()).next().unwrap();
    let token = path.rsplit('=').next().unwrap();
    let (status, page) = server.get(path, "");
    assert_eq!((status, page.contains(token)), (200, true));

    let form = |password: &str| {
        format!(
            "token={token}&email=root%40ops.example&full_name=Root+Person&password={}",
            password.replace(' ', "+")
        )
    };
    let (status, page) = server.post("/setup", "", &form("short"));
    assert_eq!(
        (status, page.contains("must have at least 12 characters")),
        (422, true),
        "{page}"
    );
    let (status, answer) = server.post("/setup", "", &form(PASSWORD));
    assert_eq!((status, location(&answer)), (303, "/account"));
    let root = cookies(&answer);
    assert!(
        answer.contains("HttpOnly") && answer.contains("SameSite=Lax"),
        "{answer}"
    );

    let (status, page) = server.get("/account", &root);
    assert_eq!(status, 200);
    for part in [
        "Root Person",
        "root@ops.example",
        "this one",
        "Sign out everywhere",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    let (status, page) = server.get("/people", &root);
    assert_eq!(
        (status, page.contains("root@ops.example")),
        (200, true),
        "{page}"
    );
    let (status, page) = server.post(
        "/people",
        &root,
        "full_name=Ann+%3Cb%3E&email=ann%40ops.example",
    );
    assert_eq!(status, 200);
    assert!(
        page.contains("ann@ops.example") && page.contains("shown this once"),
        "{page}"
    );
    assert!(
        page.contains("Ann &#60;b&#62;") && !page.contains("Ann <b>"),
        "{page}"
    );
    let (status, page) = server.get("/roles", &root);
    assert_eq!((status, page.contains("does the daily work")), (200, true));
    let ann = server.get("/people", &root).1;
    let ann = ann
        .split("/people/")
        .find(|part| part.contains("Ann"))
        .unwrap();
    let ann = format!("/people/{}", ann.split('"').next().unwrap());
    let (status, page) = server.get(&ann, &root);
    assert_eq!(
        (status, page.contains("End all sessions")),
        (200, true),
        "{page}"
    );
    let (status, answer) = server.post(&format!("{ann}/deactivate"), &root, "");
    assert_eq!((status, location(&answer)), (303, ann.as_str()));
    assert!(server.get(&ann, &root).1.contains("Enable"));

    // A form of another host does nothing, and nobody is anybody without a cookie.
    let foreign = server.get("/account", "").1;
    assert_eq!(location(&foreign), "/sign-in?to=%2Faccount");
    let (status, answer) = server.post("/sign-out", &root, "");
    assert_eq!((status, location(&answer)), (303, "/"));
    assert_eq!(
        location(&server.get("/account", &root).1),
        "/sign-in?to=%2Faccount"
    );

    let sign_in = |password: &str| {
        let password = password.replace(' ', "+");
        server.post(
            "/sign-in",
            "",
            &format!("to=%2Fpeople&email=root%40ops.example&password={password}"),
        )
    };
    let (status, page) = sign_in("not the right words");
    assert_eq!(status, 401);
    assert!(
        page.contains("The workspace, the e-mail address or the password is not right"),
        "{page}"
    );
    let (status, answer) = sign_in(PASSWORD);
    assert_eq!((status, location(&answer)), (303, "/people"));
    assert_eq!(server.get("/people", &cookies(&answer)).0, 200);
    let (status, page) = server.post("/setup", "", &form(PASSWORD));
    assert_eq!(
        (status, page.contains("There is an administrator already")),
        (404, true)
    );
    assert_eq!(server.terminate().0, Some(0));
}

/// What stands between two parts of a page.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let rest = page
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} in {page}"));
    rest.1.split(after).next().unwrap()
}

#[test]
fn a_phone_becomes_the_second_factor_and_a_code_on_paper_does_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--no-demo"]);
    let token = server
        .line("Set up")
        .trim()
        .rsplit('=')
        .next()
        .unwrap()
        .to_owned();
    let password = PASSWORD.replace(' ', "+");
    let form =
        format!("token={token}&email=root%40ops.example&full_name=Root+Person&password={password}");
    let root = cookies(&server.post("/setup", "", &form).1);
    let (status, page) = server.post("/account/second-factor", &root, "");
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("<svg") && page.contains("Turn it on"));
    let secret = between(&page, "Type this key: <code>", "<");
    let address = between(&page, "name=\"address\" value=\"", "\"");
    let fields = format!("secret={secret}&address=x&code=");
    let path = "/account/second-factor/confirm";
    let (status, page) = server.post(path, &root, &format!("{fields}000000"));
    assert!(address.starts_with("otpauth://totp/Brisk:"), "{address}");
    assert_eq!(status, 422);
    assert!(
        page.contains("is not the code that the app shows now"),
        "{page}"
    );
    let phone =
        totp_rs::Builder::new().with_secret(totp_rs::Secret::try_from_base32(secret).unwrap());
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let code = phone.build().unwrap().generate(now).to_string();
    let (status, page) = server.post(path, &root, &format!("{fields}{code}"));
    assert_eq!(
        (status, page.contains("Keep these codes")),
        (200, true),
        "{page}"
    );
    let paper = between(&page, "<li><code>", "<").to_owned();
    let account = server.get("/account", &root).1;
    assert!(account.contains("10 recovery codes are left"), "{account}");

    let credentials = format!("to=%2Faccount&email=root%40ops.example&password={password}");
    let (status, page) = server.post("/sign-in", "", &credentials);
    assert_eq!(
        (status, page.contains("One more step")),
        (200, true),
        "{page}"
    );
    let mfa = between(&page, "name=\"mfa_token\" value=\"", "\"");
    let shown = |code: &str| {
        let form = format!("to=%2Faccount&mfa_token={mfa}&code={code}");
        server.post("/sign-in/code", "", &form)
    };
    let (status, page) = shown("000000");
    assert_eq!(
        (status, page.contains("The code is not right")),
        (401, true),
        "{page}"
    );
    let (status, answer) = shown(&paper);
    assert_eq!((status, location(&answer)), (303, "/account"));
    let account = server.get("/account", &cookies(&answer)).1;
    assert!(account.contains("9 recovery codes are left"), "{account}");
    // What was shown with the code counts no more: back to the password.
    let (status, answer) = shown(&paper);
    assert_eq!(
        (status, location(&answer)),
        (303, "/sign-in?again=1&to=%2Faccount")
    );
    let (_, page) = server.post("/account/second-factor/remove", &root, "");
    assert!(
        page.contains("Your password alone signs you in now"),
        "{page}"
    );
    assert_eq!(server.terminate().0, Some(0));
}

/// The token of the mail in a folder, once there is one.
fn mailed(folder: &std::path::Path) -> String {
    let is_mail = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.extension()? == "eml").then_some(path)
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let found = std::fs::read_dir(folder).ok();
        if let Some(path) = found.and_then(|mut all| all.find_map(is_mail)) {
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            let text = text.replace("=\r\n", "").replace("=3D", "=");
            let token = between(&text, "#token=", "\r");
            return token.split('"').next().unwrap().to_owned();
        }
        assert!(std::time::Instant::now() < deadline, "no mail came");
        // A folder tells nobody that something was put into it.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_forgotten_password_and_an_invitation_go_by_mail() {
    let folder = tempfile::tempdir().unwrap();
    let mails = folder.path().join("mail");
    let mut server = Server::start(folder.path(), &["--no-demo"]);
    let line = server.line("Set up");
    let token = line.trim().rsplit('=').next().unwrap();
    let password = PASSWORD.replace(' ', "+");
    let form =
        format!("token={token}&email=root%40ops.example&full_name=Root+Person&password={password}");
    let root = cookies(&server.post("/setup", "", &form).1);
    assert!(server.get("/sign-in", "").1.contains("/forgot"));
    // Whoever asks hears the same.
    for email in ["root%40ops.example", "nobody%40ops.example"] {
        let (status, page) = server.post("/forgot", "", &format!("email={email}"));
        assert_eq!(
            (status, page.contains("Look into your mailbox")),
            (200, true)
        );
    }
    let token = mailed(&mails);
    let (status, page) = server.get("/reset", "");
    assert_eq!(status, 200);
    assert!(page.contains("script-src 'sha256-"), "{page}");
    let reset = |token: &str, password: &str| {
        let form = format!("token={token}&password={password}");
        server.post("/reset", "", &form)
    };
    let (status, page) = reset(&token, "short");
    assert_eq!(
        (status, page.contains("must have at least 12")),
        (422, true)
    );
    // What was typed is still there.
    assert!(page.contains(&token), "{page}");
    let (status, page) = reset(&token, "some+other+words+do+too");
    assert_eq!(
        (status, page.contains("another one now")),
        (200, true),
        "{page}"
    );
    assert_eq!(reset(&token, "some+other+words+do+too").0, 400);
    assert_eq!(
        location(&server.get("/account", &root).1),
        "/sign-in?to=%2Faccount"
    );
    let sign_in = "to=%2Fpeople&email=root%40ops.example&password=some+other+words+do+too";
    let (status, answer) = server.post("/sign-in", "", sign_in);
    assert_eq!((status, location(&answer)), (303, "/people"));
    let root = cookies(&answer);

    let ann = "full_name=Ann&email=ann%40ops.example&how=mail";
    let (status, page) = server.post("/people", &root, ann);
    assert_eq!(
        (status, page.contains("is on its way")),
        (200, true),
        "{page}"
    );
    let token = mailed(&mails);
    let form = format!("token={token}&full_name=Ann+Other&password={password}");
    let (status, answer) = server.post("/invite", "", &form);
    assert_eq!((status, location(&answer)), (303, "/account"), "{answer}");
    let account = server.get("/account", &cookies(&answer)).1;
    assert!(account.contains("Ann Other"), "{account}");
    assert_eq!(server.terminate().0, Some(0));
}
