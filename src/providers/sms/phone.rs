//! Which phone numbers are taken: E.164, the form that means the same everywhere.

use std::fmt;

/// A number in E.164: `+`, country code, number; 7 to 15 digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a phone number with its country code, such as +4915112345678: a plus and 7 to 15 digits"
)]
pub struct PhoneError;

/// A number that can be called from anywhere. Blanks, hyphens, dots and brackets, as people write them,
/// are left out; a number without its country code is not guessed at.
///
/// # Errors
/// Tell the sender. Whether the number is given to anybody only the network knows.
pub fn check_phone(text: &str) -> Result<Phone, PhoneError> {
    if BYTES_MAX < text.len() {
        return Err(PhoneError);
    }
    let digits = text.strip_prefix('+').ok_or(PhoneError)?;
    let digits: String =
        digits.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    // No country code begins with 0: "+0170..." is a local number with a plus before it.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if is_number && (7..=15).contains(&digits.len()) {
        Ok(Phone(format!("+{digits}")))
    } else {
        Err(PhoneError)
    }
}

/// Digits and what people put between them.
const BYTES_MAX: usize = 40;

impl Phone {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_country_code_are_taken_as_people_write_them() {
        for (text, kept) in [
            ("+4915112345678", "+4915112345678"),
            ("+49 (151) 1234-5678", "+4915112345678"),
            ("+1.202.555.0143", "+12025550143"),
            ("+6834000", "+6834000"),
            ("+123456789012345", "+123456789012345"),
        ] {
            let phone = check_phone(text).unwrap();
            assert_eq!(phone.as_str(), kept);
            assert_eq!(check_phone(phone.as_str()), Ok(phone));
        }
    }

    #[test]
    fn what_is_not_e164_is_refused() {
        let long = format!("+{}", "1".repeat(1 << 20));
        for text in [
            "",
            "+",
            "015112345678",
            "004915112345678",
            "+015112345678",
            "+123456",
            "+1234567890123456",
            "+49151x234567",
            "+49１５１２３４５６７",
            "++4915112345678",
            "+4915112345678\r\n",
            "+4915112345678;ext=1",
            " +4915112345678",
            &long,
        ] {
            assert_eq!(check_phone(text), Err(PhoneError), "{text:?}");
        }
    }
}
