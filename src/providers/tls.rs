//! Whom we trust when we speak TLS: the system's roots, and those of a file for private authorities.
//! rustls with ring, named here and not installed for the process, so that a library that brings another
//! provider changes nothing for us.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::send::OptionError;

/// The system's roots and those in `roots_file` (PEM, one or more certificates).
///
/// # Errors
/// The file cannot be read or holds no usable certificate. A system without roots is no error, only a
/// warning in the log: who needs none need not have any.
pub fn roots(roots_file: Option<&Path>) -> Result<RootCertStore, OptionError> {
    let mut store = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    let (taken, _) = store.add_parsable_certificates(system.certs);
    if taken == 0 {
        tracing::warn!("this system has no trusted root certificates (package ca-certificates)");
    }
    if let Some(path) = roots_file {
        for certificate in read(path)? {
            let refused = |e: rustls::Error| refuse(path, e.to_string());
            store.add(certificate).map_err(refused)?;
        }
    }
    Ok(store)
}

/// The certificates of a PEM file; at least one.
pub(super) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, OptionError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match found {
        Err(error) => Err(refuse(path, error.to_string())),
        Ok(found) if found.is_empty() => Err(refuse(path, "holds no certificate")),
        Ok(found) => Ok(found),
    }
}

fn refuse(path: &Path, reason: impl Into<String>) -> OptionError {
    OptionError::new("roots_file", path.display().to_string(), reason)
}

/// A client that believes exactly these roots; TLS 1.2 and 1.3.
#[must_use]
pub fn client_config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roots.pem");
        assert_eq!(roots(Some(&path)).unwrap_err().field, "roots_file");
        std::fs::write(&path, "not a certificate\n").unwrap();
        let refused = roots(Some(&path)).unwrap_err();
        assert_eq!(refused.reason, "holds no certificate");
        assert!(refused.to_string().contains("roots.pem"), "{refused}");
    }
}
