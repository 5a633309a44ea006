//! What every measurement needs: servers of its own, load, the machine's counters, books, a report.

pub mod books;
pub mod curves;
pub mod each;
pub mod figures;
pub mod limits;
pub mod load;
pub mod machine;
pub mod page;
pub mod process;
pub mod programs;
pub mod report;
pub mod spread;
