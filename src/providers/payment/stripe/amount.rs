//! Amounts as Stripe counts them: minor units of ISO 4217 as ours, but for four kinds of currencies. Getting
//! one wrong takes a hundred times too much, so each is spelled out.
//! Source: <https://docs.stripe.com/currencies>, "zero-decimal", "special cases", "three-decimal".

use crate::domain::money::Money;

/// The amount to send, or `None` when Stripe cannot take exactly this much.
pub(super) fn to_stripe(money: Money) -> Option<u64> {
    match money.currency.as_str() {
        // No minor unit in ISO 4217; Stripe wants two zeros, for old clients.
        "ISK" | "UGX" => money.amount.checked_mul(100),
        // Two digits in ISO 4217, none at Stripe: there is no coin for them.
        "MGA" => whole(money.amount, 100).map(|amount| amount / 100),
        // Three digits, of which the last must be zero.
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => whole(money.amount, 10),
        _ => Some(money.amount),
    }
}

fn whole(amount: u64, of: u64) -> Option<u64> {
    amount.is_multiple_of(of).then_some(amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    #[test]
    fn an_amount_means_the_same_money_on_both_sides() {
        for (currency, ours, theirs) in [
            ("EUR", 4_500, Some(4_500)),
            ("JPY", 4_500, Some(4_500)),
            ("ISK", 4_500, Some(450_000)),
            ("UGX", u64::MAX, None),
            ("MGA", 450_000, Some(4_500)),
            ("MGA", 450_020, None),
            ("KWD", 4_500, Some(4_500)),
            ("KWD", 4_505, None),
        ] {
            let currency = Currency::parse(currency).expect("three letters");
            assert_eq!(to_stripe(Money { amount: ours, currency }), theirs, "{currency:?}");
        }
    }
}
