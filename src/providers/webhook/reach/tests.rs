//! Which addresses and URLs are let through. Each row of the table is a way in that someone has tried.

use super::*;

#[test]
fn only_public_addresses_are_public() {
    for closed in CLOSED.split(' ') {
        assert!(!is_public(closed.parse().unwrap()), "{closed}");
    }
    for open in OPEN.split(' ') {
        assert!(is_public(open.parse().unwrap()), "{open}");
    }
}

/// One or more of each special range, the edges above all.
const CLOSED: &str = "\
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 \
    127.0.0.1 127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 \
    172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 \
    198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 \
    255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 \
    ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 \
    2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 3fff::1 \
    4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 ffff::1";

/// Their neighbours.
const OPEN: &str = "\
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 \
    128.0.0.1 168.63.129.15 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 \
    192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 ::ffff:8.8.8.8 \
    2001:200::1 2001:4860:4860::8888 2003::1 2606:4700::1111 3ffe::1";

#[test]
fn urls_are_checked_however_the_address_is_written() {
    let strict = Reach::default();
    for (url, reason) in [
        ("", UrlError::NotAUrl),
        ("/hook", UrlError::NotAUrl),
        ("https://", UrlError::NotAUrl),
        ("https://exa mple.org/", UrlError::NotAUrl),
        ("http://example.org/", UrlError::NotHttps),
        ("ftp://example.org/", UrlError::NotHttps),
        ("file:///etc/passwd", UrlError::NotHttps),
        ("gopher://example.org/", UrlError::NotHttps),
        ("https://user@example.org/", UrlError::HoldsUser),
        ("https://user:pass@example.org/", UrlError::HoldsUser),
        ("https://:pass@example.org/", UrlError::HoldsUser),
        ("https://127.0.0.1/", UrlError::NotPublic),
        ("https://127.1/", UrlError::NotPublic),
        ("https://0x7f.1/", UrlError::NotPublic),
        ("https://0177.0.0.1/", UrlError::NotPublic),
        ("https://2130706433/", UrlError::NotPublic),
        ("https://１２７.0.0.1/", UrlError::NotPublic),
        ("https://0/", UrlError::NotPublic),
        ("https://[::1]:8443/", UrlError::NotPublic),
        ("https://[::ffff:10.0.0.1]/", UrlError::NotPublic),
        ("https://[fd00:ec2::254]/latest", UrlError::NotPublic),
        ("https://169.254.169.254/latest/meta-data/", UrlError::NotPublic),
    ] {
        assert_eq!(check_url(url, &strict), Err(reason), "{url}");
    }
    let long = format!("https://example.org/{}", "a".repeat(2048));
    assert_eq!(check_url(&long, &strict), Err(UrlError::NotAUrl));
    for url in ["https://example.org/hook?a=b", "https://8.8.8.8:8443/", "HTTPS://bücher.example/"]
    {
        assert!(check_url(url, &strict).is_ok(), "{url}");
    }
}

#[test]
fn what_the_operator_allows_is_reached_and_nothing_beside_it() {
    let allowed = vec!["10.1.0.0/16".parse().unwrap(), "fd12::/16".parse().unwrap()];
    let some = Reach { allowed, ..Reach::default() };
    for (url, expected) in [
        ("https://10.1.2.3/", true),
        ("https://[::ffff:10.1.2.3]/", true),
        ("https://[fd12::1]/", true),
        ("https://8.8.8.8/", true),
        ("https://10.2.0.1/", false),
        ("https://127.0.0.1/", false),
        ("https://[fd13::1]/", false),
    ] {
        assert_eq!(check_url(url, &some).is_ok(), expected, "{url}");
    }
    let open = Reach { allow_http: true, allow_private: true, allowed: Vec::new() };
    assert!(check_url("http://127.0.0.1:9/", &open).is_ok());
    assert_eq!(check_url("file:///etc/passwd", &open), Err(UrlError::NotHttps));
}
