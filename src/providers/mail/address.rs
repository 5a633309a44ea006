//! Which addresses are taken. Stricter than RFC 5321: quoted local parts, comments, literals and lists
//! are legal there, meet nobody's real address, and are how headers and further receivers are smuggled in.

use std::fmt;

/// One mailbox. The domain is kept in its ASCII form (`xn--...`); the local part may have letters outside
/// of ASCII (RFC 6531), which only servers with SMTPUTF8 can deliver.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(lettre::Address);

/// Why a text is not taken as an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("must have exactly one @, with something before and after it")]
    NotOneAt,
    #[error("must have at most 64 bytes before the @ and 254 in all")]
    TooLong,
    #[error(
        "has a character that is not taken before the @ (letters, digits, . and !#$%&'*+/=?^_`{{|}}~-)"
    )]
    BadLocalPart,
    #[error("has a dot at the begin or end of the part before the @, or two in a row")]
    BadDots,
    #[error("must have a domain name with a dot after the @, such as example.org")]
    BadDomain,
}

/// An address that can be written into a mail.
///
/// # Errors
/// Tell the sender; the text says which rule was broken.
pub fn check_address(text: &str) -> Result<Address, AddressError> {
    // Before any work that grows with the text.
    if BYTES_MAX < text.len() {
        return Err(AddressError::TooLong);
    }
    let (local, domain) = text.split_once('@').ok_or(AddressError::NotOneAt)?;
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return Err(AddressError::NotOneAt);
    }
    if !local.chars().all(is_taken) {
        return Err(AddressError::BadLocalPart);
    }
    if local.split('.').any(str::is_empty) {
        return Err(AddressError::BadDots);
    }
    let domain = check_domain(domain)?;
    if LOCAL_BYTES_MAX < local.len() || BYTES_MAX < local.len() + 1 + domain.len() {
        return Err(AddressError::TooLong);
    }
    let address = lettre::Address::new(local, domain).map_err(|_| AddressError::BadLocalPart)?;
    Ok(Address(address))
}

/// RFC 5321, 4.5.3.1, and its erratum 1690: a path has 256 bytes with its angle brackets.
const BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;

/// Characters of a local part: RFC 5322's `atext`, the dot, and beyond ASCII what can be seen.
fn is_taken(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    }
    // Marks that show nothing or turn the direction make two addresses look like one.
    let invisible = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}');
    !c.is_control() && !c.is_whitespace() && !invisible
}

fn check_domain(domain: &str) -> Result<String, AddressError> {
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| AddressError::BadDomain)?;
    let (_, last) = ascii.rsplit_once('.').ok_or(AddressError::BadDomain)?;
    // No top-level domain is a number: such a text is an IP address. An empty one is a dot at the end.
    let is_name = last.bytes().any(|byte| byte.is_ascii_alphabetic());
    if is_name { Ok(ascii) } else { Err(AddressError::BadDomain) }
}

impl Address {
    /// The whole address, for storing; [`check_address`] takes it again.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// The part after the @, in ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.domain()
    }

    pub(super) fn as_lettre(&self) -> &lettre::Address {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::AddressError::*;
    use super::*;

    #[test]
    fn real_addresses_are_taken_and_read_again() {
        for (text, kept) in [
            ("a@example.org", "a@example.org"),
            ("Fan.Nr-1+tag@Example.ORG", "Fan.Nr-1+tag@example.org"),
            ("o'hara_#!$%&*/=?^`{|}~@example.co.uk", "o'hara_#!$%&*/=?^`{|}~@example.co.uk"),
            ("info@münchen.example", "info@xn--mnchen-3ya.example"),
            ("info@例え.テスト", "info@xn--r8jz45g.xn--zckzah"),
            ("jörg@example.org", "jörg@example.org"),
            ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v"),
            ("अजय@डाटा.भारत", "अजय@xn--c2bd1gb.xn--h2brj9c"),
        ] {
            let address = check_address(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(address.as_str(), kept);
            assert_eq!(check_address(address.as_str()).unwrap(), address);
        }
    }

    #[test]
    fn what_is_not_one_plain_mailbox_is_refused() {
        for (text, reason) in [
            ("", NotOneAt),
            ("a", NotOneAt),
            ("@example.org", NotOneAt),
            ("a@", NotOneAt),
            ("a@b@example.org", NotOneAt),
            ("a@example.org,b@example.org", NotOneAt),
            ("a@example.org\r\nBcc: b@example.org", NotOneAt),
            ("a\r\nBcc:b@example.org", BadLocalPart),
            ("a\n@example.org", BadLocalPart),
            ("a\0@example.org", BadLocalPart),
            ("a b@example.org", BadLocalPart),
            ("\"a b\"@example.org", BadLocalPart),
            ("A <a@example.org>", BadLocalPart),
            ("a(comment)@example.org", BadLocalPart),
            ("a;b@example.org", BadLocalPart),
            ("a\u{202e}gro@example.org", BadLocalPart),
            ("a\u{a0}b@example.org", BadLocalPart),
            (".a@example.org", BadDots),
            ("a.@example.org", BadDots),
            ("a..b@example.org", BadDots),
            ("a@localhost", BadDomain),
            ("a@127.0.0.1", BadDomain),
            ("a@[127.0.0.1]", BadDomain),
            ("a@example.org\r\nX: y", BadDomain),
            ("a@example.org ", BadDomain),
            ("a@example.org>", BadDomain),
            ("a@example..org", BadDomain),
            ("a@.example.org", BadDomain),
            ("a@example.org.", BadDomain),
            ("a@-example.org", BadDomain),
            ("a@exa_mple.org", BadDomain),
        ] {
            assert_eq!(check_address(text), Err(reason), "{text:?}");
        }
    }

    #[test]
    fn lengths_are_bounded_as_they_go_over_the_wire() {
        let longest = format!("{}@example.org", "a".repeat(64));
        assert!(check_address(&longest).is_ok());
        assert_eq!(check_address(&format!("a{longest}")), Err(TooLong));
        let label = "b".repeat(61);
        let domain = format!("{label}.{label}.{label}.org");
        assert!(check_address(&format!("{}@{domain}", "a".repeat(63))).is_ok());
        assert_eq!(check_address(&format!("{}@{domain}", "a".repeat(65))), Err(TooLong));
        assert_eq!(check_address(&"a".repeat(1 << 20)), Err(TooLong));
    }
}
