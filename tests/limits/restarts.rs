//! A restart is no new quota.

use crate::{limited, reads};

#[tokio::test]
async fn who_has_used_up_their_quota_has_none_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let policy = "read-address;q=40;w=600";
    let mut server = limited(dir.path(), policy, &[]);
    assert_eq!(reads(&server, "203.0.113.9", 50).await, 40);
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let mut server = limited(dir.path(), policy, &[]);
    assert_eq!(reads(&server, "203.0.113.9", 10).await, 0, "after a restart in order");
    assert_eq!(reads(&server, "203.0.113.10", 50).await, 40, "who was not there has it all");
    wait_until_kept(dir.path()).await;
    server.kill();
    let server = limited(dir.path(), policy, &[]);
    let passed = reads(&server, "203.0.113.9", 10).await + reads(&server, "203.0.113.10", 10).await;
    assert!(passed <= 2, "{passed} after a kill");
    assert_eq!(reads(&server, "203.0.113.11", 10).await, 1, "who is not known is let in slowly");
}

/// The server keeps who owes what once a second.
async fn wait_until_kept(dir: &std::path::Path) {
    let modified = || {
        let file = dir.join("data/limits/cells").metadata().and_then(|file| file.modified());
        file.expect("it is kept")
    };
    let before = modified();
    for _ in 0..100 {
        if modified() != before {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nothing was kept for five seconds");
}
