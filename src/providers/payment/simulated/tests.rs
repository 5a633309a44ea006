//! The simulation's promises: one end for each key whatever happens, money once, webhooks as unruly as
//! they are told to be.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::domain::money::Money;
use crate::providers::payment::{Reference, WebhookMeaning};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const SECRET: &str = "whsec_simulated";

fn eur(amount: u64) -> Money {
    Money { amount, currency: currency() }
}

fn currency() -> Currency {
    Currency::parse("EUR").expect("three letters")
}

fn wild() -> SimulatedOptions {
    SimulatedOptions {
        declines_permille: 200,
        timeouts_permille: 300,
        asyncs_permille: 300,
        duplicates_permille: 300,
        late_permille: 300,
        ..SimulatedOptions::reliable(7, SECRET)
    }
}

fn start(options: SimulatedOptions) -> (Simulated, mpsc::Receiver<RawWebhook>) {
    Simulated::new(options, || NOW).expect("good options")
}

fn charge(booking: &str, token: &str) -> Charge {
    let reference =
        Reference { event: "concert-a".to_owned(), booking: booking.to_owned(), attempt: 1 };
    let (key, token) = (format!("charge-{booking}-1"), token.to_owned());
    Charge { key, reference, amount: eur(4_500), method: "card".to_owned(), token }
}

fn refund(charge: &Charge, provider_id: &str) -> Refund {
    let (reference, amount) = (charge.reference.clone(), charge.amount);
    let key = format!("refund-{}", charge.reference.booking);
    Refund { key, reference, provider_id: provider_id.to_owned(), amount }
}

