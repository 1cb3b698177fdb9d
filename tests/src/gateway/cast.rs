//! Who plays: two people, one of whom may reach the file server and the office PC.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Gateway, GatewayOptions, Web, text_at};
use crate::addresses::{FILES, FILES6, PC, PC6};
use crate::netns::Netns;
use crate::place::{Home, Office};
use crate::totp::Authenticator;
use crate::wireguard::Client;

/// Beginning of everybody's password here.
pub const PASSWORD: &str = "Seven-copper-kettles";

/// A first handshake takes no longer.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);

/// Somebody who has redeemed an invitation.
#[derive(Debug)]
pub struct Person {
    /// Login.
    pub login: String,
    /// Password.
    pub password: String,
    /// `otpauth://…`, as the QR code holds it.
    pub uri: String,
    /// Codes for a lost telephone.
    pub recovery_codes: Vec<String>,
    /// The app on the telephone.
    pub authenticator: Authenticator,
}

impl Person {
    /// What they type, and a recovery code, for a browser's script.
    #[must_use]
    pub fn credentials(&self) -> String {
        json!({ "login": self.login, "password": self.password, "recovery": self.recovery_codes.first() }).to_string()
    }
}

/// A device as issued.
#[derive(Clone)]
pub struct Device {
    /// Which one.
    pub id: String,
    /// Its address in the site network.
    pub address4: Ipv4Addr,
    /// The same for IPv6.
    pub address6: Ipv6Addr,
    /// Its WireGuard configuration, with the private key that never left it.
    pub config: String,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({})", self.id)
    }
}

/// A gateway with people, devices, resources and policies:
/// `anne` is in the group `workshop`, which may reach `files` (the share) and `pc` (3389 and 9000); `boris` is in none.
/// Both have a device, neither has signed in.
#[derive(Debug)]
pub struct Cast<'o> {
    /// The gateway.
    pub gateway: Gateway<'o>,
    /// May reach the share and the PC.
    pub anne: Person,
    /// Anne's laptop.
    pub laptop: Device,
    /// May reach nothing.
    pub boris: Person,
    /// Boris's tablet.
    pub tablet: Device,
    /// The file server's aliases.
    pub files: (Ipv4Addr, Ipv6Addr),
    /// The office PC's aliases.
    pub pc: (Ipv4Addr, Ipv6Addr),
    /// Id of the policy that lets the workshop reach the share.
    pub files_policy: String,
}

impl<'o> Cast<'o> {
    /// Sets everything up by the command line.
    ///
    /// # Errors
    /// The gateway does not start, or refuses a step.
    pub fn start(office: &'o Office, options: GatewayOptions) -> anyhow::Result<Self> {
        let gateway = Gateway::start(office, options)?;
        gateway.cli(&["group", "add", "workshop"])?;
        let share = gateway.cli(&[
            "share",
            "add",
            "files",
            &FILES.to_string(),
            &FILES6.to_string(),
            "--dns-name",
            "files.office.lan",
        ])?;
        let pc = gateway.cli(&[
            "service",
            "add",
            "pc",
            &PC.to_string(),
            &PC6.to_string(),
            "--dns-name",
            "pc.office.lan",
            "--port",
            "3389",
            "--port",
            "9000",
        ])?;
        let files_policy = text_at(&gateway.cli(&["policy", "add", "workshop", "files"])?, "/id")?;
        gateway.cli(&["policy", "add", "workshop", "pc"])?;
        let anne = gateway.admit("anne", &["workshop"])?;
        let laptop = gateway.add_device("anne", "laptop")?;
        let boris = gateway.admit("boris", &[])?;
        let tablet = gateway.add_device("boris", "tablet")?;
        Ok(Self { files: aliases(&share)?, pc: aliases(&pc)?, gateway, anne, laptop, boris, tablet, files_policy })
    }

    /// Anne's laptop at home, its tunnel up, its door still locked.
    ///
    /// # Errors
    /// The tunnel does not come up.
    pub fn anne_at(&self, home: Home) -> anyhow::Result<Client<'o>> {
        self.device_at(&self.laptop.config, home)
    }

    /// Boris's tablet at home, its tunnel up, its door still locked.
    ///
    /// # Errors
    /// The tunnel does not come up.
    pub fn boris_at(&self, home: Home) -> anyhow::Result<Client<'o>> {
        self.device_at(&self.tablet.config, home)
    }

    fn device_at(&self, config: &str, home: Home) -> anyhow::Result<Client<'o>> {
        let office = self.gateway.office();
        let client = Client::wireguard_go(office, office.home(home), config)?;
        client.wait_for_handshake(HANDSHAKE_LIMIT)?;
        Ok(client)
    }

    /// Anne signs in from a machine whose tunnel is hers.
    ///
    /// # Errors
    /// It was refused.
    pub fn anne_signs_in(&mut self, ns: &'o Netns) -> anyhow::Result<Web<'o>> {
        let web = self.gateway.web(ns)?;
        web.sign_in(&mut self.anne)?;
        Ok(web)
    }

    /// A port of the file server as devices see it.
    #[must_use]
    pub fn files_at(&self, port: u16) -> [SocketAddr; 2] {
        both(self.files, port)
    }

    /// A port of the office PC as devices see it.
    #[must_use]
    pub fn pc_at(&self, port: u16) -> [SocketAddr; 2] {
        both(self.pc, port)
    }
}

fn both(aliases: (Ipv4Addr, Ipv6Addr), port: u16) -> [SocketAddr; 2] {
    [(IpAddr::V4(aliases.0), port).into(), (IpAddr::V6(aliases.1), port).into()]
}

fn aliases(resource: &Value) -> anyhow::Result<(Ipv4Addr, Ipv6Addr)> {
    let v4 = text_at(resource, "/alias4")?.parse().context("alias4")?;
    Ok((v4, text_at(resource, "/alias6")?.parse().context("alias6")?))
}
