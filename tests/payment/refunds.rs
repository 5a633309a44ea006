//! How the money of a refund stands is looked up: asked again with its key, Stripe repeats its first answer.

use onsale::providers::payment::{PaymentProvider, RefundState};

use crate::stripe_stand_in::Fault;
use crate::{assert_not_done, assert_unknown, both, charge, refund};

#[tokio::test]
async fn a_refund_under_way_is_told_apart_from_its_end_by_looking_it_up() {
    let (stand_in, stripe) = both().await;
    for (booking, succeeds) in [("b1", true), ("b2", false)] {
        let token = format!("pm_card_pendingRefund-{booking}");
        let report = stripe.charge(&charge(booking, &token)).await.expect("taken");
        let refund = refund(&charge(booking, &token), &report.provider_id);
        assert_eq!(stripe.look_up_refund(&refund).await, Ok(None), "none was made yet");
        assert_eq!(stripe.refund(&refund).await, Ok(RefundState::Pending));
        assert_eq!(stripe.look_up_refund(&refund).await, Ok(Some(RefundState::Pending)));
        stand_in.settle_refund(&token, succeeds);
        assert_eq!(stripe.refund(&refund).await, Ok(RefundState::Pending), "the first answer");
        let end = match succeeds {
            true => RefundState::Succeeded,
            false => RefundState::Failed { reason: "lost_or_stolen_card".to_owned() },
        };
        assert_eq!(stripe.look_up_refund(&refund).await, Ok(Some(end)));
        assert_eq!(stand_in.times_refunded(&token), 1, "looking up gives nothing back");
    }
    let never = refund(&charge("b3", "pm_card_visa"), "pi_77");
    assert_eq!(stripe.look_up_refund(&never).await, Ok(None));
    assert_eq!(stand_in.complaints(), [""; 0]);
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_found_if_it_was_made() {
    let (stand_in, stripe) = both().await;
    for (booking, fault, found) in [
        ("b1", Fault::HangAfter, Some(RefundState::Succeeded)),
        ("b2", Fault::StoredErrorAfter, Some(RefundState::Succeeded)),
        ("b3", Fault::HangBefore, None),
    ] {
        let report = stripe.charge(&charge(booking, "pm_card_visa")).await.expect("taken");
        let refund = refund(&charge(booking, "pm_card_visa"), &report.provider_id);
        stand_in.script([fault]);
        assert_unknown(&stripe.refund(&refund).await);
        assert_eq!(stripe.look_up_refund(&refund).await, Ok(found), "{fault:?}");
    }
    assert_eq!(stand_in.complaints(), [""; 0]);
}

#[tokio::test]
async fn a_look_up_that_is_not_answered_tells_nothing() {
    let (stand_in, _) = both().await;
    let stripe = crate::stripe("http://127.0.0.1:1");
    let refund = refund(&charge("b1", "pm_card_visa"), "pi_1");
    assert_not_done(&stripe.look_up_refund(&refund).await);
    assert_eq!(stand_in.calls(), 0);
}