/// Asks until there is an answer that is final.
async fn persist(provider: &Simulated, charge: &Charge) -> ChargeReport {
    for _ in 0..10 {
        match provider.charge(charge).await {
            Ok(ChargeReport { state: ChargeState::Processing, .. }) => {
                tokio::time::sleep(provider.shared.options.settles_after).await;
            }
            Ok(report) => return report,
            Err(ProviderError::Unknown { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no end of {}", charge.key);
}

fn declined(reason: &str) -> ChargeState {
    ChargeState::Declined { reason: reason.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn each_token_does_what_its_row_says() {
    let (provider, _webhooks) = start(wild());
    let lost = None;
    let said = |first: Option<ChargeState>, last: ChargeState| (first, last);
    let succeeded = || ChargeState::Succeeded;
    let expected = [
        ("tok_visa", said(Some(succeeded()), succeeded())),
        ("tok_declined", said(Some(declined("card_declined")), declined("card_declined"))),
        (
            "tok_insufficient_funds",
            said(Some(declined("insufficient_funds")), declined("insufficient_funds")),
        ),
        ("tok_timeout", said(lost.clone(), succeeded())),
        ("tok_timeout_lost", said(lost.clone(), succeeded())),
        ("tok_timeout_declined", said(lost, declined("card_declined"))),
        ("tok_processing", said(Some(ChargeState::Processing), succeeded())),
        ("tok_processing_declined", said(Some(ChargeState::Processing), declined("card_declined"))),
        ("tok_duplicate", said(Some(succeeded()), succeeded())),
        ("tok_late", said(Some(succeeded()), succeeded())),
        ("tok_refund_fails", said(Some(succeeded()), succeeded())),
    ];
    assert_eq!(expected.len(), TOKENS.len());
    for ((token, (first, last)), (listed, _)) in expected.into_iter().zip(TOKENS) {
        assert_eq!(token, *listed);
        // Whatever the rates would say: several keys.
        for number in 0..20 {
            let charge = charge(&format!("b{number}-{token}"), token);
            let heard = provider.charge(&charge).await.ok().map(|report| report.state);
            assert_eq!(heard, first, "{token}");
            assert_eq!(persist(&provider, &charge).await.state, last, "{token}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_ends_the_same_before_and_after_restarts_and_by_look_up() {
    let charges: Vec<Charge> = (0..300).map(|n| charge(&format!("b{n}"), "tok_any")).collect();
    let (first, _webhooks) = start(wild());
    let mut ends = BTreeSet::new();
    for charge in &charges {
        let report = persist(&first, charge).await;
        assert_eq!(first.look_up(charge, None).await, Ok(Some(report.clone())));
        assert_eq!(persist(&first, charge).await, report, "asked again");
        let (second, _webhooks) = start(wild());
        assert_eq!(persist(&second, charge).await, report, "asked after a restart");
        let (third, _webhooks) = start(wild());
        let id = Some(report.provider_id.as_str());
        assert_eq!(third.look_up(charge, id).await, Ok(Some(report.clone())), "looked up after it");
        assert_eq!(third.charge(charge).await, Ok(report.clone()), "and asked");
        ends.insert(format!("{:?}", report.state));
    }
    assert_eq!(ends.len(), 2, "both ends were met: {ends:?}");
}

#[tokio::test(start_paused = true)]
async fn money_is_taken_once_per_key_however_often_and_at_whatever_moment_it_is_asked() {
    let (provider, _webhooks) = start(wild());
    let charges: Vec<Charge> = (0..300).map(|n| charge(&format!("b{n}"), "tok_any")).collect();
    let mut taken = 0;
    for charge in &charges {
        // A caller that gives up at any moment leaves it as a lost answer would.
        for patience_ms in [0, 30, 90, 5_050] {
            let call = provider.charge(charge);
            drop(tokio::time::timeout(Duration::from_millis(patience_ms), call).await);
        }
        let (one, two) = tokio::join!(provider.charge(charge), provider.charge(charge));
        drop((one, two));
        let is_taken = persist(&provider, charge).await.state == ChargeState::Succeeded;
        taken += u64::from(is_taken);
    }
    let expected =
        Balance { captured: u128::from(taken * 4_500), captures: taken, ..Balance::default() };
    assert_eq!(provider.balance(currency()), expected);
    assert!((1..300).contains(&taken));
}

#[tokio::test(start_paused = true)]
async fn a_lost_question_is_none_until_it_is_asked_again() {
    let (provider, _webhooks) = start(SimulatedOptions::reliable(7, SECRET));
    let lost = charge("b1", "tok_timeout_lost");
    assert_eq!(provider.charge(&lost).await, Err(ProviderError::unknown("time-out")));
    assert_eq!(provider.look_up(&lost, None).await, Ok(None));
    assert_eq!(provider.balance(currency()).captures, 0);
    let report = provider.charge(&lost).await.expect("the second time");
    assert_eq!(report.state, ChargeState::Succeeded);
    assert_eq!(provider.look_up(&lost, None).await, Ok(Some(report)));
    let done = charge("b2", "tok_timeout");
    assert_eq!(provider.charge(&done).await, Err(ProviderError::unknown("time-out")));
    assert_eq!(provider.balance(currency()).captures, 2, "taken, and nobody heard of it");
    let heard = provider.look_up(&done, None).await.expect("an answer").expect("known");
    assert_eq!(heard.state, ChargeState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_came_before_with_something_else_is_refused() {
    let (provider, _webhooks) = start(SimulatedOptions::reliable(7, SECRET));
    let first = charge("b1", "tok_visa");
    let report = provider.charge(&first).await.expect("taken");
    let other_amount = Charge { amount: eur(1), ..first.clone() };
    let other_token = Charge { token: "tok_other".to_owned(), ..first.clone() };
    for other in [&other_amount, &other_token] {
        let refused = provider.charge(other).await;
        assert!(matches!(refused, Err(ProviderError::Unknown { .. })), "{refused:?}");
        let refused = provider.look_up(other, None).await;
        assert!(matches!(refused, Err(ProviderError::Unknown { .. })), "{refused:?}");
    }
    assert_eq!(provider.look_up(&first, Some("sim_other")).await, Ok(None));
    let back = refund(&first, &report.provider_id);
    assert_eq!(provider.refund(&back).await, Ok(RefundState::Succeeded));
    let refused = provider.refund(&Refund { amount: eur(1), ..back }).await;
    assert!(matches!(refused, Err(ProviderError::Unknown { .. })), "{refused:?}");
    assert_eq!(provider.balance(currency()).captured, 4_500);
}

#[tokio::test(start_paused = true)]
async fn a_refund_is_made_once_per_key_and_never_more_than_was_taken() {
    let (provider, _webhooks) = start(wild());
    let mut given_back = 0;
    for number in 0..200 {
        let charge = charge(&format!("b{number}"), "tok_any");
        let report = persist(&provider, &charge).await;
        let back = refund(&charge, &report.provider_id);
        let mut state = Err(ProviderError::unknown("not asked yet"));
        for _ in 0..10 {
            state = provider.refund(&back).await;
            match &state {
                Ok(RefundState::Pending) => tokio::time::sleep(Duration::from_secs(3)).await,
                Ok(_) => break,
                Err(_) => {}
            }
        }
        if report.state == ChargeState::Succeeded {
            assert_eq!(state, Ok(RefundState::Succeeded));
            given_back += 1;
        } else {
            let reason = "charge_not_captured".to_owned();
            assert_eq!(state, Ok(RefundState::Failed { reason }));
        }
        assert_eq!(provider.refund(&back).await, state, "again");
        assert_eq!(provider.look_up_refund(&back).await, state.map(Some), "looked up");
        let more = Refund { key: format!("more-{number}"), ..back };
        let more = persist_refund(&provider, &more).await;
        assert!(matches!(more, RefundState::Failed { .. }), "{more:?}");
    }
    let balance = provider.balance(currency());
    assert_eq!((balance.refunds, balance.captures), (given_back, given_back));
    assert_eq!(balance.captured, balance.refunded);
}

async fn persist_refund(provider: &Simulated, refund: &Refund) -> RefundState {
    match provider.refund(refund).await {
        Ok(state) => state,
        Err(_) => provider.refund(refund).await.expect("the second time"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_refund_that_fails_does_so_after_a_restart_too() {
    let (provider, _webhooks) = start(SimulatedOptions::reliable(7, SECRET));
    let bad = charge("b1", "tok_refund_fails");
    let bad_id = provider.charge(&bad).await.expect("taken").provider_id;
    let good = charge("b2", "tok_visa");
    let good_id = provider.charge(&good).await.expect("taken").provider_id;
    let (restarted, _webhooks) = start(SimulatedOptions::reliable(7, SECRET));
    for provider in [&provider, &restarted] {
        let failed = RefundState::Failed { reason: "lost_or_stolen_card".to_owned() };
        assert_eq!(provider.refund(&refund(&bad, &bad_id)).await, Ok(failed));
        let done = provider.refund(&refund(&good, &good_id)).await;
        assert_eq!(done, Ok(RefundState::Succeeded));
        let nobody = RefundState::Failed { reason: "no_such_charge".to_owned() };
        assert_eq!(provider.refund(&refund(&good, "pi_1")).await, Ok(nobody));
    }
}

#[tokio::test(start_paused = true)]
async fn webhooks_pass_the_same_door_and_end_where_the_charge_ends() {
    let (provider, mut webhooks) = start(wild());
    let (mut ids, mut events, mut early) = (BTreeSet::new(), 0, 0);
    for number in 0..200 {
        let charge = charge(&format!("b{number}"), "tok_any");
        let report = persist(&provider, &charge).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let mut states = Vec::new();
        while let Ok(RawWebhook { headers, body }) = webhooks.try_recv() {
            let event = provider.webhook(&headers, &body, NOW).expect("believed");
            let WebhookMeaning::Charge { reference, report: told } = event.meaning else {
                panic!("{event:?}");
            };
            assert_eq!((&reference, &told.provider_id), (&charge.reference, &report.provider_id));
            if told.state != ChargeState::Processing {
                assert_eq!(told.state, report.state);
            }
            states.push(told.state);
            ids.insert(event.id);
            events += 1;
        }
        assert!(states.contains(&report.state), "{states:?}");
        early += usize::from(states.last() == Some(&ChargeState::Processing));
    }
    assert!(ids.len() < events, "some came twice");
    assert!(0 < early, "some came out of order");
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_not_signed_changed_or_old_is_refused() {
    let (provider, mut webhooks) = start(SimulatedOptions::reliable(7, SECRET));
    provider.charge(&charge("b1", "tok_visa")).await.expect("taken");
    let RawWebhook { headers, body } = webhooks.recv().await.expect("a webhook");
    let hear = |headers: &HeaderMap, body: &[u8], now| provider.webhook(headers, body, now);
    assert!(hear(&headers, &body, NOW).is_ok());
    let none = HeaderMap::new();
    assert_eq!(hear(&none, &body, NOW), Err(WebhookError::MissingSignature));
    let changed = String::from_utf8_lossy(&body).replace("b1", "b2");
    assert_eq!(hear(&headers, changed.as_bytes(), NOW), Err(WebhookError::BadSignature));
    let later = UnixMillis(NOW.0 + 301_000);
    assert_eq!(hear(&headers, &body, later), Err(WebhookError::Stale));
    let other = SimulatedOptions::reliable(7, "another secret");
    let (other, _webhooks) = start(other);
    assert_eq!(other.webhook(&headers, &body, NOW), Err(WebhookError::BadSignature));
}

#[tokio::test(start_paused = true)]
async fn nothing_that_it_keeps_grows_without_bound() {
    let options = SimulatedOptions {
        charges_max: 10,
        webhooks_max: 5,
        ..SimulatedOptions::reliable(7, SECRET)
    };
    let (provider, mut webhooks) = start(options);
    for number in 0..50 {
        provider.charge(&charge(&format!("b{number}"), "tok_visa")).await.expect("taken");
    }
    assert_eq!(provider.shared.ledger().len(), 10);
    assert_eq!(provider.webhooks_lost(), 45);
    let mut waiting = 0;
    while webhooks.try_recv().is_ok() {
        waiting += 1;
    }
    assert_eq!(waiting, 5);
    let first = provider.look_up(&charge("b0", "tok_visa"), None).await.expect("an answer");
    assert!(first.is_some(), "forgotten, and still so");
    for number in 0..TIMERS_MAX + 10 {
        provider.shared.later(Duration::from_secs(1), |_| {});
        assert!(provider.shared.timers.load(Ordering::Relaxed) <= TIMERS_MAX, "{number}");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(provider.shared.timers.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_charge_that_ended_while_it_was_under_way_is_not_taken_again() {
    // It is forgotten, for there is room for one only, and looked up before its time has come.
    let options = SimulatedOptions { charges_max: 1, ..SimulatedOptions::reliable(7, SECRET) };
    let (provider, _webhooks) = start(options);
    let slow = charge("b1", "tok_processing");
    let first = provider.charge(&slow).await.expect("an answer");
    assert_eq!(first.state, ChargeState::Processing);
    provider.charge(&charge("b2", "tok_visa")).await.expect("taken");
    let found = provider.look_up(&slow, None).await.expect("an answer").expect("known");
    assert_eq!(found.state, ChargeState::Succeeded);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(provider.balance(currency()).captures, 2);
}

#[test]
fn options_that_make_no_sense_are_refused_with_their_name() {
    let fine = SimulatedOptions::reliable(7, SECRET);
    let bad = [
        ("declines_permille", SimulatedOptions { declines_permille: 1_001, ..fine.clone() }),
        ("timeouts_permille", SimulatedOptions { timeouts_permille: 1_001, ..fine.clone() }),
        ("latency_min", SimulatedOptions { latency_max: Duration::ZERO, ..fine.clone() }),
        ("webhook_secret", SimulatedOptions { webhook_secret: Vec::new(), ..fine.clone() }),
        ("webhooks_max", SimulatedOptions { webhooks_max: 0, ..fine.clone() }),
        ("charges_max", SimulatedOptions { charges_max: 0, ..fine.clone() }),
    ];
    for (field, options) in bad {
        let error = Simulated::new(options, || NOW).err().expect(field);
        assert_eq!(error.field, field);
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

#[test]
fn rates_are_met() {
    let options = wild();
    let plans: Vec<Plan> =
        (0..10_000).map(|n| Plan::of_key(&options, &format!("key-{n}"))).collect();
    let share = |test: fn(&Plan) -> bool| plans.iter().filter(|plan| test(plan)).count() / 100;
    assert!((18..=22).contains(&share(|plan| plan.decline.is_some())));
    assert!((28..=32).contains(&share(|plan| plan.timeout.is_some())));
    assert!((13..=17).contains(&share(|plan| plan.timeout == Some(plan::Timeout::AfterDoing))));
    assert!((28..=32).contains(&share(|plan| plan.is_async)));
    let latencies = plans.iter().map(|plan| plan.latency);
    assert!(latencies.clone().all(|l| (options.latency_min..=options.latency_max).contains(&l)));
    assert!(1_000 < latencies.collect::<BTreeSet<_>>().len(), "spread");
}
