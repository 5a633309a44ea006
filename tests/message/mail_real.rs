//! Mails to a real server, which `tests/mail.sh` starts: it asks for STARTTLS, then for a login.

use std::path::PathBuf;
use std::time::Duration;

use onsale::providers::mail::{Login, Mail, MailChannel, Security, SmtpChannel, SmtpOptions};
use onsale::providers::send::Hidden;

use crate::{ending, mail, sender};

fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name}: run tests/mail.sh"))
}

fn port(name: &str) -> u16 {
    told(name).parse().expect("a port")
}

fn options() -> SmtpOptions {
    let password = Hidden::new(told("ONSALE_TEST_SMTP_PASSWORD"));
    SmtpOptions {
        port: port("ONSALE_TEST_SMTP_PORT"),
        roots_file: Some(PathBuf::from(told("ONSALE_TEST_SMTP_ROOTS"))),
        login: Some(Login { username: "onsale".to_owned(), password }),
        connections_max: 2,
        answer_timeout: Duration::from_secs(10),
        data_timeout: Duration::from_secs(3),
        ..SmtpOptions::new("localhost", sender())
    }
}

async fn try_with(options: SmtpOptions, mail: &Mail) -> &'static str {
    let result = SmtpChannel::new(options).expect("good options").send(mail).await;
    println!("{}: {result:?}", mail.to);
    ending(&result)
}

#[tokio::test]
#[ignore = "needs the server that tests/mail.sh starts"]
async fn a_real_server_takes_mails_over_starttls_and_over_tls() {
    let channel = SmtpChannel::new(options()).unwrap();
    channel.send(&mail("mail-1", "fan@example.org")).await.unwrap();
    // Over the same connection: an address that needs SMTPUTF8, and one whose domain only looks so.
    channel.send(&mail("mail-2", "жанна@example.org")).await.unwrap();
    channel.send(&mail("mail-3", "fan@münchen.example")).await.unwrap();
    let bare = Mail { html: None, attachments: Vec::new(), ..mail("mail-4", "fan@example.org") };
    channel.send(&bare).await.unwrap();
    let port = port("ONSALE_TEST_SMTPS_PORT");
    let wrapped = SmtpOptions { port, security: Security::ImplicitTls, ..options() };
    let wrapped = SmtpChannel::new(wrapped).unwrap();
    wrapped.send(&mail("mail-5", "fan@example.org")).await.unwrap();
}

#[tokio::test]
#[ignore = "needs the server that tests/mail.sh starts"]
async fn what_a_real_server_refuses_is_told_as_what_it_is() {
    for (to, expected) in [
        ("unknown@example.org", "never"),
        ("greylisted@example.org", "later"),
        ("spam@example.org", "never"),
        ("dropped@example.org", "unknown"),
        ("slow@example.org", "unknown"),
    ] {
        assert_eq!(try_with(options(), &mail("refused", to)).await, expected, "{to}");
    }
}

#[tokio::test]
#[ignore = "needs the server that tests/mail.sh starts"]
async fn who_is_not_let_in_tries_later() {
    let fan = mail("not-let-in", "fan@example.org");
    let stranger = Login { username: "onsale".to_owned(), password: Hidden::new("wrong") };
    let wrong_password = SmtpOptions { login: Some(stranger), ..options() };
    assert_eq!(try_with(wrong_password, &fan).await, "later");
    let no_login = SmtpOptions { login: None, ..options() };
    assert_eq!(try_with(no_login, &fan).await, "later");
    let untrusted = SmtpOptions { roots_file: None, ..options() };
    assert_eq!(try_with(untrusted, &fan).await, "later");
    // The certificate is for localhost.
    let wrong_name = SmtpOptions { host: "127.0.0.1".to_owned(), ..options() };
    assert_eq!(try_with(wrong_name, &fan).await, "later");
}
