//! The internal certificate authority: for offices without a public name, and for agents.
//!
//! P-256 keys, as every client takes them. The authority's key is for its owner to seal; here it lives in memory only.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData,
    SanType, date_time_ymd,
};
use sha2::{Digest as _, Sha256};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long the authority is valid.
pub const AUTHORITY_DAYS: u32 = 3652;

/// How long a server certificate is valid: the most that Apple's and Mozilla's programmes took for years (398) less one.
pub const SERVER_DAYS: u32 = 397;

/// How long an agent's certificate is valid: a PC may stay in a cupboard for a year and still be known. What ends it
/// before that is the gateway's list of agents, not its date.
pub const AGENT_DAYS: u32 = 761;

/// How long the certificate of who signs `.rdp` files is valid. IT distributes its thumbprint by group policy, and a new one
/// is work on their side. What ends it before that is the thumbprint taken off again.
pub const PUBLISHER_DAYS: u32 = 1826;

/// Remote Desktop Authentication (`szOID_TS_KP_TS_SERVER_AUTH`, credssp.h).
const REMOTE_DESKTOP_AUTHENTICATION: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 54, 1, 2];

/// Certificates begin in the past by this much, for clients whose clock is behind.
const BACKDATED: Duration = Duration::from_secs(3600);

/// What an authority may vouch for. People are told to trust it: whoever steals its key must not become their bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// DNS names, each with what is below it.
    pub names: Vec<String>,
    /// Addresses.
    pub networks: Vec<IpNet>,
}

