//! Mails as files, which are also the bytes that go over the wire.

use onsale::providers::mail::{FileChannel, MailChannel};

use crate::{ending, mail, sender};

fn files(directory: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_mail_is_one_file_and_a_repeat_is_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join("mails");
    let channel = FileChannel::new(directory.clone(), sender()).unwrap();
    channel.send(&mail("mail-1", "fan@example.org")).await.unwrap();
    let path = directory.join("mail-1.eml");
    let first = std::fs::read(&path).unwrap();
    channel.send(&mail("mail-1", "fan@example.org")).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
    channel.send(&mail("mail-2", "fan@example.org")).await.unwrap();
    assert_eq!(files(&directory), ["mail-1.eml", "mail-2.eml"]);
    let text = String::from_utf8(first).expect("nothing but ASCII leaves");
    assert!(text.is_ascii());
    for line in [
        "Message-ID: <mail-1@onsale.example>\r\n",
        "X-Onsale-Message-Id: mail-1\r\n",
        "Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Reply-To: help@onsale.example\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(text.lines().all(|line| line.len() <= 998), "RFC 5322 allows no longer line");
}

#[tokio::test]
async fn a_name_leads_to_no_other_directory_and_a_lost_one_is_no_loss() {
    let directory = tempfile::tempdir().unwrap();
    let channel = FileChannel::new(directory.path().join("mails"), sender()).unwrap();
    let escaping = channel.send(&mail("../mail-1", "fan@example.org")).await;
    assert_eq!(ending(&escaping), "never", "{escaping:?}");
    assert_eq!(files(directory.path()), ["mails"]);
    std::fs::remove_dir(directory.path().join("mails")).unwrap();
    let lost = channel.send(&mail("mail-1", "fan@example.org")).await;
    assert_eq!(ending(&lost), "later", "{lost:?}");
}
