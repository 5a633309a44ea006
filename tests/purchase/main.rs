//! The purchase end to end: the real server as a process of its own, which may die, against a stand-in for
//! the payment provider in this process, which remembers what it took from which card.

#[path = "../support/smtp_script.rs"]
mod smtp_script;
#[path = "../support/stripe/mod.rs"]
mod stripe_stand_in;
#[path = "../support/mod.rs"]
mod support;

mod absent;
mod announced;
mod bad_input;
mod buyers;
mod crashes;
mod dead_letters;
mod gateway;
mod late;
mod organizer;
mod payments;
mod refunds;
mod rush;
mod shop;
mod short_messages;
mod webhooks;
mod whole;
