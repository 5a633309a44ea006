//! What can be played through.

pub mod flash_sale;
