//! Waiting rooms in a whole engine, without HTTP: nothing is told before it is durable, a failed host comes
//! back with all it promised, and never are more fans let in than may shop.

mod child;
mod durable;
mod kills;
mod law;
mod replaced;
mod wake;
mod world;
