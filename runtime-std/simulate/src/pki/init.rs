//! Making a PKI directory, or completing one.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use estreamer_mio::tls::{AltName, CertificateFacts, Pkcs12Encryption};
use rcgen::{KeyPair, SanType};

use super::files::{certificates, issuer, read_text, write_all};
use super::{
    DEFAULT_CLIENT, DEFAULT_PASSWORD, IssuedIdentity, Mode, Pki, PkiError, archive, client_params,
    issue, server_params,
};

/// A name of the server in its certificate (subject alternative name).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerName {
    /// A host name; its first label may be `*`.
    Host(String),
    /// An address.
    Address(IpAddr),
}

/// What [`init`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Initialised {
    /// The files it made.
    pub made: Vec<&'static str>,
    /// The files that were there and stay as they are.
    pub kept: Vec<&'static str>,
}

/// Keys with their certificates.
const PAIRS: [(&str, &str); 3] = [
    ("ca.key", "ca.pem"),
    ("server.key", "server.pem"),
    ("client.key", "client.pem"),
];
/// What else holds the client, with its password and ciphers.
const ARCHIVES: [(&str, &str, Pkcs12Encryption); 3] = [
    ("client.p12", DEFAULT_PASSWORD, Pkcs12Encryption::Aes256),
    (
        "client-legacy.p12",
        DEFAULT_PASSWORD,
        Pkcs12Encryption::Legacy,
    ),
    ("client-nopassword.p12", "", Pkcs12Encryption::Aes256),
];

/// Makes whatever files of a PKI `dir` lacks, see [`Pki::write_to`]. What is there
/// stays as it is. The server's certificate carries `names`.
///
/// # Errors
/// [`PkiError::Incomplete`] where a file is missing that cannot be made anew
/// without another; [`PkiError::ServerName`] where a certificate that stays lacks a
/// name. Nothing is written then.
pub fn init(dir: &Path, names: &[ServerName]) -> Result<Initialised, PkiError> {
    let exists = |name: &str| dir.join(name).symlink_metadata().is_ok();
    for (key, certificate) in PAIRS {
        let (present, missing) = match (exists(key), exists(certificate)) {
            (true, false) => (key, certificate),
            (false, true) => (certificate, key),
            _ => continue,
        };
        return Err(PkiError::Incomplete {
            present: dir.join(present),
            missing: dir.join(missing),
        });
    }
    let [ca, server, client] = PAIRS.map(|(key, _)| exists(key));
    let archives = || ARCHIVES.iter().map(|archive| archive.0);
    let leaves = PAIRS[1..].iter().map(|pair| pair.0).chain(archives());
    if let (false, Some(leaf)) = (ca, leaves.clone().find(|name| exists(name))) {
        return Err(PkiError::Incomplete {
            present: dir.join(leaf),
            missing: dir.join(PAIRS[0].0),
        });
    }
    if server {
        check_names(&dir.join("server.pem"), names)?;
    }
    let new = match ca {
        true => None,
        false => Some(Pki::generate()?),
    };
    let (read_issuer, ca_der);
    let issuer = match &new {
        Some(pki) => {
            ca_der = pki.ca.cert_der.clone();
            &pki.issuer
        }
        None => {
            (read_issuer, ca_der) = issuer(dir)?;
            &read_issuer
        }
    };
    let mut files: Vec<(&'static str, Vec<u8>, Mode)> = Vec::new();
    let mut add = |(key, certificate), identity: &IssuedIdentity| {
        files.push((key, identity.key_pem.clone().into(), Mode::Secret));
        files.push((certificate, identity.cert_pem.clone().into(), Mode::Public));
    };
    if let Some(pki) = &new {
        add(PAIRS[0], &pki.ca);
    }
    if !server {
        let params = server_params(
            None,
            names
                .iter()
                .map(ServerName::san)
                .collect::<Result<_, _>>()?,
        );
        add(PAIRS[1], &issue(issuer, params, "server")?);
    }
    let client = match client {
        true => read_client(dir)?,
        false => {
            let identity = issue(issuer, client_params(DEFAULT_CLIENT)?, "client")?;
            add(PAIRS[2], &identity);
            identity
        }
    };
    for (name, password, encryption) in ARCHIVES {
        if !exists(name) {
            let archive = archive(&client, &ca_der, password, encryption)?;
            files.push((name, archive, Mode::Secret));
        }
    }
    let made: Vec<&'static str> = files.iter().map(|file| file.0).collect();
    let all = PAIRS.iter().flat_map(|pair| [pair.0, pair.1]);
    let kept = all.chain(archives()).filter(|name| !made.contains(name));
    let kept = kept.collect();
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes, mode)| (*name, bytes.as_slice(), *mode))
        .collect();
    write_all(dir, &files)?;
    Ok(Initialised { made, kept })
}

