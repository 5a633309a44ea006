//! What can go wrong with a mail server, and what the outbox is told: above all whether the mail may have
//! arrived.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use onsale::providers::mail::{Login, Mail, MailChannel, Security, SmtpChannel, SmtpOptions};
use onsale::providers::send::{Hidden, SendError};

use crate::smtp_script::{Act, Server};
use crate::{Spoil, ending, mail, sender};

fn options(port: u16) -> SmtpOptions {
    SmtpOptions {
        port,
        security: Security::PlainOnLoopback,
        connect_timeout: Duration::from_millis(300),
        answer_timeout: Duration::from_millis(300),
        data_timeout: Duration::from_millis(300),
        ..SmtpOptions::new("127.0.0.1", sender())
    }
}

fn channel(port: u16) -> SmtpChannel {
    SmtpChannel::new(options(port)).expect("good options")
}

fn fan() -> Mail {
    mail("mail-1", "fan@example.org")
}

#[tokio::test]
async fn each_failure_is_told_as_what_it_is() {
    let told = [
        ("greeting", Act::Say("421 too busy"), "later"),
        ("greeting", Act::Say("554 not you"), "later"),
        ("greeting", Act::Say("HTTP/1.1 400 Bad Request"), "later"),
        ("greeting", Act::Hang, "later"),
        ("greeting", Act::Silence, "later"),
        ("EHLO", Act::Say("502 what?"), "later"),
        ("MAIL", Act::Say("451 later"), "later"),
        ("MAIL", Act::Say("553 you may not send as that"), "later"),
        ("MAIL", Act::Hang, "later"),
        ("RCPT", Act::Say("450 greylisted"), "later"),
        ("RCPT", Act::Say("451 greylisted"), "later"),
        ("RCPT", Act::Say("550 no such user"), "never"),
        ("RCPT", Act::Say("553 bad mailbox"), "never"),
        ("RCPT", Act::Say("530 log in first"), "later"),
        ("RCPT", Act::Silence, "later"),
        ("RCPT", Act::Hang, "later"),
        ("DATA", Act::Say("451 disk full"), "later"),
        ("DATA", Act::Say("554 no"), "never"),
        // An answer to another question: what follows would be misread.
        ("DATA", Act::Say("250 ok"), "later"),
        (".", Act::Say("250 queued"), "delivered"),
        (".", Act::Say("451 try again"), "later"),
        (".", Act::Say("552 too large"), "never"),
        (".", Act::Say("354 go on"), "unknown"),
        (".", Act::Say("garbage"), "unknown"),
        (".", Act::Hang, "unknown"),
        (".", Act::Silence, "unknown"),
    ];
    for (step, act, expected) in told {
        let server = Server::start(vec![vec![(step, act)]]).await;
        let result = channel(server.port).send(&fan()).await;
        assert_eq!(ending(&result), expected, "{act:?} at {step}: {result:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_gets_it_later() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let result = channel(port).send(&fan()).await;
    assert_eq!(ending(&result), "later", "{result:?}");
    assert!(format!("{result:?}").contains("refused"), "{result:?}");
}

#[tokio::test]
async fn a_password_that_is_refused_costs_no_mail_and_is_not_shown() {
    let server = Server::start(vec![vec![("AUTH", Act::Say("535 5.7.8 wrong"))]]).await;
    let password = Hidden::new("correct-horse");
    let login = Some(Login { username: "onsale".to_owned(), password });
    let options = SmtpOptions { login, ..options(server.port) };
    assert!(!format!("{options:?}").contains("horse"));
    let result = SmtpChannel::new(options).unwrap().send(&fan()).await;
    assert_eq!(ending(&result), "later", "{result:?}");
    assert!(!format!("{result:?}").contains("horse"), "{result:?}");
    assert!(!server.heard().contains(&"MAIL".to_owned()), "{:?}", server.heard());
}

#[tokio::test]
async fn without_the_starttls_that_was_asked_for_nothing_is_said() {
    let server = Server::start(vec![vec![]]).await;
    let options = SmtpOptions { security: Security::StartTls, ..options(server.port) };
    let result = SmtpChannel::new(options).unwrap().send(&fan()).await;
    assert_eq!(ending(&result), "later", "{result:?}");
    for secret in ["AUTH", "MAIL"] {
        assert!(!server.heard().contains(&secret.to_owned()), "{:?}", server.heard());
    }
}

#[tokio::test]
async fn a_connection_serves_many_mails_and_a_dead_one_is_replaced() {
    let server = Server::start(vec![vec![], vec![("NOOP", Act::Hang)], vec![]]).await;
    let channel = SmtpChannel::new(options(server.port)).unwrap();
    for _ in 0..3 {
        channel.send(&fan()).await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    // The second connection is closed by the server while it waits for the next mail.
    let server = Server::start(vec![vec![("NOOP", Act::Hang)], vec![]]).await;
    let channel = SmtpChannel::new(options(server.port)).unwrap();
    channel.send(&fan()).await.unwrap();
    channel.send(&fan()).await.unwrap();
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_mail_given_up_half_way_does_not_answer_for_the_next() {
    // The refusal of the first mail comes late. On a shared connection the second mail would read it.
    let server = Server::start(vec![vec![(".", Act::Silence)], vec![]]).await;
    let options = SmtpOptions { data_timeout: Duration::from_secs(60), ..options(server.port) };
    let channel = SmtpChannel::new(options).unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(300), channel.send(&fan())).await;
    assert!(given_up.is_err());
    channel.send(&fan()).await.unwrap();
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn there_are_never_more_connections_than_allowed() {
    let server = Server::start(vec![vec![]]).await;
    let options = SmtpOptions { connections_max: 2, ..options(server.port) };
    let channel = Arc::new(SmtpChannel::new(options).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let channel = channel.clone();
        tasks.spawn(async move { channel.send(&fan()).await });
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
    assert!(server.most_at_once.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_server_without_smtputf8_never_gets_an_address_that_needs_it() {
    let server = Server::start(vec![vec![]]).await;
    let result = channel(server.port).send(&mail("mail-1", "jörg@example.org")).await;
    assert_eq!(ending(&result), "never", "{result:?}");
    // A domain alone needs it not.
    channel(server.port).send(&mail("mail-1", "jorg@münchen.example")).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_a_mail_is_never_sent() {
    let server = Server::start(vec![vec![]]).await;
    let bad: [fn(&mut Mail); 7] = [
        |mail| mail.id = "../x".to_owned(),
        |mail| mail.subject = "a\r\nBcc: all@example.org".to_owned(),
        |mail| mail.subject = String::new(),
        |mail| mail.to_name = Some("a\nb".to_owned()),
        |mail| mail.attachments[0].name = "../../x.pdf".to_owned(),
        |mail| mail.attachments[0].media_type = "pdf\r\nX: y".to_owned(),
        |mail| mail.attachments[0].bytes = vec![0; 16 << 20].into(),
    ];
    for spoil in bad {
        let mut mail = fan();
        spoil(&mut mail);
        let result = channel(server.port).send(&mail).await;
        assert!(matches!(result, Err(SendError::Never { .. })), "{result:?}");
    }
    assert_eq!(server.heard(), [""; 0]);
}

#[test]
fn options_that_cannot_be_are_refused_by_name() {
    let bad: [Spoil<SmtpOptions>; 7] = [
        ("host", |o| o.host = "mail.example.org".to_owned()),
        ("host", |o| o.host = String::new()),
        ("hello_name", |o| o.hello_name = "a b\r\n".to_owned()),
        ("hello_name", |o| o.hello_name = String::new()),
        ("connections_max", |o| o.connections_max = 0),
        ("sender.name", |o| o.sender.name = Some("a\r\nb".to_owned())),
        ("roots_file", |o| {
            o.security = Security::StartTls;
            o.roots_file = Some("/nowhere/roots.pem".into());
        }),
    ];
    for (field, spoil) in bad {
        let mut options = options(25);
        spoil(&mut options);
        let refused = SmtpChannel::new(options).err().map(|error| error.field);
        assert_eq!(refused, Some(field));
    }
}
