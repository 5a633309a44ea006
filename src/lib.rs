//! The engine for the moment tickets go on sale. Modules in reading order.

pub mod actors; // who does the work
pub mod app; // joins the parts
pub mod clock; // the only reader of the system clock
pub mod config; // settings, checked
pub mod documents; // what a buyer gets to see: tickets, mails
pub mod domain; // the rules, pure
pub mod faults; // planted bugs for the tests
pub mod http; // the edge
pub mod metrics; // what is measured
pub mod providers; // services we do not own
pub mod storage; // what is kept, and how it survives
pub mod telemetry; // logs
pub mod verify; // looks at a data directory
pub mod verify_draw; // looks at a published draw