/// Whether a certificate that stays carries the names.
fn check_names(path: &Path, names: &[ServerName]) -> Result<(), PkiError> {
    let Some(der) = certificates(path)?.into_iter().next() else {
        return Ok(());
    };
    let carried = CertificateFacts::from_der(&der).map_or(Vec::new(), |facts| facts.alt_names);
    let lacks = names.iter().find(|name| {
        let wanted = match name {
            ServerName::Host(host) => AltName::Dns(host.clone()),
            ServerName::Address(address) => AltName::Ip(*address),
        };
        !carried.contains(&wanted)
    });
    match lacks {
        None => Ok(()),
        Some(name) => Err(PkiError::ServerName {
            path: path.to_owned(),
            name: name.to_string(),
        }),
    }
}

/// The client that is there already.
fn read_client(dir: &Path) -> Result<IssuedIdentity, PkiError> {
    let (key_path, cert_path) = (dir.join(PAIRS[2].0), dir.join(PAIRS[2].1));
    let key_pem = read_text(&key_path)?;
    let key = KeyPair::from_pem(&key_pem).map_err(|error| PkiError::Content {
        path: key_path,
        expected: "the client's private key (PKCS#8 in PEM form)",
        reason: error.to_string(),
    })?;
    let cert_pem = read_text(&cert_path)?;
    let mut certificates = certificates(&cert_path)?;
    Ok(IssuedIdentity {
        cert_der: certificates.swap_remove(0),
        cert_pem,
        key_der: key.serialize_der(),
        key_pem,
    })
}

impl ServerName {
    fn san(&self) -> Result<SanType, PkiError> {
        Ok(match self {
            Self::Address(address) => SanType::IpAddress(*address),
            Self::Host(host) => {
                let host = host.as_str().try_into();
                SanType::DnsName(host.map_err(|source| PkiError::Certificate {
                    what: "server",
                    source,
                })?)
            }
        })
    }
}

impl FromStr for ServerName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let name = text.strip_prefix("*.").unwrap_or(text);
        let is_host = name.len() <= 253 && name.split('.').all(|label| !label.is_empty());
        match is_host && name.chars().all(fits) {
            true => Ok(Self::Host(text.into())),
            false => Err("use a host name such as fmc.example.net, or an IP address"),
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.write_str(host),
            Self::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect();
        all.sort();
        all
    }

    #[test]
    fn a_second_time_everything_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let first = init(dir.path(), &[]).unwrap();
        assert_eq!((first.made.len(), first.kept.len()), (9, 0));
        let before = contents(dir.path());
        let second = init(dir.path(), &[]).unwrap();
        assert_eq!((second.made.len(), second.kept.len()), (0, 9));
        assert!(contents(dir.path()) == before);
        super::super::load(dir.path()).unwrap();
    }

    #[test]
    fn what_is_missing_is_made_and_the_rest_is_kept_or_the_remedy_is_told() {
        let whole = tempfile::tempdir().unwrap();
        init(whole.path(), &[]).unwrap();
        let names = contents(whole.path());
        for left_out in 0..1_u32 << names.len() {
            let dir = tempfile::tempdir().unwrap();
            for (at, (name, bytes)) in names.iter().enumerate() {
                if left_out >> at & 1 == 0 {
                    fs::write(dir.path().join(name), bytes).unwrap();
                }
            }
            let before = contents(dir.path());
            match init(dir.path(), &[]) {
                Ok(done) => {
                    let after = contents(dir.path());
                    assert_eq!(after.len(), 9);
                    assert!(before.iter().all(|file| after.contains(file)));
                    assert_eq!(done.kept.len(), before.len());
                }
                Err(error) => {
                    assert!(contents(dir.path()) == before, "{error}");
                    assert!(error.to_string().contains("restore"), "{error}");
                }
            }
        }
    }

    #[test]
    fn the_server_carries_the_names_and_one_that_stays_is_not_given_others() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["fmc.example.net", "192.0.2.7", "::1", "*.example.org"];
        let names: Vec<ServerName> = names.iter().map(|name| name.parse().unwrap()).collect();
        init(dir.path(), &names).unwrap();
        let der = certificates(&dir.path().join("server.pem")).unwrap();
        let facts = CertificateFacts::from_der(&der[0]).unwrap();
        assert_eq!(facts.alt_names.len(), 4);
        init(dir.path(), &names[1..3]).unwrap();
        let other = ["fmc2.example.net".parse().unwrap()];
        let error = init(dir.path(), &other).unwrap_err().to_string();
        for word in ["server.pem", "fmc2.example.net", "server.key", "remove"] {
            assert!(error.contains(word), "{error}");
        }
        for file in ["server.pem", "server.key"] {
            fs::remove_file(dir.path().join(file)).unwrap();
        }
        let done = init(dir.path(), &other).unwrap();
        assert_eq!(done.made, ["server.key", "server.pem"]);
        for wrong in ["", "a b", "https://fmc", "a..b", "fmc:8302", "a/b"] {
            assert!(wrong.parse::<ServerName>().is_err(), "{wrong}");
        }
    }
}