/// A certificate authority and its key.
pub struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A name is no DNS name.
    #[error("`{0}` cannot stand in a certificate: a DNS name is expected, such as door.example.org")]
    Name(String),
    /// Neither a name nor an address was given.
    #[error("a server certificate needs at least one name or address")]
    Nameless,
    /// An authority without bounds could vouch for anybody.
    #[error("a certificate authority needs at least one name and one network it is for")]
    Boundless,
    /// The stored certificate or key cannot be read, or they do not belong together.
    #[error("the stored certificate authority cannot be used")]
    Stored(#[source] rcgen::Error),
    /// What a machine asked to be certified is no request, or not signed with the key it names.
    #[error("not a certificate request (PKCS #10) signed with its own key")]
    Request(#[source] rcgen::Error),
    /// Making a key or a signature failed.
    #[error("cannot make a certificate")]
    Making(#[source] rcgen::Error),
}

impl Authority {
    /// A new authority, valid for ten years from this moment, for servers and clients within its bounds (RFC 5280, 4.2.1.10).
    ///
    /// # Errors
    /// [`AuthorityError::Name`], [`AuthorityError::Boundless`], [`AuthorityError::Making`].
    pub fn new_at(organisation: &str, bounds: &Bounds, unix_seconds: u64) -> Result<Self, AuthorityError> {
        // A kind of name without a subtree would be free.
        if bounds.names.is_empty() || bounds.networks.is_empty() {
            return Err(AuthorityError::Boundless);
        }
        let key = KeyPair::generate().map_err(AuthorityError::Making)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organisation);
        params.distinguished_name.push(DnType::CommonName, format!("Passerelle of {organisation}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: subtrees(bounds)?, excluded_subtrees: Vec::new() });
        valid(&mut params, unix_seconds, AUTHORITY_DAYS);
        let certificate = params.self_signed(&key).map_err(AuthorityError::Making)?;
        Ok(Self { certificate_pem: certificate.pem(), issuer: Issuer::new(params, key) })
    }

    /// The authority as it was stored.
    ///
    /// # Errors
    /// [`AuthorityError::Stored`].
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pem(key_pem).map_err(AuthorityError::Stored)?;
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key).map_err(AuthorityError::Stored)?;
        Ok(Self { certificate_pem: certificate_pem.to_owned(), issuer })
    }

    /// The certificate, for people and machines to trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key. Seal it before it is stored.
    #[must_use]
    pub fn key_pem(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(self.issuer.key().serialize_pem())
    }

    /// A server certificate with its chain, and its key, valid for 397 days from this moment.
    ///
    /// # Errors
    /// [`AuthorityError::Name`], [`AuthorityError::Nameless`], [`AuthorityError::Making`].
    pub fn issue_server_at(
        &self,
        names: &[String],
        ips: &[IpAddr],
        unix_seconds: u64,
    ) -> Result<(String, String), AuthorityError> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = subject_alt_names(names, ips)?;
        let shown = names.first().cloned().or_else(|| ips.first().map(IpAddr::to_string));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, shown.ok_or(AuthorityError::Nameless)?);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        valid(&mut params, unix_seconds, SERVER_DAYS);
        let key = KeyPair::generate().map_err(AuthorityError::Making)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(AuthorityError::Making)?;
        Ok((format!("{}{}", certificate.pem(), self.certificate_pem), key.serialize_pem()))
    }

    /// A client certificate for an agent, with this authority's own behind it, valid for 761 days from this moment. Of the
    /// request (PKCS #10, in PEM) nothing is taken but the key it was signed with; `id` stands as the common name.
    ///
    /// # Errors
    /// [`AuthorityError::Request`], [`AuthorityError::Making`].
    pub fn issue_agent_at(&self, request_pem: &str, id: &str, unix_seconds: u64) -> Result<String, AuthorityError> {
        let request = CertificateSigningRequestParams::from_pem(request_pem).map_err(AuthorityError::Request)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, id);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        valid(&mut params, unix_seconds, AGENT_DAYS);
        let certificate = params.signed_by(&request.public_key, &self.issuer).map_err(AuthorityError::Making)?;
        Ok(format!("{}{}", certificate.pem(), self.certificate_pem))
    }

    /// A certificate (DER) for who signs `.rdp` files, valid for 1826 days from this moment.
    ///
    /// Windows takes one for server authentication, for code signing, or for RDP (TechNet cc754499, dn781533). The first is
    /// what holds under this authority, which is for servers and clients alone: to Windows no program is signed by it. It
    /// names no host, so it is no TLS server's.
    ///
    /// # Errors
    /// [`AuthorityError::Making`].
    pub(crate) fn issue_publisher_at(
        &self,
        public_key: &impl PublicKeyData,
        organisation: &str,
        unix_seconds: u64,
    ) -> Result<Vec<u8>, AuthorityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organisation);
        // Not the authority's own name, or the certificate would seem to be its own issuer.
        params.distinguished_name.push(DnType::CommonName, format!("Remote desktops of {organisation}"));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let remote_desktop = ExtendedKeyUsagePurpose::Other(REMOTE_DESKTOP_AUTHENTICATION.into());
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::CodeSigning, remote_desktop];
        params.use_authority_key_identifier_extension = true;
        valid(&mut params, unix_seconds, PUBLISHER_DAYS);
        let certificate = params.signed_by(public_key, &self.issuer).map_err(AuthorityError::Making)?;
        Ok(certificate.der().to_vec())
    }
}

/// SHA-256 of the first certificate in this text, as browsers show it: `AB:CD:…`. Nothing if there is none.
#[must_use]
pub fn fingerprint(pem: &str) -> Option<String> {
    let encoded = pem.split_once("-----BEGIN CERTIFICATE-----")?.1.split_once("-----END CERTIFICATE-----")?.0;
    let der = STANDARD.decode(encoded.split_whitespace().collect::<String>()).ok()?;
    Some(Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":"))
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

fn subtrees(bounds: &Bounds) -> Result<Vec<GeneralSubtree>, AuthorityError> {
    let dns = bounds.names.iter().map(|name| Ok(GeneralSubtree::DnsName(dns_name(name)?.to_owned())));
    let address = |n: &IpNet| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(n.network(), n.prefix_len()));
    dns.chain(bounds.networks.iter().map(|n| Ok(address(n)))).collect()
}

fn subject_alt_names(names: &[String], ips: &[IpAddr]) -> Result<Vec<SanType>, AuthorityError> {
    let dns = names.iter().map(|name| {
        let text = dns_name(name)?.try_into().map_err(|_| AuthorityError::Name(name.clone()))?;
        Ok(SanType::DnsName(text))
    });
    dns.chain(ips.iter().map(|ip| Ok(SanType::IpAddress(*ip)))).collect()
}

fn dns_name(name: &str) -> Result<&str, AuthorityError> {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    let fits = name.len() <= 253 && name.split('.').all(label);
    if fits { Ok(name) } else { Err(AuthorityError::Name(name.to_owned())) }
}

