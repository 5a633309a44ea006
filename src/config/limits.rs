//! How often one may ask, when nobody has changed it since.

use ipnet::IpNet;

use super::bounds::{networks, number, quoted, within};
use super::error::Unfit;
use super::raw::RawLimits;
use crate::domain::limits::Policies;

/// See the module.
#[derive(Debug, Clone)]
pub struct LimitConfig {
    pub policies: Policies,
    /// Networks that are never limited.
    pub exempt: Vec<IpNet>,
    /// Addresses that are counted at the same time, and as many customers, 1,000 to 100,000,000.
    pub cells_max: usize,
}

impl TryFrom<RawLimits> for LimitConfig {
    type Error = Unfit;

    fn try_from(raw: RawLimits) -> Result<Self, Unfit> {
        let policies = Policies::parse(&raw.policies);
        Ok(Self {
            policies: policies.map_err(|error| {
                Unfit::new("limits.policies", quoted(error.policy), error.reason)
            })?,
            exempt: networks("limits.exempt", &raw.exempt)?,
            cells_max: within("limits.cells_max", raw.cells_max, 1_000..=100_000_000, number)?,
        })
    }
}
