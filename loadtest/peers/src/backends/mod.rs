//! The ways.

mod echo;
#[cfg(feature = "etcd")]
mod etcd;
mod memory;
pub mod postgres;
pub mod redis;

pub use echo::Echo;
#[cfg(feature = "etcd")]
pub use etcd::EtcdLock;
pub use memory::Memory;