fn valid(params: &mut CertificateParams, unix_seconds: u64, days: u32) {
    // Beyond the year 9999 a certificate cannot say when it is; a clock that far off is broken anyway.
    let now = Duration::from_secs(unix_seconds.min(200_000_000_000));
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(BACKDATED);
    params.not_after = epoch + now + DAY * days;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        let networks = ["10.64.0.0/10", "fd6b:10f3:77aa::/48"].map(|n| n.parse().unwrap());
        Bounds { names: vec!["door.example.org".into()], networks: networks.into() }
    }

    #[test]
    fn issues_and_comes_back_from_storage() {
        let authority = Authority::new_at("Étude Rossi", &bounds(), 1_800_000_000).unwrap();
        let again = Authority::from_pem(authority.certificate_pem(), &authority.key_pem()).unwrap();
        let names = ["door.example.org".to_owned()];
        let ips = ["10.91.0.1".parse().unwrap(), "fd6b:10f3:77aa::1".parse().unwrap()];
        let (chain, key) = again.issue_server_at(&names, &ips, 1_800_000_000).unwrap();
        assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(chain.ends_with(authority.certificate_pem()));
        assert!(key.contains("PRIVATE KEY") && !chain.contains("PRIVATE KEY"));
    }

    #[test]
    fn names_are_checked() {
        let authority = Authority::new_at("x", &bounds(), 0).unwrap();
        for bad in ["", "a b", "-a", "a-", "a..b", "exämple.org", &"a".repeat(64)] {
            assert!(
                matches!(authority.issue_server_at(&[bad.to_owned()], &[], 0), Err(AuthorityError::Name(_))),
                "{bad}"
            );
        }
        assert!(matches!(authority.issue_server_at(&[], &[], 0), Err(AuthorityError::Nameless)));
        for free in [Bounds { names: vec![], ..bounds() }, Bounds { networks: vec![], ..bounds() }] {
            assert!(matches!(Authority::new_at("x", &free, 0), Err(AuthorityError::Boundless)));
        }
    }

    #[test]
    fn an_agent_gets_a_certificate_for_its_key_and_nothing_it_asked_for() {
        let authority = Authority::new_at("x", &bounds(), 0).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut wishes = CertificateParams::new(vec!["bank.example".to_owned()]).unwrap();
        wishes.is_ca = IsCa::NoCa;
        wishes.distinguished_name.push(DnType::CommonName, "the gateway");
        let request = wishes.serialize_request(&key).unwrap().pem().unwrap();
        let chain = authority.issue_agent_at(&request, "pc-7", 1_750_000_000).unwrap();
        assert!(chain.ends_with(authority.certificate_pem()));
        let der =
            STANDARD.decode(chain.lines().skip(1).take_while(|l| !l.starts_with('-')).collect::<String>()).unwrap();
        let holds = |bytes: &[u8]| der.windows(bytes.len()).any(|w| w == bytes);
        assert!(holds(b"pc-7") && holds(key.public_key_raw()));
        assert!(!holds(b"bank.example") && !holds(b"the gateway"));
        // Signed with another key than the one that it names.
        let other = KeyPair::generate().unwrap();
        let body =
            |pem: &str| STANDARD.decode(pem.lines().filter(|l| !l.starts_with('-')).collect::<String>()).unwrap();
        let (mut forged, raw) = (body(&request), key.public_key_raw());
        let at = forged.windows(raw.len()).position(|w| w == raw).unwrap();
        forged[at..at + raw.len()].copy_from_slice(other.public_key_raw());
        let begin =
            |text: String| format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n");
        for wrong in [begin(STANDARD.encode(forged)), begin("AAAA".into()), String::new(), chain] {
            assert!(matches!(authority.issue_agent_at(&wrong, "x", 0), Err(AuthorityError::Request(_))), "{wrong}");
        }
    }

    #[test]
    fn rubbish_from_storage_is_refused() {
        let a = Authority::new_at("x", &bounds(), 0).unwrap();
        assert!(Authority::from_pem("", "").is_err());
        assert!(Authority::from_pem(&a.key_pem(), a.certificate_pem()).is_err());
    }
}
